"""A classifier's accuracy where there are no labels, from its confidence."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri


@dataclass(frozen=True)
class EstimatedAccuracy:
    """An estimate with its interval at `level`; NaN without rows.

    The interval is of sampling alone. What both methods assume (below) may fail under drift, and
    nothing in unlabelled rows can show it.
    """

    accuracy: float
    interval: tuple[float, float]
    rows: int
    method: str
    level: float = 0.95

    def json(self) -> dict[str, Any]:
        """Plain data; None where a number is not defined."""
        plain = {**asdict(self), "interval": list(self.interval)}
        if not self.rows:
            plain |= {"accuracy": None, "interval": None}
        return plain


@dataclass(frozen=True)
class ConfidenceThreshold:
    """The confidence below which as many validation rows fall as the model gets wrong.

    Attributes:
        value: rows at or above it count as right.
        accuracy: of the validation rows.
        rows: of validation.
    """

    value: float
    accuracy: float
    rows: int

    def json(self) -> dict[str, Any]:
        """Plain data; a threshold of infinity (nothing was right) is None."""
        return {**asdict(self), "value": self.value if math.isfinite(self.value) else None}


def confidence_accuracy(confidence: ArrayLike, level: float = 0.95) -> EstimatedAccuracy:
    """The mean calibrated confidence of the predicted class.

    Right where confidence is calibrated on the rows at hand, as after a shift of inputs alone
    that leaves calibration as it was (average confidence; Guillory et al., ICCV 2021). The number
    right is then Poisson-binomial with variance Σ c (1 − c), which gives the interval.

    Args:
        confidence: [n], each in [0, 1].
        level: of the interval.

    Raises:
        ValueError: a confidence outside [0, 1] (NaN too).
    """
    sure = _scores(confidence)
    if not np.all((sure >= 0) & (sure <= 1 + 1e-6)):
        raise ValueError("a confidence is not between 0 and 1")
    sure = np.minimum(sure, 1)
    if not len(sure):
        return _nothing("mean confidence", level)
    deviation = math.sqrt(float(np.sum(sure * (1 - sure)))) / len(sure)
    return _estimate(float(sure.mean()), deviation, len(sure), "mean confidence", level)


def confidence_threshold(confidence: ArrayLike, correct: ArrayLike) -> ConfidenceThreshold:
    """Fits average thresholded confidence (ATC) on labelled validation rows.

    The threshold t has the share of validation rows with confidence ≥ t nearest to their
    accuracy (Garg et al., "Leveraging Unlabeled Data to Predict Out-of-Distribution Performance",
    ICLR 2022, equation 2).

    Args:
        confidence: [n], any score that rises with certainty: the largest probability, or the
            negative entropy, which the paper finds somewhat better.
        correct: [n], 1 (or True) where the prediction was right.

    Raises:
        ValueError: no rows, shapes that differ, or NaN.
    """
    scores, right = _scores(confidence), np.asarray(correct, np.float64)
    if scores.shape != right.shape or not len(scores):
        raise ValueError(
            f"validation needs rows: confidences are {scores.shape}, outcomes {right.shape}"
        )
    ordered = np.sort(scores)
    candidates = np.append(np.unique(ordered), np.inf)
    at_least = 1 - np.searchsorted(ordered, candidates, "left") / len(ordered)
    accuracy = float(right.mean())
    best = candidates[np.argmin(np.abs(at_least - accuracy))]
    return ConfidenceThreshold(float(best), accuracy, len(scores))


def thresholded_accuracy(
    confidence: ArrayLike, threshold: ConfidenceThreshold, level: float = 0.95
) -> EstimatedAccuracy:
    """The share of rows at or above the threshold: ATC's estimate of their accuracy.

    Right where the drift leaves the share of errors among confident and unsure rows as it was.
    The interval adds the sampling of these rows and that of the validation rows.

    Args:
        confidence: [n], the same score as was validated.
        threshold: from `confidence_threshold`.
        level: of the interval.
    """
    scores = _scores(confidence)
    if not len(scores):
        return _nothing("thresholded confidence", level)
    share = float(np.mean(scores >= threshold.value))
    variance = share * (1 - share) / len(scores)
    variance += threshold.accuracy * (1 - threshold.accuracy) / threshold.rows
    return _estimate(share, math.sqrt(variance), len(scores), "thresholded confidence", level)


def _estimate(
    accuracy: float, deviation: float, rows: int, method: str, level: float
) -> EstimatedAccuracy:
    half = float(ndtri((1 + level) / 2)) * deviation
    interval = max(accuracy - half, 0.0), min(accuracy + half, 1.0)
    return EstimatedAccuracy(accuracy, interval, rows, method, level)


def _nothing(method: str, level: float) -> EstimatedAccuracy:
    return EstimatedAccuracy(math.nan, (math.nan, math.nan), 0, method, level)


def _scores(confidence: ArrayLike) -> NDArray[np.float64]:
    scores = np.asarray(confidence, np.float64)
    if scores.ndim != 1:
        raise ValueError(f"confidences must be of shape [n], not {scores.shape}")
    if np.isnan(scores).any():
        raise ValueError("a confidence is NaN")
    return scores
