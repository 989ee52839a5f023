"""It says what the run that it came from says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from framework.registry.gates.gate import Contender, Number, Verdict

_BOUNDED = ("accuracy_drop", "loss_increase", "agreement")


@dataclass(frozen=True)
class Parity:
    """Every comparison that the export made is within its bound, and every format was compared.

    Where the export's precision is coarser than the run's, or the run's than the export's, single
    numbers have no bound; the export measures what it costs (`cost` in the manifest), which has
    bounds here.

    Attributes:
        examples: that each comparison must rest on, at least.
        accuracy_drop: of a coarser precision at most, as a share.
        agreement: share of examples at least that a coarser precision answers as the run does.
        loss_increase: at most; log loss in nats, of a regression the share of the error.
    """

    examples: int = 1
    accuracy_drop: float = 0.02
    agreement: float = 0.96
    loss_increase: float = 0.1

    def __call__(self, candidate: Contender, champion: Contender | None) -> Verdict:
        """Fails where there is no comparison, or one is over its bound."""
        del champion
        made = candidate.about.get("parity") or []
        wrong, coarse, numbers = [], [], dict[str, Number]()
        for one in made:
            name = f"{one['format']}/{one['precision']}/{one['platform']}"
            found, bound = one["largest_difference"], one["bound"]
            numbers |= {name: found, f"{name}/bound": bound}
            if bound is None and found is not None:
                coarse.append(name)
            elif found is None or found > bound:
                wrong.append(f"{name} differs by {found}, over {bound}")
            if one["examples"] < self.examples:
                wrong.append(f"{name} was compared on {one['examples']} examples only")
        compared = {one["format"] for one in made}
        formats = ["stablehlo", *(candidate.about.get("formats") or {})]
        wrong += [f"{name} was not compared" for name in formats if name not in compared]
        cost = {name: one["value"] for name, one in (candidate.about.get("cost") or {}).items()}
        numbers |= cost
        wrong += self._too_dear(coarse, cost)
        said = f"{len(made)} compared with the run, within their bounds"
        told = [f"{name} {value:.3g}" for name, value in cost.items() if value is not None]
        return Verdict(not wrong, "; ".join(wrong) or ", ".join([said, *told]), numbers)

    def _too_dear(self, coarse: list[str], cost: Mapping[str, Any]) -> list[str]:
        if not coarse:
            return []
        if all(cost.get(name) is None for name in _BOUNDED):
            return [f"{name} has no bound, and its cost was not measured" for name in coarse]
        wrong = [
            f"{name} of its precision is {cost[name]:.4g}, over {most:g}"
            for name, most in (
                ("accuracy_drop", self.accuracy_drop),
                ("loss_increase", self.loss_increase),
            )
            if cost.get(name) is not None and cost[name] > most
        ]
        agreement = cost.get("agreement")
        if agreement is not None and agreement < self.agreement:
            wrong.append(f"it agrees with the run in {agreement:.4g}, under {self.agreement:g}")
        return wrong
