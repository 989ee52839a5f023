"""One number that makes a model as unsure as it should be."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.recalibration.logarithms import checked, normalised, softmax

COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class TemperatureScaling:
    """softmax(log p / T); Guo et al., ICML 2017, section 4.2. No prediction changes.

    Attributes:
        temperature: T; above 1 for a model that was too sure.
    """

    temperature: float

    @classmethod
    def fit(cls, log_probabilities: ArrayLike, labels: ArrayLike) -> "TemperatureScaling":
        """The T of least log loss, by bisection of its slope.

        The loss is convex in 1/T, so its slope has one zero. Where the labels are what the model
        says without exception the loss falls for ever as T does; T is then 0.05, and never
        above 20.

        Args:
            log_probabilities: [n, classes] of a split that the model was not trained on; logits
                give the same T.
            labels: int [n].

        Raises:
            ValueError: no examples, shapes that do not fit, NaN, or a label outside the classes.
        """
        logs, hard = checked(log_probabilities, labels)
        right = logs[np.arange(len(logs)), hard].mean()

        def slope(inverse: float) -> float:
            return float((softmax(inverse * logs) * logs).sum(axis=1).mean() - right)

        low, high = 1 / HOTTEST, 1 / COLDEST
        if np.ptp(logs, axis=1).max() == 0:
            return cls(1.0)  # of equal probabilities every T makes the same
        if slope(high) <= 0:
            return cls(COLDEST)
        if slope(low) >= 0:
            return cls(HOTTEST)
        for _ in range(50):
            middle = np.sqrt(low * high)
            low, high = (low, middle) if slope(middle) > 0 else (middle, high)
        return cls(float(1 / np.sqrt(low * high)))

    def apply(self, log_probabilities: ArrayLike) -> NDArray[np.float64]:
        """Calibrated probabilities [n, classes]."""
        return softmax(normalised(log_probabilities) / self.temperature)

    def json(self) -> dict[str, float]:
        """The fields as `json.dump` takes them."""
        return {"temperature": self.temperature}

    @classmethod
    def from_json(cls, fields: Mapping[str, float]) -> "TemperatureScaling":
        """What `json` gave."""
        return cls(**fields)
