import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial import distance

from framework.stats.drift import (
    Histogram,
    chi_squared,
    jensen_shannon_distance,
    jensen_shannon_divergence,
    kolmogorov_smirnov,
    kullback_leibler,
    population_stability_index,
    wasserstein,
)
from framework.stats.drift.scores import distribution, spread, support

counts = arrays(np.int64, 6, elements=st.integers(0, 50))
SAMPLES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "shifted": lambda rng, n: rng.normal(0.7, 1.5, n),
    "heavy": lambda rng, n: rng.standard_t(3, n),
    "tied": lambda rng, n: np.round(rng.normal(size=n), 1),
    "few": lambda rng, n: rng.integers(0, 7, n).astype(float),
    "rectified": lambda rng, n: np.maximum(rng.normal(size=n), 0),
    "constant": lambda rng, n: np.full(n, 2.5),
    "zero and one": lambda rng, n: (rng.random(n) < 0.3).astype(float),
}


def tables(first, second):
    reference = Histogram.of(first)
    return reference, reference.count(second)


@given(counts, counts)
def test_divergences_are_those_of_scipy(reference, current):
    p, q = ((c + 0.5) / (c.sum() + 3) for c in (reference, current))
    assert kullback_leibler(reference, current) == pytest.approx(stats.entropy(q, p), abs=1e-12)
    assert population_stability_index(reference, current) == pytest.approx(
        stats.entropy(q, p) + stats.entropy(p, q), abs=1e-12
    )
    assume(reference.any() and current.any())
    expected = distance.jensenshannon(reference, current, base=2)
    assert jensen_shannon_distance(reference, current) == pytest.approx(expected, abs=1e-7)
    assert 0 <= jensen_shannon_divergence(reference, current) <= 1 + 1e-12


@given(counts, counts)
def test_chi_squared_is_that_of_scipy(reference, current):
    seen = reference + current > 0
    assume(reference.any() and current.any() and seen.sum() > 1)
    table = np.stack([reference, current])[:, seen]
    expected = stats.chi2_contingency(table, correction=False).statistic
    assert chi_squared(reference, current) == pytest.approx(expected, abs=1e-9)


def test_psi_by_hand():
    # Shares (25.5, 75.5) / 101 and (75.5, 25.5) / 101 with half a count each.
    expected = 2 * (50 / 101) * np.log(75.5 / 25.5)
    assert population_stability_index(np.array([25, 75]), np.array([75, 25])) == pytest.approx(
        expected
    )
    assert np.isfinite(population_stability_index(np.array([9, 0]), np.array([0, 9])))


def test_nothing_to_compare_is_nan():
    none, some = np.array([0, 0]), np.array([1, 2])
    assert np.isnan(chi_squared(none, some))
    assert np.isnan(jensen_shannon_divergence(some, none))
    empty = tables(np.arange(5.0), [])
    assert np.isnan(kolmogorov_smirnov(*empty)).all()
    assert np.isnan(wasserstein(*empty))
    assert np.isnan(spread(Histogram.of([])))


@pytest.mark.parametrize("second", SAMPLES)
@pytest.mark.parametrize("first", SAMPLES)
def test_kolmogorov_smirnov_is_below_the_exact_one_by_no_more_than_its_bound(first, second):
    rng = np.random.default_rng(0)
    a, b = SAMPLES[first](rng, 3000), SAMPLES[second](rng, 2000)
    statistic, bound = kolmogorov_smirnov(*tables(a, b))
    exact = stats.ks_2samp(a, b).statistic
    assert statistic - 1e-12 <= exact <= statistic + bound + 1e-12
    if first == second:
        assert bound < 0.015
    if first in ("few", "constant", "zero and one") and first == second:
        assert bound < 1e-12


@pytest.mark.parametrize("second", SAMPLES)
@pytest.mark.parametrize("first", SAMPLES)
def test_wasserstein_is_off_by_no_more_than_what_may_move_within_the_bins(first, second):
    rng = np.random.default_rng(1)
    a, b = SAMPLES[first](rng, 3000), SAMPLES[second](rng, 2000)
    reference, current = tables(a, b)
    mass = np.diff(distribution(reference)) + np.diff(distribution(current))
    bound = np.sum(mass * np.diff(support(reference, current))) / 2
    exact = stats.wasserstein_distance(a, b)
    assert wasserstein(reference, current) == pytest.approx(exact, abs=bound + 1e-9)
    if first == second:
        assert wasserstein(reference, current) == pytest.approx(exact, abs=0.01 * a.std() + 1e-9)


@pytest.mark.parametrize("name", SAMPLES)
def test_spread_is_nearly_the_standard_deviation(name):
    values = SAMPLES[name](np.random.default_rng(0), 20_000)
    off = 0.3 if name == "heavy" else 0.02  # a few values far out share one wide bin
    assert spread(Histogram.of(values)) == pytest.approx(values.std(), rel=off)


def test_infinite_values_count_and_keep_distances_finite():
    reference, current = tables(np.arange(100.0), np.append(np.arange(100.0), [np.inf] * 100))
    assert kolmogorov_smirnov(reference, current)[0] == pytest.approx(0.5)
    assert np.isfinite(wasserstein(reference, current))
