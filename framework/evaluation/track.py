"""An evaluation sent to the trackers."""

from collections.abc import Mapping

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
