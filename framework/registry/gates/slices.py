"""No group of examples is served worse than before."""

from dataclasses import dataclass

from framework.registry.gates.difference import difference
from framework.registry.gates.gate import Contender, Number, Verdict
from framework.stats.direction import higher_is_better

_PREFIX, _ENDS = "slice/", ("/low", "/high", "/under_calibration", "/n")


@dataclass(frozen=True)
class Slices:
    """Looks at every `slice/<name>/<metric>` of the champion and of the candidate.

    Attributes:
        metrics: those of each slice that are looked at.
        margin: so much worse than the champion's is put up with, beyond what chance explains; all
            there is where a slice has no interval.
        floor: the worst that any slice may be; None for no such bound.
        required: fails where the candidate has no slices.
    """

    metrics: tuple[str, ...] = ("accuracy",)
    margin: float = 0.02
    floor: float | None = None
    required: bool = False

    def __call__(self, candidate: Contender, champion: Contender | None) -> Verdict:
        """Fails where a slice is worse, gone, or below the floor."""
        ours = self._named(candidate)
        theirs = self._named(champion) if champion is not None else []
        if not ours and not theirs:
            return Verdict(not self.required, "no slices were measured")
        gone = [f"{name} was measured of the champion only" for name in theirs if name not in ours]
        under = [
            f"{name} is {candidate.metrics[name]:.4g}, worse than the floor of {self.floor:g}"
            for name in ours
            if self._under(candidate, name)
        ]
        worse = []
        numbers: dict[str, Number] = {name: candidate.metrics[name] for name in ours}
        for name in theirs if champion is not None else []:
            if name not in ours:
                continue
            assert champion is not None
            found = difference(name, candidate.metrics, champion.metrics)
            numbers[f"{name}/difference"] = found.value
            numbers[f"{name}/difference_high"] = found.high
            if found.high < -self.margin:
                pair = f"{candidate.metrics[name]:.4g} against {champion.metrics[name]:.4g}"
                worse.append(f"{name} {pair}")
        wrong = [*gone, *under, *worse]
        said = f"{len(ours)} looked at, none worse than the champion's"
        return Verdict(not wrong, "; ".join(wrong) or said, numbers)

    def _named(self, contender: Contender) -> list[str]:
        names = (name for name in contender.metrics if name.startswith(_PREFIX))
        plain = (name for name in names if not name.endswith(_ENDS))
        return [name for name in plain if name.rpartition("/")[2] in self.metrics]

    def _under(self, contender: Contender, name: str) -> bool:
        if self.floor is None:
            return False
        value = contender.metrics[name]
        return value < self.floor if higher_is_better(name) else value > self.floor
