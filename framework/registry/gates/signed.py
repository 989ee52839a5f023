"""It is signed by whom we trust."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from framework.artifact import ArtifactError
from framework.artifact.signing import check_public_key
from framework.registry.gates.gate import Contender, Verdict
from framework.registry.signed import why_unsigned


@dataclass(frozen=True)
class Signed:
    """Its signature was made with the private key of the public `key`, over these very files."""

    key: Path

    def __post_init__(self) -> None:
        """Refuses a wrong key before any gate is asked; InvalidInput says what to do."""
        with contextlib.suppress(ArtifactError):  # without the library the gate does not pass
            check_public_key(self.key)

    def __call__(self, candidate: Contender, champion: Contender | None) -> Verdict:
        """Fails where it is not signed, or by another key."""
        del champion
        problem = why_unsigned(candidate.directory, self.key)
        return Verdict(not problem, problem or f"signed, as {self.key} says")
