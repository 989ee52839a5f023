import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from framework.stats import regression_metric_names, regression_metrics


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 9999), st.integers(2, 40), st.integers(1, 3))
def test_agrees_with_scikit_learn(seed, examples, targets):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(examples, targets))
    guess = y + rng.normal(size=y.shape)
    ours = regression_metrics(guess, y)
    assert ours["mean_absolute_error"] == pytest.approx(sk.mean_absolute_error(y, guess))
    assert ours["root_mean_squared_error"] == pytest.approx(sk.root_mean_squared_error(y, guess))
    assert ours["r_squared"] == pytest.approx(sk.r2_score(y, guess))
    assert ours["examples"] == examples


@pytest.mark.parametrize("names", [("price",), ("price", "age")])
def test_names_are_known_before_a_number_is(names):
    y = np.arange(3 * len(names), dtype=np.float32).reshape(3, -1)
    assert tuple(regression_metrics(y, y, names)) == regression_metric_names(names)


def test_each_target_has_its_own_and_the_plain_name_is_their_mean():
    ours = regression_metrics([[1.0, 5.0], [2.0, 5.0]], [[1.0, 4.0], [2.0, 6.0]], ("a", "b"))
    assert ours["r_squared/a"] == 1
    assert ours["r_squared/b"] == 0
    assert ours["r_squared"] == 0.5
    assert ours["mean_absolute_error/b"] == 1


def test_a_constant_target_has_no_variance_to_explain():
    alone = regression_metrics([[1.0], [1.0]], [[1.0], [1.0]])
    assert np.isnan(alone["r_squared"])
    assert alone["mean_absolute_error"] == 0
    # 0.1 three times: its spread is not exactly zero in floating point.
    beside = regression_metrics([[0.1, 1], [0.1, 2], [0.2, 3]], [[0.1, 1], [0.1, 2], [0.1, 3]])
    assert beside["r_squared"] == 1
    assert np.isnan(regression_metrics([[1.0]], [[2.0]])["r_squared"])


def test_a_model_that_diverged_has_no_numbers():
    ours = regression_metrics([[np.inf, 1], [0, 2]], [[1, 1], [2, 2]], ("a", "b"))
    assert np.isnan(ours["mean_absolute_error"])
    assert np.isnan(ours["r_squared/a"])
    assert ours["mean_absolute_error/b"] == 0


def test_what_cannot_be_measured_is_refused_in_words():
    with pytest.raises(ValueError, match="no examples"):
        regression_metrics(np.zeros((0, 1)), np.zeros((0, 1)))
    with pytest.raises(ValueError, match="labels are"):
        regression_metrics([[1.0]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="2 names for 1"):
        regression_metrics([[1.0]], [[1.0]], ("a", "b"))
