"""The best trial, or each of a front, trained again with fresh seeds: how much was luck.

A trial is chosen because its validation figure is the best of many, so that figure flatters it. Its
confirmations were not chosen: their mean on the validation split says what the choice is worth, and
the test split is looked at by them alone, once.
"""

import itertools
import json
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
    request: Request, sweep: Sweep, front: Sequence[Row], wanted: Sequence[Objective], count: int,
    place: Place, observer: Observer, max_tries: int, asked: Callable[[], int],
) -> list[Row]:  # fmt: skip
    """Trains `count` confirmations and writes `confirmed.json`; returns their rows.

    Args:
        front: the best trial; of several objectives each that no other is better than.
        count: of each.
    """
    folder = sweep.path / FOLDER
    folder.mkdir(exist_ok=True)
    # In turn, so that those of a smaller count are the first of a larger one.
    turns = enumerate(fresh_seeds(request, front, count * len(front)))
    points = {n: {**front[n % len(front)].values, "seed": seed} for n, seed in turns}
    table = _table(sweep, points)

    def trial(number: int, values: Mapping[str, Any]) -> Trial:
        run = folder / str(values["seed"])
        return Trial(number, values, words(request.fixed, values, run, SPLITS), run)

    if request.retry_failed:
        for row in [row for row in table if row.state == "failed"]:
            table.change(row.number, state="waiting")
    source = Grid(points, given=[row.number for row in table])
    Driver(table, source, place, trial, observer, max_tries, asked).run()
    done = [row for row in table if row.state == "done" and row.number in points]
    found: list[dict[str, dict[str, Any]]] = [{} for _ in front]
    for row in done:
        seed = str(row.values["seed"])
        found[row.number % len(front)][seed] = summary(folder / seed)
    records = [
        record(chosen, one, own) for chosen, own in zip(front, found, strict=True) for one in wanted
    ]
    sweep.write_json(RECORD, records[0] if len(records) == 1 else records)
    return [row for row in table if row.number in points]


def read_records(sweep: Sweep) -> list[dict[str, Any]]:
    """What `confirmed.json` says: of each trial that was confirmed and each metric one record."""
    file = sweep.path / RECORD
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    return found if isinstance(found, list) else [found]


def fresh_seeds(request: Request, front: Sequence[Row], count: int) -> list[int]:
    """Seeds with which no trial of the sweep was trained; the same each time."""
    used = {request.settings.get("seed"), *(row.values.get("seed") for row in front)}
    used |= {value for one in request.space if one.key == "seed" for value in one.values}
    return list(itertools.islice((n for n in itertools.count(1000) if n not in used), count))


def record(
    chosen: Row, wanted: Objective, found: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What `confirmed.json` says of a trial and a metric.

    Args:
        found: the summaries of the confirmations by seed.
    """
    from framework.evaluation.formats import is_share

    values = {
        split: {seed: one["metrics"].get(f"{split}/{wanted.metric}") for seed, one in found.items()}
        for split in SPLITS
    }
    lowest = 0.0 if is_share(wanted.metric) or _never_negative(wanted.metric) else -math.inf
    ends = lowest, 1.0 if is_share(wanted.metric) else math.inf
    estimates = {split: estimate(list(v.values()), *ends) for split, v in values.items()}
    before, mean = wanted.of(chosen), estimates["validation"]["mean"]
    luck = None if mean is None else (before - mean if wanted.maximize else mean - before)
    return {
        "trial": chosen.number, "values": dict(chosen.values), "metric": wanted.metric,
        "maximize": wanted.maximize, "chosen": before, "luck": luck, "level": LEVEL,
        **{split: {**estimates[split], "by_seed": values[split]} for split in SPLITS},
    }  # fmt: skip


def _never_negative(metric: str) -> bool:
    return any(part in metric for part in ("error", "log_loss", "brier", "perplexity", "bits"))


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


def say(records: Sequence[Mapping[str, Any]]) -> None:
    """The honest figures, in three lines; of a front in one for each trial and metric."""
    if len(records) > 1:
        for one in records:
            means = ", ".join(f"{s} {_mean(one[s])}" for s in SPLITS if one[s]["n"])
            chosen = f"{one['metric']} {one['chosen']:.6g}"
            print(f"Confirmed trial {one['trial']}, {chosen}: {means or 'nothing was measured'}")
        return
    for said in records:
        for split in SPLITS:
            if said[split]["n"]:
                mean, seeds = _mean(said[split]), said[split]["n"]
                print(f"Confirmed {split} {said['metric']} {mean}, mean of {seeds} fresh seeds")
        if said["luck"] is not None:
            print(f"Luck      {said['luck']:+.3g} of trial {said['trial']}'s {said['chosen']:.6g}")


def _mean(found: Mapping[str, Any]) -> str:
    between = f" ({found['low']:.6g} to {found['high']:.6g})" if found["low"] is not None else ""
    return f"{found['mean']:.6g}{between}"


def _table(sweep: Sweep, points: Mapping[int, Mapping[str, Any]]) -> Table:
    """That of these confirmations; those of other trials are set aside."""
    path = sweep.path / FOLDER / "trials.jsonl"
    table = Table(path)
    known = [(row.values, points[row.number]) for row in table if row.number in points]
    if all(_apart_from_seed(was) == _apart_from_seed(now) for was, now in known):
        return table
    old = _free(sweep.path)
    path.parent.rename(old)
    path.parent.mkdir()
    return Table(path)


def _apart_from_seed(values: Mapping[str, Any]) -> str:
    return same({key: value for key, value in values.items() if key != "seed"})


def _free(folder: Path) -> Path:
    names = (folder / f"{FOLDER}-{number}" for number in itertools.count(1))
    return next(path for path in names if not path.exists())
