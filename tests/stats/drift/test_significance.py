"""On known truth: without drift a p-value below 0.05 comes about at most that often, or nearly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from framework.stats.drift import (
    Categories,
    Histogram,
    group_scores,
    grouped,
    kolmogorov_smirnov_score,
    wasserstein_score,
)

REPEATS = 300
# Three deviations of a share of 300 at 0.05, and what the asymptotics lack on small tables.
MOST = 0.05 + 3 * np.sqrt(0.05 * 0.95 / REPEATS) + 0.01

NULLS = {
    "continuous": lambda rng, n: rng.normal(size=n),
    "heavy": lambda rng, n: rng.standard_t(2, n),
    "tied": lambda rng, n: np.round(rng.normal(size=n), 1),
    "few": lambda rng, n: rng.integers(0, 10, n).astype(float),
    "rectified": lambda rng, n: np.maximum(rng.normal(size=n), 0),
    "rare": lambda rng, n: (rng.random(n) < 0.01).astype(float),
    "missing": lambda rng, n: np.where(rng.random(n) < 0.05, np.nan, rng.normal(size=n)),
    "words": lambda rng, n: rng.choice(list("abcdefghij"), n, p=np.arange(1, 11) / 55),
    "long tail": lambda rng, n: rng.zipf(1.5, n).clip(0, 10**6).astype(str),
}


def p_values(draw, n, m):
    found: dict[str, list[float]] = {}
    rng = np.random.default_rng(0)
    for _ in range(REPEATS):
        kind = Categories if draw(rng, 1).dtype.kind == "U" else Histogram
        reference = kind.of(draw(rng, n))
        current = reference.count(draw(rng, m))
        scores = group_scores(*grouped(reference, current), resamples=199)
        each = {
            "psi": scores.population_stability_index,
            "kl": scores.kullback_leibler,
            "js": scores.jensen_shannon_divergence,
            "chi": scores.chi_squared,
        }
        if kind is Histogram:
            each["ks"] = kolmogorov_smirnov_score(reference, current)
            each["wasserstein"] = wasserstein_score(reference, current)
        for name, score in each.items():
            found.setdefault(name, []).append(score.p_value)
    return {name: np.array(values) for name, values in found.items()}


@pytest.mark.parametrize("rows", [(15, 15), (100, 100), (30, 2000), (2000, 100)], ids=str)
@pytest.mark.parametrize("name", NULLS)
def test_without_drift_alarms_come_at_the_promised_rate(name, rows):
    rates = {k: (p <= 0.05).mean() for k, p in p_values(NULLS[name], *rows).items()}
    assert max(rates.values()) <= MOST, rates
    if name == "continuous" and min(rows) >= 100:
        assert min(rates["psi"], rates["js"], rates["wasserstein"]) > 0.02, rates


@pytest.mark.parametrize("name", ["continuous", "few", "words"])
def test_psi_without_drift_has_the_mean_and_deviation_of_its_formula(name):
    rng = np.random.default_rng(1)
    values, scores = [], None
    for _ in range(REPEATS):
        draw = NULLS[name]
        reference = (Categories if name == "words" else Histogram).of(draw(rng, 3000))
        counts = grouped(reference, reference.count(draw(rng, 1000)))
        scores = group_scores(*counts)
        values.append(scores.population_stability_index.value)
    assert not scores.exact
    assert scores.psi_expected == pytest.approx(9 * (1 / 3000 + 1 / 1000))
    assert np.mean(values) == pytest.approx(scores.psi_expected, rel=0.1)
    assert np.std(values) == pytest.approx(scores.psi_deviation, rel=0.15)


def test_chi_squared_is_tested_as_scipy_does():
    table = np.array([[90, 60, 104, 95], [30, 50, 51, 20]])
    ours = group_scores(*table).chi_squared
    theirs = stats.chi2_contingency(table, correction=False)
    assert (ours.value, ours.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))


def test_a_permutation_agrees_with_fishers_exact_test():
    for reference, current in (([20, 2], [9, 6]), ([50, 0], [20, 3]), ([7, 3], [3, 7])):
        ours = group_scores(np.array(reference), np.array(current))
        assert ours.exact or min(reference) == 3
        if ours.exact:
            exact = stats.fisher_exact([reference, current]).pvalue
            assert ours.chi_squared.p_value == pytest.approx(exact, abs=0.02)


@given(st.integers(2, 50), st.integers(2, 50), st.integers(0, 99))
def test_kolmogorov_smirnov_is_tested_as_scipy_does_asymptotically(n, m, seed):
    rng = np.random.default_rng(seed)
    first = rng.permutation(n).astype(
        float
    )  # each value an edge, so that counts lose nothing of it
    second = first[rng.integers(0, n, m)]
    reference = Histogram.of(first)
    ours = kolmogorov_smirnov_score(reference, reference.count(second))
    theirs = stats.ks_2samp(first, second, method="asymp").statistic
    assert ours.value == pytest.approx(theirs)
    expected = stats.kstwobign.sf(theirs * np.sqrt(n * m / (n + m)))
    assert ours.p_value == pytest.approx(expected)


def test_a_shifted_mean_is_found():
    rng = np.random.default_rng(0)
    reference = Histogram.of(rng.normal(size=5000))
    for shift, least in ((0.2, 0.85), (0.4, 1.0)):
        found = [
            group_scores(*grouped(reference, reference.count(rng.normal(shift, 1, 500))))
            for _ in range(100)
        ]
        assert np.mean([f.population_stability_index.p_value <= 0.05 for f in found]) >= least


def test_one_group_and_equal_tables_are_no_evidence():
    only = group_scores(np.array([50]), np.array([20]))
    assert only.population_stability_index.p_value == 1
    assert only.psi_expected == 0
    table = Histogram.of(np.full(50, 3.0))
    assert wasserstein_score(table, table).p_value == 1
    assert kolmogorov_smirnov_score(table, table).p_value == 1


def test_an_empty_table_has_no_p_value():
    table = Histogram.of(np.arange(50.0))
    assert np.isnan(kolmogorov_smirnov_score(table, table.count([])).p_value)
    assert np.isnan(wasserstein_score(table, table.count([np.nan])).p_value)


def test_a_seed_repeats_a_permutation():
    tables = np.array([3, 4, 8]), np.array([1, 4, 2])
    assert group_scores(*tables, seed=5) == group_scores(*tables, seed=5)
    assert group_scores(*tables, seed=5) != group_scores(*tables, seed=6)
