"""What another precision costs: an export and its run, on the same examples with labels.

Every number is a difference of pairs, so that what both find hard cancels out; intervals are of
95 %, from examples (of text: rows) drawn again, and Wilson's for a share.

| name | of classes, labels and tokens | of numbers |
|---|---|---|
| `accuracy_drop` | the run's accuracy less the export's | |
| `calibration_increase` | of the expected calibration error, in 15 bins of equal width | |
| `agreement` | the share of examples with the same answer | |
| `loss_increase` | of the log loss, in nats | of the root mean squared error, as a share of it |

The answer is the most probable class, all labels from 0.5 on, or of a row of text whether each
token was foreseen (which one was, predictions do not say): of text the share counts tokens.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framework.export.options import Bounds
from framework.stats import Estimate, bootstrap, log_losses, mean_estimate, proportion
from framework.stats.calibration.table import BINS
from framework.stats.checks import hard_and_soft, smallest

Arrays = Mapping[str, np.ndarray]
Floats = NDArray[np.float64]
_THRESHOLD = 0.5
_WORDS = {
    "accuracy_drop": "accuracy fell by",
    "calibration_increase": "the expected calibration error rose by",
    "agreement": "the share of the same answers is",
    "loss_increase": "the loss rose by",
}


def cost(
    kind: str, run: Sequence[Arrays], export: Sequence[Arrays], labels: Sequence[np.ndarray]
) -> dict[str, Estimate]:
    """The numbers above, by name; `kind` as of `Labels`.

    Args:
        run, export: predictions of each split, in the same order.
        labels: of each split.

    Raises:
        ValueError: predictions and labels that do not fit each other.
    """
    y = np.concatenate(labels)
    ours, theirs = _joined(export), _joined(run)
    if kind == "number":
        return {"loss_increase": _error_increase(theirs["predictions"], ours["predictions"], y)}
    answers = _ANSWERS[kind]
    return _compared(answers(theirs, y), answers(ours, y))


def violations(found: Mapping[str, Estimate], bounds: Bounds) -> tuple[str, ...]:
    """What is over its bound, each as a sentence; a number that is not defined is."""
    told = []
    for name, estimate in found.items():
        bound = getattr(bounds, name)
        if bound is None:
            continue
        least = name == "agreement"
        if not (estimate.value >= bound if least else estimate.value <= bound):
            allowed = (
                f"where at least {bound:g} is wanted" if least else f"where {bound:g} is allowed"
            )
            interval = f"({estimate.low:.4f} to {estimate.high:.4f}, {estimate.n:,} examples)"
            told.append(f"{_WORDS[name]} {estimate.value:.4f} {interval}, {allowed}")
    return tuple(told)


@dataclass(frozen=True, eq=False)
class _Answers:
    """What one model said, in places: an example's class, one of its labels or its tokens.

    Attributes:
        answer: what is compared, [n, …].
        right: whether a place's answer is right, [places].
        confidence, came: a probability and whether that came true, [places].
        loss: in nats, [places].
        group: the example of each place.
    """

    answer: np.ndarray
    right: Floats
    confidence: Floats
    came: Floats
    loss: Floats
    group: NDArray[np.int64]


def _compared(run: _Answers, export: _Answers) -> dict[str, Estimate]:
    same = (run.answer == export.answer).reshape(len(run.answer), -1).all(axis=1)
    return {
        "accuracy_drop": mean_estimate(run.right - export.right, run.group),
        "calibration_increase": _calibration_increase(run, export),
        "agreement": proportion(int(same.sum()), len(same)),
        "loss_increase": mean_estimate(export.loss - run.loss, run.group),
    }


def _of_classes(said: Arrays, labels: np.ndarray) -> _Answers:
    p = said["probabilities"]
    hard, _ = hard_and_soft(labels, *p.shape)
    answer = p.argmax(axis=1)
    right = (answer == hard).astype(np.float64)
    sure = p.max(axis=1).astype(np.float64)
    return _Answers(answer, right, sure, right, log_losses(p, labels), np.arange(len(p)))


def _of_labels(said: Arrays, labels: np.ndarray) -> _Answers:
    p, y = said["probabilities"].astype(np.float64), labels == 1
    answer = p >= _THRESHOLD
    least = smallest(said["probabilities"])
    clipped = np.clip(p, least, 1 - least)
    loss = -np.where(y, np.log(clipped), np.log1p(-clipped))
    right = (answer == y).astype(np.float64)
    group = np.repeat(np.arange(len(p)), p.shape[1])
    came = y.astype(np.float64)
    return _Answers(answer, right.ravel(), p.ravel(), came.ravel(), loss.ravel(), group)


def _of_tokens(said: Arrays, labels: np.ndarray) -> _Answers:
    counted = labels >= 0
    right = said["correct"][counted].astype(np.float64)
    sure = said["confidence"][counted].astype(np.float64)
    loss = -said["log_likelihood"][counted].astype(np.float64)
    return _Answers(right, right, sure, right, loss, np.nonzero(counted)[0])


_ANSWERS: Mapping[str, Callable[[Arrays, np.ndarray], _Answers]] = {
    "class": _of_classes,
    "multi_label": _of_labels,
    "token": _of_tokens,
}


def _calibration_increase(run: _Answers, export: _Answers) -> Estimate:
    groups = int(run.group.max()) + 1
    sums = (_gaps(run, groups), _gaps(export, groups))
    places = np.bincount(run.group, minlength=groups).astype(np.float64)

    def increase(weights: Floats, before: Floats, after: Floats, count: Floats) -> Floats:
        errors = [np.abs(weights @ gaps).sum(axis=1) for gaps in (before, after)]
        made: Floats = (errors[1] - errors[0]) / (weights @ count)
        return made

    value = increase(np.ones((1, groups)), *sums, places)[0]
    return Estimate(float(value), *bootstrap(increase, (*sums, places)), groups)


def _gaps(answers: _Answers, groups: int) -> Floats:
    """Of each example and bin of confidence the sum of outcome less confidence, [groups, bins].

    Σ over bins |Σ over examples| / places is the expected calibration error.
    """
    bins = np.clip(np.ceil(answers.confidence * BINS) - 1, 0, BINS - 1)
    cell = answers.group * BINS + np.nan_to_num(bins).astype(np.int64)
    gap = answers.came - answers.confidence
    sums = np.bincount(cell, gap, minlength=groups * BINS).astype(np.float64)
    return sums.reshape(groups, BINS)


def _error_increase(run: np.ndarray, export: np.ndarray, labels: np.ndarray) -> Estimate:
    """Of the root mean squared error, each target's in units of the run's."""
    before, after = (np.square(p.astype(np.float64) - labels) for p in (run, export))

    def increase(weights: Floats, before: Floats, after: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = (weights @ after) / (weights @ before)
        made: Floats = np.sqrt(ratios.mean(axis=1)) - 1
        return made

    value = increase(np.ones((1, len(labels))), before, after)[0]
    return Estimate(float(value), *bootstrap(increase, (before, after)), len(labels))


def _joined(parts: Sequence[Arrays]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
