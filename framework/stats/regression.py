"""Metrics of predicted numbers."""

import numpy as np
from numpy.typing import ArrayLike

from framework.stats.checks import column_names, matrix, same_shape

_MAIN = ("mean_absolute_error", "root_mean_squared_error", "r_squared")


def regression_metric_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Every name that `regression_metrics` gives for targets called `names`, in order."""
    each = tuple(f"{metric}/{name}" for metric in _MAIN for name in names)
    return (*_MAIN, "examples", *(each if len(names) > 1 else ()))


def regression_metrics(
    predictions: ArrayLike, labels: ArrayLike, names: tuple[str, ...] = ()
) -> dict[str, float]:
    """Errors of predicted numbers, in the labels' own units.

    For each target, with error e = prediction − label over the rows:

    - `mean_absolute_error`: mean |e|;
    - `root_mean_squared_error`: √ mean e²;
    - `r_squared`: 1 − Σ e² / Σ (label − mean label)², the share of the variance explained.

    With several targets the plain names are the means over targets (scikit-learn's
    `uniform_average`) and `<metric>/<name>` is each target's own. A target that is constant
    has no variance to explain: its `r_squared` is NaN and is left out of the mean.
    Predictions that are not finite make every number of their target NaN, and the means.

    Args:
        predictions: [n, targets].
        labels: [n, targets].
        names: of the targets.

    Raises:
        ValueError: no examples, or shapes that do not fit.
    """
    guess, truth = matrix(predictions, "predictions"), matrix(labels, "labels")
    same_shape(guess, truth)
    column_names(names, guess.shape[1])
    with np.errstate(invalid="ignore"):  # inf − inf where a model diverged
        error = guess - truth
    squares = np.square(error)
    spread = np.square(truth - truth.mean(axis=0)).sum(axis=0)
    varies = np.ptp(truth, axis=0) > 0  # rounding can leave a constant a spread above 0
    left = np.divide(squares.sum(axis=0), spread, out=np.full_like(spread, np.nan), where=varies)
    each = {
        "mean_absolute_error": np.abs(error).mean(axis=0),
        "root_mean_squared_error": np.sqrt(squares.mean(axis=0)),
        "r_squared": 1 - left,
    }
    each = {name: np.where(np.isfinite(v), v, np.nan) for name, v in each.items()}
    metrics = {name: float(each[name].mean()) for name in _MAIN[:2]}
    metrics["r_squared"] = float(each["r_squared"][varies].mean()) if varies.any() else np.nan
    metrics["examples"] = float(len(guess))
    if len(names) > 1:
        for metric in _MAIN:
            named = zip(names, each[metric], strict=True)
            metrics |= {f"{metric}/{name}": float(v) for name, v in named}
    return metrics
