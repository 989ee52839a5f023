"""Maps from a model's probabilities to calibrated ones, fitted on a split of their own."""

from framework.stats.recalibration.isotonic import IsotonicCalibration
from framework.stats.recalibration.temperature import TemperatureScaling
from framework.stats.recalibration.vector import VectorScaling

__all__ = ["IsotonicCalibration", "TemperatureScaling", "VectorScaling"]
