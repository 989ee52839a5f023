"""The training curves of a run, from its `metrics.jsonl`."""

from pathlib import Path

import numpy as np

from framework.tracking import read_metrics

# metric → line → (steps, values); a line is "train" or the split that was evaluated.
Curves = dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]

_FIRST = (
    "loss",
    "log_loss",
    "bits_per_byte",
    "root_mean_squared_error",
    "accuracy",
    "label_accuracy",
    "r_squared",
    "learning_rate",
)
_SKIPPED = ("examples", "tokens", "bytes", "step", "bad_steps")
_TIME = "goodput"  # has a section of its own


def read_curves(file: Path) -> Curves:
    """Every scalar of a `metrics.jsonl` over its steps, the most telling first.

    `loss` is the metric `loss` of the line `train`, `validation/accuracy` the metric `accuracy`
    of the line `validation`; a deeper name (a class of its own) is left out. A line that is not
    whole, as a killed process leaves it, is passed over.
    """
    points: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for entry in read_metrics(file):
        for key, value in entry.items():
            split, slash, metric = key.rpartition("/")
            if (
                "/" in split
                or split == _TIME
                or metric in _SKIPPED
                or not isinstance(value, int | float)
            ):
                continue
            line = split if slash else "train"
            points.setdefault(metric, {}).setdefault(line, []).append((entry["step"], value))
    order = sorted(points, key=lambda name: (_rank(name), list(points).index(name)))
    return {
        metric: {
            line: tuple(np.array(axis, float) for axis in zip(*pairs, strict=True))  # type: ignore[misc]
            for line, pairs in points[metric].items()
        }
        for metric in order
    }


def telling(curves: Curves) -> list[str]:
    """The metrics worth a place on the first page."""
    return [name for name in curves if name in _FIRST]


def _rank(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)
