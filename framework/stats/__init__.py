"""Arithmetic of evaluation on arrays: no files, no devices, no model."""

from framework.stats.bootstrap import bootstrap, mean_estimate
from framework.stats.calibration import (
    BrierParts,
    ReliabilityTable,
    brier_parts,
    calibration_estimates,
    calibration_names,
    class_reliability,
    class_wise_error,
    class_wise_estimate,
    fine_edges,
    label_reliability,
    reliability_table,
    smooth_calibration_error,
    table_estimates,
)
from framework.stats.classification import (
    classification_metric_names,
    classification_metrics,
    confusion_matrix,
    per_class,
)
from framework.stats.conformal import ConformalSets, conformal_estimates
from framework.stats.direction import Direction, higher_is_better
from framework.stats.estimate import Estimate, proportion
from framework.stats.language import language_metric_names, language_metrics
from framework.stats.multi_label import multi_label_metric_names, multi_label_metrics
from framework.stats.ranking import area_under_roc, average_precision
from framework.stats.recalibration import IsotonicCalibration, TemperatureScaling, VectorScaling
from framework.stats.regression import regression_metric_names, regression_metrics
from framework.stats.scores import brier_scores, log_losses, score_estimates
from framework.stats.selective import (
    RiskCoverage,
    area_under_risk_coverage,
    excess_area_under_risk_coverage,
    risk_coverage,
    selective_estimates,
)

__all__ = [
    "BrierParts",
    "ConformalSets",
    "Direction",
    "Estimate",
    "IsotonicCalibration",
    "ReliabilityTable",
    "RiskCoverage",
    "TemperatureScaling",
    "VectorScaling",
    "area_under_risk_coverage",
    "area_under_roc",
    "average_precision",
    "bootstrap",
    "brier_parts",
    "brier_scores",
    "calibration_estimates",
    "calibration_names",
    "class_reliability",
    "class_wise_error",
    "class_wise_estimate",
    "classification_metric_names",
    "classification_metrics",
    "conformal_estimates",
    "confusion_matrix",
    "excess_area_under_risk_coverage",
    "fine_edges",
    "higher_is_better",
    "label_reliability",
    "language_metric_names",
    "language_metrics",
    "log_losses",
    "mean_estimate",
    "multi_label_metric_names",
    "multi_label_metrics",
    "per_class",
    "proportion",
    "regression_metric_names",
    "regression_metrics",
    "reliability_table",
    "risk_coverage",
    "score_estimates",
    "selective_estimates",
    "smooth_calibration_error",
    "table_estimates",
]
