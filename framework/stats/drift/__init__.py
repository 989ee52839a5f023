"""Drift: how far data has moved from a reference kept as counts, and whether by chance."""

from framework.stats.drift.accuracy import (
    ConfidenceThreshold,
    EstimatedAccuracy,
    confidence_accuracy,
    confidence_threshold,
    thresholded_accuracy,
)
from framework.stats.drift.categories import Categories
from framework.stats.drift.classifier_test import ClassifierTest, classifier_two_sample_test
from framework.stats.drift.discovery import adjusted_p_values
from framework.stats.drift.groups import grouped
from framework.stats.drift.histogram import Histogram
from framework.stats.drift.image_features import image_features
from framework.stats.drift.predictions import (
    ClassShift,
    class_shift,
    prediction_columns,
    prediction_profile,
)
from framework.stats.drift.profile import Profile
from framework.stats.drift.scores import (
    chi_squared,
    jensen_shannon_distance,
    jensen_shannon_divergence,
    kolmogorov_smirnov,
    kullback_leibler,
    population_stability_index,
    wasserstein,
)
from framework.stats.drift.significance import (
    GroupScores,
    Score,
    group_scores,
    kolmogorov_smirnov_score,
    wasserstein_score,
)
from framework.stats.drift.text_features import text_features
from framework.stats.drift.two_sample import MaximumMeanDiscrepancy, maximum_mean_discrepancy
from framework.stats.drift.verdict import Drift, FeatureDrift, Rule, Verdict, drift

__all__ = [
    "Categories",
    "ClassShift",
    "ClassifierTest",
    "ConfidenceThreshold",
    "Drift",
    "EstimatedAccuracy",
    "FeatureDrift",
    "GroupScores",
    "Histogram",
    "MaximumMeanDiscrepancy",
    "Profile",
    "Rule",
    "Score",
    "Verdict",
    "adjusted_p_values",
    "chi_squared",
    "class_shift",
    "classifier_two_sample_test",
    "confidence_accuracy",
    "confidence_threshold",
    "drift",
    "group_scores",
    "grouped",
    "image_features",
    "jensen_shannon_distance",
    "jensen_shannon_divergence",
    "kolmogorov_smirnov",
    "kolmogorov_smirnov_score",
    "kullback_leibler",
    "maximum_mean_discrepancy",
    "population_stability_index",
    "prediction_columns",
    "prediction_profile",
    "text_features",
    "thresholded_accuracy",
    "wasserstein",
    "wasserstein_score",
]
