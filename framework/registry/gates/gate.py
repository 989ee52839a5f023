"""What a gate is: it looks at a version, and at the one it would replace, and says yes or no."""

import json
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from framework.registry.blobs import read_file
from framework.registry.errors import RegistryError
from framework.registry.model import Version
from framework.registry.pull import pull
from framework.registry.store import Store

Number = float | int | str | None


@dataclass(frozen=True)
class Verdict:
    """Yes or no, the numbers it rests on, and a sentence for a person."""

    passed: bool
    sentence: str
    numbers: Mapping[str, Number] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """A verdict with the gate's name, as the log keeps it."""

    gate: str
    passed: bool
    sentence: str
    numbers: Mapping[str, Number]

    def json(self) -> dict[str, Any]:
        """As plain data; a number that is not finite as text."""
        numbers = {
            name: str(one) if isinstance(one, float) and not math.isfinite(one) else one
            for name, one in self.numbers.items()
        }
        return {
            "gate": self.gate, "passed": self.passed, "sentence": self.sentence, "numbers": numbers,
        }  # fmt: skip


class Contender:
    """A version that gates look at; its directory is made when one first asks for it."""

    def __init__(self, store: Store, version: Version) -> None:
        self.version = version
        self._store = store
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> "Contender":
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def about(self) -> Mapping[str, Any]:
        """What the artifact's manifest says of it."""
        return self.version.about

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers of `split`, by full names; empty where there are none."""
        return self._measured[1]

    @property
    def split(self) -> str:
        """The split that the metrics were measured on; empty where they do not say."""
        return self._measured[0]

    @cached_property
    def _measured(self) -> tuple[str, dict[str, float]]:
        text = self.text("metrics.json")
        try:
            found = json.loads(text) if text else {}
            numbers = {n: float(one) for n, one in found.items() if type(one) in (int, float)}
            return str(found.get("split") or ""), numbers
        except (ValueError, AttributeError) as error:
            number = self.version.number
            raise RegistryError(f"metrics.json of version {number}: not JSON by name") from error

    def text(self, name: str) -> str:
        """A file's content; empty where there is no such file."""
        try:
            return read_file(self._store, self.version, name).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    @cached_property
    def directory(self) -> Path:
        """The artifact, pulled and verified."""
        self._folder = tempfile.TemporaryDirectory(prefix="registry-")
        return pull(self._store, self.version, Path(self._folder.name) / "artifact")


class Gate(Protocol):
    """A bound that a version must keep to be promoted: a frozen dataclass of its limits."""

    def __call__(self, candidate: Contender, champion: Contender | None) -> Verdict:
        """Args: the version to promote, and the one the alias means now."""


def judge(
    gates: Mapping[str, Gate], candidate: Contender, champion: Contender | None
) -> tuple[Finding, ...]:
    """All gates' findings, whatever the first ones say; what cannot be measured does not pass."""
    findings = []
    for name, gate in gates.items():
        try:
            found = gate(candidate, champion)
        except (KeyError, TypeError, ValueError) as error:
            said = f"cannot be measured ({type(error).__name__}: {error})"
            found = Verdict(False, said)
        findings.append(Finding(name, found.passed, found.sentence, found.numbers))
    return tuple(findings)
