"""No metric is significantly worse than the champion's."""

from dataclasses import dataclass

from framework.registry.gates.difference import difference
from framework.registry.gates.gate import Contender, Number, Verdict


@dataclass(frozen=True)
class Metrics:
    """Compares those of `names` that the champion has; see `difference` for the arithmetic.

    Attributes:
        margin: so much worse is put up with, beyond what chance explains; in the metric's unit.
    """

    names: tuple[str, ...] = ("accuracy", "log_loss")
    margin: float = 0.0

    def __post_init__(self) -> None:
        if not self.names or self.margin < 0:
            raise ValueError(f"names={self.names} margin={self.margin}: a name, and from 0")

    def __call__(self, candidate: Contender, champion: Contender | None) -> Verdict:
        """Fails where one is worse, or where they cannot be compared: other splits are not."""
        if champion is None:
            return Verdict(True, "there is no version to compare it with")
        if candidate.split != champion.split:
            on, before = (one.split or "no split by name" for one in (candidate, champion))
            text = f"measured on {on}, the champion on {before}"
            return Verdict(False, f"{text}: export both on the same split")
        names = [name for name in self.names if name in champion.metrics]
        if not names:
            return Verdict(False, f"the champion has none of {', '.join(self.names)}")
        worse, said = [], []
        numbers: dict[str, Number] = {}
        for name in names:
            if name not in candidate.metrics:
                worse.append(f"it has no {name}, which the champion has")
                continue
            found = difference(name, candidate.metrics, champion.metrics)
            ours, theirs = candidate.metrics[name], champion.metrics[name]
            bound = f"{found.value:+.4g}, at best {found.high:+.4g}"
            line = f"{name} {ours:.4g} against {theirs:.4g} ({bound})"
            said.append(line)
            numbers |= {name: ours, f"{name}/champion": theirs, f"{name}/difference": found.value}
            numbers[f"{name}/difference_high"] = found.high
            if found.high < -self.margin:
                worse.append(f"{line} is worse by more than chance and the margin {self.margin:g}")
        passed = not worse
        text = "; ".join(said if passed else worse) + _other_data(candidate, champion)
        return Verdict(passed, text, numbers)


def _other_data(candidate: Contender, champion: Contender) -> str:
    both = (candidate, champion)
    ours, theirs = ((one.about.get("data") or {}).get("fingerprint") for one in both)
    return "" if ours == theirs else "; they were measured on different data"
