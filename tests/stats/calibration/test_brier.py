from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from framework.stats import brier_parts, class_reliability, fine_edges, reliability_table


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=50),
    st.integers(1, 20),
)
def test_the_parts_sum_to_the_score_in_any_bins(rows, bins):
    p, y = map(np.array, zip(*rows, strict=True))
    parts = brier_parts(reliability_table(p, y, bins))
    whole = (
        parts.reliability
        - parts.resolution
        + parts.uncertainty
        + parts.within_variance
        - parts.within_covariance
    )
    assert whole == pytest.approx(parts.score, abs=1e-12)
    assert parts.score == pytest.approx(np.mean((p - y) ** 2), abs=3e-9)


def test_it_is_scikit_learns_and_where_a_bin_has_one_confidence_murphys_three_parts_are_all():
    rng = np.random.default_rng(0)
    p = rng.integers(0, 11, 2000) / 10
    y = (rng.random(2000) < p).astype(int)
    parts = brier_parts(
        reliability_table(
            p, y, np.concatenate([[0.0], np.arange(11) / 10 + 0.05])[:-1].tolist() + [1.0]
        )
    )
    assert parts.score == pytest.approx(brier_score_loss(y, p), abs=1e-8)
    assert parts.within_variance == pytest.approx(0, abs=1e-8)
    assert parts.within_covariance == pytest.approx(0, abs=1e-8)
    murphy = parts.reliability - parts.resolution + parts.uncertainty
    assert murphy == pytest.approx(parts.score, abs=1e-8)


def test_by_hand():
    # One bin: p̄ = 0.6, ȳ = 0.5.
    parts = brier_parts(reliability_table([0.4, 0.8], [0, 1], bins=1))
    assert astuple(parts) == pytest.approx((0.1, 0.01, 0, 0.25, 0.04, 0.2), abs=1e-8)


def test_classes_add_up_to_the_score_of_two():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), 500)
    y = rng.integers(0, 4, 500)
    parts = brier_parts(class_reliability(p, y))
    assert parts.score == pytest.approx(np.square(p - np.eye(4)[y]).sum(axis=1).mean(), abs=1e-8)
    assert parts.uncertainty == pytest.approx(sum(f * (1 - f) for f in np.bincount(y) / 500))


def test_certainty_one_class_and_nothing():
    perfect = brier_parts(reliability_table([0.0, 1.0], [0, 1], fine_edges()))
    assert perfect.score == 0 == perfect.reliability
    assert perfect.resolution == perfect.uncertainty == 0.25
    constant = brier_parts(reliability_table([0.3] * 10, [1] * 10))
    assert constant.uncertainty == 0 == constant.resolution
    assert constant.score == pytest.approx(0.49)
    assert np.isnan(brier_parts(reliability_table([], [])).score)
