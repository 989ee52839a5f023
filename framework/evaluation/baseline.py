"""What a model would score that looks at no input: the number beside which a score is read."""

import numpy as np

from framework.evaluation.evaluate import Evaluation
from framework.evaluation.language import token_baselines
from framework.spec import Labels


def baselines(evaluation: Evaluation, labels: Labels) -> dict[str, float]:
    """Scores on the same labels of the best constant prediction, for the metrics that have one.

    Of classes the commonest one and the labels' own frequencies, of several labels likewise for
    each, of numbers their median (for the absolute error) and their mean, of tokens their
    frequencies.
    """
    truth = evaluation.predictions["labels"]
    if labels.kind == "number":
        absolute = np.abs(truth - np.median(truth, axis=0)).mean(axis=0)
        return {
            "mean_absolute_error": float(absolute.mean()),
            "root_mean_squared_error": float(truth.std(axis=0).mean()),
        }
    if labels.kind == "token":
        return token_baselines(evaluation)
    if labels.kind == "multi_label":
        rate = truth.mean(axis=0)
        return {
            "label_accuracy": float(np.maximum(rate, 1 - rate).mean()),
            "exact_match": float((truth == (rate >= 0.5)).all(axis=1).mean()),
            "log_loss": float((_entropy(rate) + _entropy(1 - rate)).mean()),
            "brier_score": float((rate * (1 - rate)).mean()),
            "mean_average_precision": float(rate[rate > 0].mean()) if rate.any() else np.nan,
        }
    soft = truth if truth.ndim == 2 else np.eye(labels.width)[truth]
    rate = soft.mean(axis=0)
    hard = np.bincount(soft.argmax(axis=1), minlength=labels.width) / len(soft)
    return {
        "accuracy": float(hard.max()),
        "top_5_accuracy": float(np.sort(hard)[-5:].sum()),
        "log_loss": float(_entropy(rate).sum()),
        "brier_score": float(np.square(soft - rate).sum(axis=1).mean()),
        "macro_f1": float(2 * hard.max() / (1 + hard.max()) / max(1, (hard > 0).sum())),
        "area_under_roc": 0.5,
    }


def _entropy(rate: np.ndarray) -> np.ndarray:
    return -rate * np.log(np.where(rate > 0, rate, 1))
