"""It is signed by whom we trust."""

from dataclasses import dataclass
from pathlib import Path

from framework.registry.gates.gate import Contender, Verdict
from framework.registry.signed import why_unsigned


@dataclass(frozen=True)
class Signed:
    """Its signature was made with the private key of the public `key`, over these very files."""

    key: Path

    def __call__(self, candidate: Contender, champion: Contender | None) -> Verdict:
        """Fails where it is not signed, or by another key."""
        del champion
        problem = why_unsigned(candidate.directory, self.key)
        return Verdict(not problem, problem or f"signed, as {self.key} says")
