"""It answers fast enough, and not much slower than the champion: measured here and now."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from framework.artifact import ArtifactError, load
from framework.registry.gates.gate import Contender, Number, Verdict

_EXAMPLES = "examples/inputs.npz"


@dataclass(frozen=True)
class Latency:
    """The median time of a call with `batch` of the artifact's own examples.

    Candidate and champion are called in turn, so that whatever else the machine does meets both.

    Attributes:
        milliseconds: at most; None for no such bound.
        ratio: candidate over champion at most; None for no such bound.
        calls: timed, of each, after `warm_up` that are not.
    """

    milliseconds: float | None = None
    ratio: float | None = 1.5
    batch: int = 1
    calls: int = 100
    warm_up: int = 10

    def __post_init__(self) -> None:
        if min(self.batch, self.calls) < 1 or self.warm_up < 0:
            raise ValueError("batch and calls: expected numbers from 1; warm_up: from 0")
        if any(bound is not None and bound <= 0 for bound in (self.milliseconds, self.ratio)):
            raise ValueError("milliseconds and ratio: expected bounds over 0, or null")

    def __call__(self, candidate: Contender, champion: Contender | None) -> Verdict:
        """Fails where a bound is broken, or where an artifact cannot be loaded here."""
        contenders = [candidate] if champion is None else [candidate, champion]
        try:
            calls = [_call(one, self.batch) for one in contenders]
        except ArtifactError as error:
            return Verdict(False, f"cannot be measured: {error}")
        medians = _interleaved(calls, self.calls, self.warm_up)
        own = medians[0]
        numbers: dict[str, Number] = {"milliseconds": own, "batch": self.batch}
        said, wrong = [f"{own:.3g} ms a batch of {self.batch}"], False
        if self.milliseconds is not None:
            wrong = own > self.milliseconds
            said.append(f"at most {self.milliseconds:g} wanted")
        if champion is not None:
            quotient = own / medians[1]
            numbers |= {"champion_milliseconds": medians[1], "ratio": quotient}
            said.append(f"{quotient:.3g} of the champion's {medians[1]:.3g} ms")
            if self.ratio is not None:
                wrong |= quotient > self.ratio
                said.append(f"at most {self.ratio:g} wanted")
        return Verdict(not wrong, ", ".join(said), numbers)


def _call(contender: Contender, batch: int) -> Callable[[], object]:
    """The artifact's program on its first examples, over again where they are too few.

    Raises:
        ArtifactError: it cannot be loaded here, or was exported without examples.
    """
    if _EXAMPLES not in contender.version.files:
        text = f"version {contender.version.number} has no {_EXAMPLES} to be called with"
        raise ArtifactError(f"{text}; export it with export.examples=1 or more")
    artifact = load(contender.directory, batch_sizes=[batch])
    inputs, _ = artifact.examples()
    filled = {
        name: np.resize(array[:batch], (batch, *array.shape[1:])) for name, array in inputs.items()
    }
    return lambda: artifact.run(filled)


def _interleaved(calls: list[Callable[[], object]], count: int, warm_up: int) -> list[float]:
    """The median milliseconds of each."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(warm_up + count):
        for call, spent in zip(calls, times, strict=True):
            begun = time.perf_counter()
            call()
            if turn >= warm_up:
                spent.append(1e3 * (time.perf_counter() - begun))
    return [statistics.median(spent) for spent in times]
