"""Refusals in plain words, shared by the metrics: better than a wrong number."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def matrix(values: ArrayLike, what: str) -> NDArray[np.float64]:
    """`values` as float64 [n, k] with n, k > 0; ValueError that names `what` otherwise."""
    array = np.asarray(values)
    if array.ndim != 2:
        raise ValueError(f"{what} must be [examples, columns], not of shape {array.shape}")
    if array.shape[0] == 0:
        raise ValueError("no examples: there is nothing to measure")
    if array.shape[1] == 0:
        raise ValueError(f"{what} have no columns: there is nothing to measure")
    return array.astype(np.float64)


def same_shape(predicted: NDArray[np.float64], labels: NDArray[np.float64]) -> None:
    """ValueError unless both arrays have one shape."""
    if predicted.shape != labels.shape:
        raise ValueError(f"predictions are {predicted.shape} but labels are {labels.shape}")


def column_names(names: tuple[str, ...], columns: int) -> None:
    """ValueError unless `names` is empty or names every column once."""
    if names and len(names) != columns:
        raise ValueError(f"{len(names)} names for {columns} columns")


def hard_and_soft(
    labels: ArrayLike, examples: int, classes: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels as classes [n] and as distributions [n, classes], whichever they came as."""
    given = np.asarray(labels)
    if given.shape == (examples, classes):
        return given.argmax(axis=1), given.astype(np.float64)
    if given.shape != (examples,):
        raise ValueError(
            f"probabilities are {(examples, classes)} but labels are {given.shape}: expected "
            f"{(examples,)} classes or {(examples, classes)} soft labels"
        )
    if not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"labels of one class each must be integers, not {given.dtype}")
    if given.min() < 0 or given.max() >= classes:
        raise ValueError(f"a label outside 0 to {classes - 1}")
    hard = given.astype(np.int64)
    soft = np.zeros((examples, classes))
    soft[np.arange(examples), hard] = 1
    return hard, soft


def smallest(values: ArrayLike) -> float:
    """The rounding unit probabilities are clipped to before a logarithm.

    As scikit-learn does it: float64 probabilities by float64's, everything else by float32's
    (a softmax in float32 or less has no smaller probability to speak of).
    """
    wide = np.asarray(values).dtype == np.float64
    return float(np.finfo(np.float64 if wide else np.float32).eps)
