"""The rising step curve nearest to what happened, for each class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.recalibration.logarithms import checked, normalised

Curve = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class IsotonicCalibration:
    """A rising curve from p_k to the share of class k, for each class, then normalised to one.

    Zadrozny and Elkan, KDD 2002. Between the points a curve is linear, and level beyond them, as
    scikit-learn's is. A row whose curves are all zero gets equal probabilities. It needs some
    thousand examples a class where a temperature needs a hundred; ties and order may change.

    Attributes:
        curves: of each class, the p_k (rising) and the shares at the points.
    """

    curves: tuple[Curve, ...]

    @classmethod
    def fit(cls, log_probabilities: ArrayLike, labels: ArrayLike) -> "IsotonicCalibration":
        """Least squares under order, each class against the rest, by pooling adjacent violators.

        Args:
            log_probabilities: [n, classes] of a split that the model was not trained on.
            labels: int [n].

        Raises:
            ValueError: no examples, shapes that do not fit, NaN, or a label outside the classes.
        """
        logs, hard = checked(log_probabilities, labels)
        p = _rounded(logs)
        return cls(tuple(_curve(p[:, k], hard == k) for k in range(p.shape[1])))

    def apply(self, log_probabilities: ArrayLike) -> NDArray[np.float64]:
        """Calibrated probabilities [n, classes].

        Raises:
            ValueError: another number of classes than it was fitted on.
        """
        p = _rounded(normalised(log_probabilities))
        if p.shape[1] != len(self.curves):
            raise ValueError(f"{p.shape[1]} classes, but it was fitted on {len(self.curves)}")
        shares = [np.interp(column, *curve) for column, curve in zip(p.T, self.curves, strict=True)]
        shaped = np.stack(shares, axis=1)
        total = shaped.sum(axis=1, keepdims=True)
        return np.where(total > 0, shaped / np.where(total > 0, total, 1), 1 / p.shape[1])

    def json(self) -> dict[str, list[list[list[float]]]]:
        """The fields as `json.dump` takes them."""
        return {"curves": [[list(at), list(share)] for at, share in self.curves]}

    @classmethod
    def from_json(
        cls, fields: Mapping[str, Sequence[Sequence[Sequence[float]]]]
    ) -> "IsotonicCalibration":
        """What `json` gave."""
        return cls(tuple((tuple(at), tuple(share)) for at, share in fields["curves"]))


def _rounded(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities to a millionth of themselves.

    Rows that tie in float32 come apart in their last digits once normalised, and a curve that
    rises with those would follow chance.
    """
    return np.exp(np.round(logs, 6))


def _curve(confidence: NDArray[np.float64], true: NDArray[np.bool_]) -> Curve:
    at, inverse, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    hits = np.bincount(inverse, true, len(at)).astype(np.float64)
    heights = np.repeat(*_pooled(hits, counts))
    # The curve bends at the ends of a level stretch only.
    bends = np.ones(len(at), bool)
    bends[1:-1] = (heights[1:-1] != heights[:-2]) | (heights[1:-1] != heights[2:])
    return tuple(at[bends].tolist()), tuple(heights[bends].tolist())


def _pooled(
    hits: NDArray[np.float64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], list[int]]:
    """Heights of the levels and how many values each spans (Ayer et al., 1955)."""
    levels: list[tuple[float, int, int]] = []  # hits, examples, values
    for hit, count in zip(hits.tolist(), counts.tolist(), strict=True):
        levels.append((hit, count, 1))
        # Shares compared as products: whole numbers, so exact.
        while len(levels) > 1 and levels[-2][0] * levels[-1][1] >= levels[-1][0] * levels[-2][1]:
            top, below = levels.pop(), levels.pop()
            levels.append((below[0] + top[0], below[1] + top[1], below[2] + top[2]))
    return np.array([h / c for h, c, _ in levels]), [span for *_, span in levels]
