import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.stats import language_metric_names, language_metrics


def test_a_uniform_guess_over_bytes_costs_eight_bits_each():
    shape = (3, 5)
    found = language_metrics(
        np.full(shape, -math.log(256)), np.full(shape, 1 / 256), np.zeros(shape), np.ones(shape),
        np.full(3, 5),
    )  # fmt: skip
    assert found["bits_per_byte"] == pytest.approx(8)
    assert found["perplexity"] == pytest.approx(256)
    assert found["expected_calibration_error"] == pytest.approx(1 / 256)
    assert found["tokens"] == found["bytes"] == 15
    assert tuple(found) == language_metric_names()


@given(st.integers(0, 2**32 - 1))
def test_only_tokens_that_count_are_measured(seed):
    random = np.random.default_rng(seed)
    p = random.uniform(0.01, 1, (4, 6))
    counted = random.uniform(size=(4, 6)) < 0.6
    counted[0, 0] = True
    right = random.integers(0, 2, (4, 6))
    found = language_metrics(np.log(p), p, right, counted, counted.sum(1) * 3)
    assert found["log_loss"] == pytest.approx(-np.mean([math.log(x) for x in p[counted]]))
    assert found["accuracy"] == pytest.approx(right[counted].mean())
    assert found["bits_per_byte"] == pytest.approx(found["log_loss"] / math.log(2) / 3)
    p[~counted] = np.nan
    again = language_metrics(np.log(p), p, right, counted, counted.sum(1) * 3)
    assert again == found


def test_a_likelihood_that_is_not_finite_makes_no_number_up():
    one = np.ones((1, 2))
    found = language_metrics(np.array([[0.0, -np.inf]]), one, one, one, np.array([2]))
    assert math.isnan(found["log_loss"])
    assert math.isnan(found["accuracy"])
    assert found["tokens"] == 2


def test_text_without_bytes_has_no_bits_per_byte():
    one = np.ones((1, 2))
    assert math.isnan(language_metrics(-one, one, one, one, np.zeros(1))["bits_per_byte"])


@pytest.mark.parametrize("wrong", ["shape", "bytes", "nothing"])
def test_arrays_that_do_not_fit_are_refused(wrong):
    one = np.ones((2, 3))
    with pytest.raises(ValueError, match="shapes" if wrong != "nothing" else "no token"):
        language_metrics(
            one[:, :2] if wrong == "shape" else one, one, one,
            0 * one if wrong == "nothing" else one, np.ones(3 if wrong == "bytes" else 2),
        )  # fmt: skip
