"""An evaluation sent to the trackers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from framework.evaluation.evaluate import Evaluation
from framework.evaluation.table import main_metrics
from framework.tracking import Tracker


def track_evaluation(
    tracker: Tracker, step: int, evaluation: Evaluation, pictures: Mapping[str, np.ndarray]
) -> None:
    """Sends the metrics, each named `split/metric`, and the pictures of `write_evaluation`.

    Single classes and targets go into one table, where a hundred of them can be read.
    """
    split, main = evaluation.split, main_metrics(evaluation)
    tracker.scalars(step, {f"{split}/{name}": value for name, value in main.items()})
    for name, picture in pictures.items():
        tracker.picture(step, f"{split}/{name}", picture)
    single = {name: value for name, value in evaluation.metrics.items() if name not in main}
    metrics = list(dict.fromkeys(name.partition("/")[0] for name in single))
    names = list(dict.fromkeys(name.partition("/")[2] for name in single))
    if names:
        rows = [[n, *(single.get(f"{m}/{n}", float("nan")) for m in metrics)] for n in names]
        tracker.table(step, f"{split}/each", ["name", *metrics], rows)


def track_analysis(tracker: Tracker, step: int, split: str, analysis: Mapping[str, Any]) -> None:
    """Sends tables of an analysis: estimates with their intervals, slices, gaps, features."""
    parts = ("value", "low", "high", "n", "under_calibration")
    rows = [[name, *(e[part] for part in parts)] for name, e in analysis["estimates"].items()]
    _table(tracker, step, f"{split}/estimates", ["name", *parts], rows)
    rows = [
        [one["name"], one["n"], one["standing"], one["p_value"], metric,
         *(estimate[part] for part in ("value", "low", "high"))]
        for one in analysis.get("slices", ()) for metric, estimate in one["metrics"].items()
    ]  # fmt: skip
    columns = ["slice", "n", "standing", "p_value", "metric", "value", "low", "high"]
    _table(tracker, step, f"{split}/slices", columns, rows)
    parts = ("value", "low", "high", "without_difference", "p_value")
    rows = [
        [column, kind, *(gap[part] for part in parts), ", ".join(gap["between"])]
        for column, gaps in analysis.get("gaps", {}).items() for kind, gap in gaps.items()
    ]  # fmt: skip
    _table(tracker, step, f"{split}/gaps", ["column", "gap", *parts, "between"], rows)
    of = ("name", "kind", "verdict", "excess", "psi_expected", "adjusted_p_value", "outside")
    rows = [
        [*(feature[part] for part in of), *feature["missing"]]
        for feature in (analysis.get("drift") or {}).get("features", ())
    ]
    columns = [*of, "missing_before", "missing_now"]
    _table(tracker, step, f"{split}/drift_features", columns, rows)


def _table(
    tracker: Tracker, step: int, name: str, columns: list[str], rows: list[list[Any]]
) -> None:
    if rows:
        nothing = float("nan")
        rows = [[nothing if cell is None else cell for cell in row] for row in rows]
        tracker.table(step, name, columns, rows)
