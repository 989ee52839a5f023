"""The best trial trained again with fresh seeds: how much of its lead was luck.

A trial is chosen because its validation figure is the best of many, so that figure flatters it. Its
confirmations were not chosen: their mean on the validation split says what the choice is worth, and
the test split is looked at by them alone, once.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from framework.launch.driver import Driver, Observer
from framework.launch.evidence import summary
from framework.launch.grid import Grid, same
from framework.launch.objective import Objective
from framework.launch.place import Place
from framework.launch.request import Request
from framework.launch.sweep import Sweep, words
from framework.launch.table import Row, Table
from framework.launch.trial import Trial

FOLDER = "confirm"
RECORD = "confirmed.json"
SPLITS = ("validation", "test")
LEVEL = 0.95


def confirm(
    request: Request, sweep: Sweep, chosen: Row, wanted: Objective, count: int, place: Place,
    observer: Observer, max_tries: int, asked: Callable[[], int],
) -> list[Row]:  # fmt: skip
    """Trains `count` confirmations and writes `confirmed.json`; returns their rows."""
    folder = sweep.path / FOLDER
    folder.mkdir(exist_ok=True)
    table = _table(sweep, chosen)
    seeds = fresh_seeds(request, chosen, count)
    points = {n: {**chosen.values, "seed": seed} for n, seed in enumerate(seeds)}

    def trial(number: int, values: Mapping[str, Any]) -> Trial:
        run = folder / str(values["seed"])
        return Trial(number, values, words(request.fixed, values, run, SPLITS), run)

    if request.launch.get("retry_failed"):
        for row in [row for row in table if row.state == "failed"]:
            table.change(row.number, state="waiting")
    source = Grid(points, given=[row.number for row in table])
    Driver(table, source, place, trial, observer, max_tries, asked).run()
    done = [row for row in table if row.state == "done" and row.number in points]
    found = {str(row.values["seed"]): summary(folder / str(row.values["seed"])) for row in done}
    sweep.write_json(RECORD, record(chosen, wanted, found))
    return [row for row in table if row.number in points]


def fresh_seeds(request: Request, chosen: Row, count: int) -> list[int]:
    """Seeds with which no trial of the sweep was trained; the same each time."""
    used = {chosen.values.get("seed"), request.settings.get("seed")}
    used |= {value for one in request.space if one.key == "seed" for value in one.values}
    return list(itertools.islice((n for n in itertools.count(1000) if n not in used), count))


def record(
    chosen: Row, wanted: Objective, found: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What `confirmed.json` says.

    Args:
        found: the summaries of the confirmations by seed.
    """
    from framework.evaluation.formats import is_share

    values = {
        split: {seed: one["metrics"].get(f"{split}/{wanted.metric}") for seed, one in found.items()}
        for split in SPLITS
    }
    ends = (0.0, 1.0) if is_share(wanted.metric) else (-math.inf, math.inf)
    estimates = {split: estimate(list(v.values()), *ends) for split, v in values.items()}
    before, mean = wanted.of(chosen), estimates["validation"]["mean"]
    luck = None if mean is None else (before - mean if wanted.maximize else mean - before)
    return {
        "trial": chosen.number, "values": dict(chosen.values), "metric": wanted.metric,
        "maximize": wanted.maximize, "chosen": before, "luck": luck, "level": LEVEL,
        **{split: {**estimates[split], "by_seed": values[split]} for split in SPLITS},
    }  # fmt: skip


def estimate(
    values: Sequence[float | None], lowest: float = -math.inf, highest: float = math.inf
) -> dict[str, float | int | None]:
    """Mean of what was measured and its interval by Student's t; None where there are too few.

    Args:
        lowest, highest: that the metric can be. Few values make a wide interval, which says
            nothing of what cannot be.
    """
    known = [v for v in values if v is not None and math.isfinite(v)]
    count = len(known)
    if not count:
        return {"mean": None, "low": None, "high": None, "n": 0}
    mean = sum(known) / count
    if count < 2:
        return {"mean": mean, "low": None, "high": None, "n": count}
    from scipy.stats import t

    deviation = math.sqrt(sum((v - mean) ** 2 for v in known) / (count - 1))
    half = float(t.ppf((1 + LEVEL) / 2, count - 1)) * deviation / math.sqrt(count)
    low, high = max(mean - half, lowest), min(mean + half, highest)
    return {"mean": mean, "low": low, "high": high, "n": count}


def say(said: Mapping[str, Any]) -> None:
    """The honest figures, in three lines."""
    for split in SPLITS:
        found = said[split]
        if found["mean"] is None:
            continue
        low, high = found["low"], found["high"]
        between = f" ({low:.6g} to {high:.6g})" if low is not None else ""
        mean = f"{split} {said['metric']} {found['mean']:.6g}{between}"
        print(f"Confirmed {mean}, mean of {found['n']} fresh seeds")
    if said["luck"] is not None:
        print(f"Luck      {said['luck']:+.3g} of trial {said['trial']}'s {said['chosen']:.6g}")


def _table(sweep: Sweep, chosen: Row) -> Table:
    """That of the chosen trial's confirmations; those of another one are set aside."""
    path = sweep.path / FOLDER / "trials.jsonl"
    table = Table(path)
    before = next(iter(table), None)
    if before is None:
        return table
    known = {key: value for key, value in before.values.items() if key != "seed"}
    wanted = {key: value for key, value in chosen.values.items() if key != "seed"}
    if same(known) == same(wanted):
        return table
    old = _free(sweep.path)
    path.parent.rename(old)
    path.parent.mkdir()
    return Table(path)


def _free(folder: Path) -> Path:
    names = (folder / f"{FOLDER}-{number}" for number in itertools.count(1))
    return next(path for path in names if not path.exists())
