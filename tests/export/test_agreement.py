"""What an export costs, in numbers that tests compute again, and the bounds that it breaks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.export.agreement import cost, violations
from framework.export.options import Bounds
from framework.stats import classification_metrics, language_metrics, multi_label_metrics

BOUNDS = Bounds(accuracy_drop=0.01, calibration_increase=0.01, agreement=0.98, loss_increase=0.05)


def probabilities(seed, n=300, classes=4):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(classes), n).astype(np.float32), rng.integers(classes, size=n)


def blended(p, share, seed=9):
    """What another precision might say: the same, a little off."""
    other = np.random.default_rng(seed).dirichlet(np.ones(p.shape[1]), len(p))
    return ((1 - share) * p + share * other).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_differences_are_those_of_the_metrics(seed):
    p, labels = probabilities(seed)
    q = blended(p, 0.3)
    found = cost("class", [{"probabilities": p}], [{"probabilities": q}], [labels])
    before, after = (classification_metrics(one, labels) for one in (p, q))
    drop = before["accuracy"] - after["accuracy"]
    assert found["accuracy_drop"].value == pytest.approx(drop, abs=1e-12)
    rise = after["expected_calibration_error"] - before["expected_calibration_error"]
    assert found["calibration_increase"].value == pytest.approx(rise, abs=1e-6)
    more = after["log_loss"] - before["log_loss"]
    assert found["loss_increase"].value == pytest.approx(more, abs=1e-9)
    same = (p.argmax(1) == q.argmax(1)).mean()
    assert found["agreement"].value == pytest.approx(same)
    for estimate in found.values():
        assert estimate.low <= estimate.value <= estimate.high


@pytest.mark.parametrize("kind", ["class", "multi_label"])
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10))
def test_an_export_that_says_the_same_costs_nothing(kind, seed):
    p, labels = probabilities(seed, n=40)
    if kind == "multi_label":
        labels = (p > 0.3).astype(np.float32)
    said = [{"probabilities": p}]
    found = cost(kind, said, said, [labels])
    assert violations(found, Bounds(0.0, 0.0, 0.0, 1.0, 0.0)) == ()
    assert {n: e.value for n, e in found.items()} == {
        "accuracy_drop": 0, "calibration_increase": 0, "agreement": 1, "loss_increase": 0,
    }  # fmt: skip


def test_splits_count_together():
    p, labels = probabilities(0)
    q = blended(p, 0.3)
    cut = [slice(0, 100), slice(100, None)]
    parts = ([{"probabilities": one[rows]} for rows in cut] for one in (p, q))
    whole = cost("class", [{"probabilities": p}], [{"probabilities": q}], [labels])
    assert cost("class", *parts, [labels[rows] for rows in cut]) == whole


def test_labels_are_judged_one_by_one_and_agree_as_a_whole():
    p = np.array([[0.9, 0.2], [0.6, 0.4], [0.1, 0.8]], np.float32)
    q = np.array([[0.9, 0.2], [0.4, 0.4], [0.1, 0.8]], np.float32)
    labels = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    found = cost("multi_label", [{"probabilities": p}], [{"probabilities": q}], [labels])
    before, after = (multi_label_metrics(one, labels) for one in (p, q))
    assert found["accuracy_drop"].value == pytest.approx(1 / 6)
    assert found["agreement"].value == pytest.approx(2 / 3)
    assert found["loss_increase"].value == pytest.approx(after["log_loss"] - before["log_loss"])
    rise = after["expected_calibration_error"] - before["expected_calibration_error"]
    assert found["calibration_increase"].value == pytest.approx(rise, abs=1e-6)


def test_tokens_are_drawn_by_rows_and_padding_counts_nothing():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 9, (20, 12))
    labels[:, 8:] = -1

    def said(noise):
        sure = rng.uniform(0.2, 1, labels.shape)
        likelihood = np.log(sure) - noise
        return {"log_likelihood": likelihood, "confidence": sure, "correct": sure > 0.5 + noise}

    run, export = said(0.0), said(0.1)
    found = cost("token", [run], [export], [labels])
    before, after = (
        language_metrics(*(one[n] for n in one), labels >= 0, np.ones(20)) for one in (run, export)
    )
    for name, metric, sign in (
        ("accuracy_drop", "accuracy", -1),
        ("calibration_increase", "expected_calibration_error", 1),
        ("loss_increase", "log_loss", 1),
    ):
        expected = sign * (after[metric] - before[metric])
        assert found[name].value == pytest.approx(expected, abs=1e-6), name
    assert found["loss_increase"].n == 20
    assert found["agreement"].n == 160


def test_numbers_lose_a_share_of_the_error():
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(200, 2)) * [1, 1000]
    run = labels + rng.normal(size=(200, 2)) * [0.1, 100]
    export = labels + 1.5 * (run - labels)
    found = cost("number", [{"predictions": run}], [{"predictions": export}], [labels])
    assert found["loss_increase"].value == pytest.approx(0.5)
    (told,) = violations(found, BOUNDS)
    assert told.startswith("the loss rose by 0.5000 (0.5000 to 0.5000, 200 examples), where 0.05")


def test_each_broken_bound_is_a_sentence():
    p, labels = probabilities(1)
    p = np.eye(4, dtype=np.float32)[labels] * 0.97 + 0.0075
    found = cost("class", [{"probabilities": p}], [{"probabilities": blended(p, 0.6)}], [labels])
    told = violations(found, BOUNDS)
    assert len(told) == 4
    assert told[0].startswith("accuracy fell by 0.")
    assert told[0].endswith("where 0.01 is allowed")
    assert told[2].endswith("where at least 0.98 is wanted")
    assert violations(found, Bounds()) == ()


def test_what_is_no_number_is_over_every_bound():
    p, labels = probabilities(1)
    q = np.full_like(p, np.nan)
    found = cost("class", [{"probabilities": p}], [{"probabilities": q}], [labels])
    told = " ".join(violations(found, BOUNDS))
    assert "loss rose by nan" in told
    assert "calibration error rose by nan" in told
