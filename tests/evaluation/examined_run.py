"""Analyses of fake predictions, in the form that real runs write, and findings about data."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from framework.evaluation import read_evaluation
from framework.evaluation.analysis import abstaining, brier_decomposition, by_slice, estimates
from framework.evaluation.movement import accuracy_without_labels, movement
from framework.evaluation.record import ANALYSIS
from framework.evaluation.reference import EMBEDDING, Reference
from framework.evaluation.remedies import prediction_sets, recalibration
from framework.stats.analysis import Analysis
from framework.stats.slices import Slicing

OPTIONS = Analysis(depth="full", resamples=50)


def examined(folder: Path, moved: float = 0.0) -> dict:
    """Writes `analysis.json` beside the evaluation in `folder` and returns it.

    The first third of the examples is the reference, which the rest is measured against; its
    embeddings have gone `moved` deviations away.
    """
    found, labels, _ = read_evaluation(folder)
    random = np.random.default_rng(0)
    n = len(found.predictions["labels"])
    embedding = random.normal(0, 1, (n, 6)).astype(np.float32)
    part = n // 3
    before, now = (
        replace(found, predictions={k: a[rows] for k, a in found.predictions.items()})
        for rows in (slice(part), slice(part, None))
    )
    before = replace(before, predictions={**before.predictions, EMBEDDING: embedding[:part]})
    late = embedding[part:] + np.float32(moved)
    now = replace(now, predictions={**now.predictions, EMBEDDING: late})
    inputs = [{"age": random.gamma(3, 10, size)} for size in (part, n - part)]
    reference = Reference.of((inputs[0], before), (inputs[0], before), labels, 64, 100)
    columns = reference.columns(inputs[1], now, labels)
    groups = random.choice(4, n, p=[0.5, 0.3, 0.19, 0.01])
    own = [Slicing("sex", groups % 2, ("man", "woman")), Slicing("ward", groups, tuple("abcd"))]
    analysis = {
        "split": found.split, "examples": n, "level": OPTIONS.level, "depth": "full",
        "estimates": {name: e.json() for name, e in estimates(found, labels, OPTIONS).items()},
        "brier_parts": brier_decomposition(found, labels),
        "abstaining": abstaining(found, labels, OPTIONS),
        **by_slice(found, labels, own, OPTIONS),
        **movement(reference, columns, now, OPTIONS),
        "shift": SHIFT,
    }  # fmt: skip
    if labels.kind == "class":
        analysis |= {
            "temperature": 1.25,
            "estimated_accuracy": accuracy_without_labels(before, now, labels, 1.25, 0.95),
            "recalibration": recalibration(before, now, labels, OPTIONS),
            "prediction_sets": prediction_sets(before, now, labels, OPTIONS),
        }
    (folder / ANALYSIS).write_text(json.dumps(analysis, allow_nan=False))
    return analysis


def estimate(value, low=None, high=None, n=100, under_calibration=None):
    return {
        "value": value, "low": low, "high": high, "n": n, "under_calibration": under_calibration,
    }  # fmt: skip


def one_slice(name, standing, accuracy, n=100, p_value=0.5):
    told = {"accuracy": estimate(accuracy, accuracy - 0.05, accuracy + 0.05, n)}
    told["loss"] = estimate(0.5, 0.4, 0.6, n)
    return {"name": name, "n": n, "standing": standing, "p_value": p_value, "metrics": told}


def feature(name, verdict="none", excess=0.01, missing=(0.0, 0.0)):
    return {
        "name": name, "kind": "numeric", "verdict": verdict, "significant": verdict != "none",
        "rows": [100, 200], "missing": list(missing), "outside": 0.0, "p_value": 0.2,
        "adjusted_p_value": 0.0001 if verdict in ("minor", "major") else 0.4,
        "psi_expected": 0.02, "excess": excess, "scores": {},
    }  # fmt: skip


def drift(*features, verdict="none"):
    alarms = [f["name"] for f in features if f["verdict"] in ("minor", "major")]
    rule = {"rate": 0.05, "minor": 0.1, "major": 0.25}
    return {"verdict": verdict, "rule": rule, "alarms": alarms, "features": list(features)}


SHIFT = {
    "examples": 300,
    "shifts": {
        "noise": {
            "accuracy": [0.9, 0.88, 0.7, 0.5, 0.4, 0.3], "alarms": [0.0, 0.0, 3.0, 4.0, 7.0, 7.0],
            "expected_calibration_error": [0.02, 0.03, 0.1, 0.2, 0.3, 0.4],
            "largest_population_stability_index": [0.01, 0.02, 0.4, 1.0, 2.0, 3.5],
            "maximum_mean_discrepancy": [-0.001, 0.0, 0.01, 0.1, 0.2, 0.3],
            "loss": [0.3, 0.3, 0.5, 1.0, 2.0, 3.0],
        },
        "label shift": {
            "accuracy": [0.9, 0.9, 0.9, 0.9, 0.9, 0.9], "alarms": [0.0, 0.0, 0.0, 1.0, 1.0, 2.0],
            "expected_calibration_error": [0.02, 0.02, 0.02, 0.02, 0.02, 0.03],
            "largest_population_stability_index": [0.01, None, 0.02, 0.1, 0.2, 0.3],
            "maximum_mean_discrepancy": [0.0, 0.0, 0.0, 0.001, 0.001, 0.002],
            "loss": [0.3, 0.3, 0.3, 0.3, 0.3, 0.3],
        },
    },
    "without_shift": {"resamples": 200, "promised": 0.05, "alarms": 0.01, "significant": 0.04},
}  # fmt: skip


def quality_found(picture=""):
    return {
        "name": "fashion_mnist", "run": None,
        "splits": {"train": {"examples": 800, "looked_at": 800}},
        "departures": ["age: 300, expected at most 120"],
        "duplicates": {
            "examples": 900, "equal": 3, "groups_of_equal": 3, "groups_with_several_labels": 1,
            "near": {"measure": "cosine of at least 0.99", "pairs": 7, "complete": True},
            "within": [{
                "split": "train", "other": "train", "examples": 800, "equal": 0,
                "equal_share": 0.0, "near": 0, "near_share": 0.0,
            }],
            "across": [{
                "split": "test", "other": "train", "examples": 100, "equal": 3,
                "equal_share": 0.03, "near": 5, "near_share": 0.05,
            }],
            "pairs": [],
        },
        "label_errors": {
            "by": "a small model", "examples": 800, "suspects": 2, "estimated_errors": 4.2,
            "worst": [{
                "split": "train", "index": 17, "label": "Bag", "suggested": "<b>Coat</b>",
                "margin": -0.9, "picture": picture,
            }],
        },
        "anomalies": {"unknown": "not enough data: no training examples", "worst": []},
    }  # fmt: skip
