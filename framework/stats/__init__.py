"""Arithmetic of evaluation on arrays: no files, no devices, no model."""

from framework.stats.calibration import (
    ReliabilityTable,
    label_reliability,
    reliability_table,
)
from framework.stats.classification import (
    classification_metric_names,
    classification_metrics,
    confusion_matrix,
    per_class,
)
from framework.stats.direction import Direction, higher_is_better
from framework.stats.language import language_metric_names, language_metrics
from framework.stats.multi_label import multi_label_metric_names, multi_label_metrics
from framework.stats.ranking import area_under_roc, average_precision
from framework.stats.regression import regression_metric_names, regression_metrics

__all__ = [
    "Direction",
    "ReliabilityTable",
    "area_under_roc",
    "average_precision",
    "classification_metric_names",
    "classification_metrics",
    "confusion_matrix",
    "higher_is_better",
    "label_reliability",
    "language_metric_names",
    "language_metrics",
    "multi_label_metric_names",
    "multi_label_metrics",
    "per_class",
    "regression_metric_names",
    "regression_metrics",
    "reliability_table",
]
