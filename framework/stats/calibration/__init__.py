"""Calibration: does what the model calls 80 % happen eight times in ten?"""

from framework.stats.calibration.brier import BrierParts, brier_parts
from framework.stats.calibration.class_wise import class_wise_error, class_wise_estimate
from framework.stats.calibration.errors import (
    debiased_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
)
from framework.stats.calibration.estimates import (
    calibration_estimates,
    calibration_names,
    table_estimates,
)
from framework.stats.calibration.smooth import smooth_calibration_error
from framework.stats.calibration.table import (
    ReliabilityTable,
    class_reliability,
    fine_edges,
    label_reliability,
    reliability_table,
)

__all__ = [
    "BrierParts",
    "ReliabilityTable",
    "brier_parts",
    "calibration_estimates",
    "calibration_names",
    "class_reliability",
    "class_wise_error",
    "class_wise_estimate",
    "debiased_calibration_error",
    "expected_calibration_error",
    "fine_edges",
    "label_reliability",
    "maximum_calibration_error",
    "reliability_table",
    "smooth_calibration_error",
    "table_estimates",
]
