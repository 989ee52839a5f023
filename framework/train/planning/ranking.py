"""What became of each candidate of a search, for people and as JSON."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from framework.train.experiment import Experiment
from framework.train.planning.candidates import Candidate, policies
from framework.train.planning.plan import Plan, shown_mesh
from framework.train.planning.table import duration, size


@dataclass
class Ranking:
    """What became of each candidate.

    Attributes:
        compiled: candidate and plan.
        skipped: candidate, why it was not compiled, and the numbers.
    """

    compiled: list[tuple[Candidate, Plan]] = field(default_factory=list)
    skipped: list[tuple[Candidate, str, str]] = field(default_factory=list)

    def skip(self, candidate: Candidate, reason: str, detail: str = "") -> None:
        """Notes why a candidate was not compiled."""
        self.skipped.append((candidate, reason, detail))

    def best(self) -> list[tuple[Candidate, Plan]]:
        """Those that fit, or may fit, the fastest first."""
        fitting = [each for each in self.compiled if each[1].memory.fits is not False]
        return sorted(fitting, key=lambda each: _order(each[1]))


def print_ranking(console: Console, experiment: Experiment, ranking: Ranking, shown: int) -> None:
    """The best so many, and why the others were not compiled."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    remats = policies(experiment) != (None,)
    for name in ("", "mesh", *(("remat",) if remats else ())):
        table.add_column(name, no_wrap=True)
    for name in ("expected", "bound", "MFU at most", "memory"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("bound by", no_wrap=True)
    best = ranking.best()
    for place, (candidate, plan) in enumerate(best[:shown], 1):
        speed = plan.speed
        table.add_row(
            str(place),
            shown_mesh(candidate.mesh),
            *((candidate.remat or "",) if remats else ()),
            duration(speed.expected) if speed else "",
            duration(speed.bound) if speed else "",
            f"{speed.mfu:.1%}" if speed else "",
            size(plan.memory.needed or 0),
            speed.limit if speed else "",
        )
    if best:
        console.print(table)
    else:
        console.print("No candidate fits.")
    misfits = [each for each in ranking.compiled if each[1].memory.fits is False]
    console.print(f"\nCompiled: {len(best)} that fit, {len(misfits)} that do not. Skipped:")
    reasons = Counter(reason for _, reason, _ in ranking.skipped)
    for reason, count in reasons.most_common():
        example, detail = next((c, d) for c, r, d in ranking.skipped if r == reason)
        shape = shown_mesh(example.mesh) + (f", {example.remat}" if example.remat else "")
        numbers = f"{shape}: {detail}" if detail else shape
        console.print(f"  {count:4} {reason} (as {numbers})")


def ranking_json(
    experiment: Experiment, ranking: Ranking, final: Plan | None, seconds: float
) -> dict[str, Any]:
    """Every candidate with its numbers; `final` is the best one's plan at full effort."""
    best = ranking.best()
    misfits = [each for each in ranking.compiled if each[1].memory.fits is False]

    def listed(candidate: Candidate, plan: Plan) -> dict[str, Any]:
        return {"override": candidate.override(experiment), **plan.json()}

    return {
        "best": best[0][0].override(experiment) if best else None,
        "plan": final.json() if final else None,
        "seconds": seconds,
        "ranked": [listed(*each) for each in best],
        "does_not_fit": [listed(*each) for each in misfits],
        "skipped": [
            {"override": candidate.override(experiment), "reason": reason, "detail": detail}
            for candidate, reason, detail in ranking.skipped
        ],
    }


def _order(plan: Plan) -> tuple[float, float, float]:
    sent = sum(each.sent for each in plan.collectives)
    expected = plan.speed.expected if plan.speed else 0.0
    return expected, sent, float(plan.memory.total or 0)
