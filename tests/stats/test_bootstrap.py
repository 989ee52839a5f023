import numpy as np
import pytest
import scipy.stats

from framework.stats import bootstrap, mean_estimate
from framework.stats.bootstrap import resampled_weights


def weighted_mean(weights, x):
    return weights @ x / weights.sum(axis=1)


def test_it_is_scipys_percentile_interval():
    x = np.random.default_rng(0).exponential(size=300)
    ours = bootstrap(weighted_mean, [x], resamples=20_000)
    theirs = scipy.stats.bootstrap(
        [x], np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.01)


@pytest.mark.parametrize(
    ("draw", "truth"),
    [
        (lambda rng, n: rng.normal(size=n), 0.0),
        (lambda rng, n: rng.exponential(size=n), 1.0),
        (lambda rng, n: rng.random(n) < 0.8, 0.8),
    ],
    ids=["normal", "skewed", "right-or-wrong"],
)
def test_the_interval_of_a_mean_covers_at_its_level(draw, truth):
    rng = np.random.default_rng(0)
    found = [mean_estimate(draw(rng, 200), resamples=300, seed=i) for i in range(400)]
    covered = np.mean([e.low <= truth <= e.high for e in found])
    # Three standard errors of 400 samples, and a point for what the percentile interval lacks.
    assert 0.95 - 0.01 - 0.033 < covered < 0.95 + 0.033


def test_groups_are_drawn_whole_and_their_interval_covers_where_that_of_examples_does_not():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 10)
    hits = np.zeros(2)
    for i in range(300):
        x = np.repeat(rng.normal(size=60), 10) + 0.1 * rng.normal(size=600)
        for which, given in enumerate((groups, None)):
            e = mean_estimate(x, given, resamples=200, seed=i)
            hits[which] += e.low <= 0 <= e.high
            assert e.n == (60 if which == 0 else 600)
    together, apart = hits / 300
    assert together == pytest.approx(0.94, abs=0.04)
    assert apart < 0.6
    (weights,) = resampled_weights(600, 20, groups=groups)
    assert (np.diff(weights.reshape(20, 60, 10), axis=2) == 0).all()
    np.testing.assert_array_equal(weights.sum(axis=1), 600)


def test_a_statistic_may_be_anything_of_the_weights():
    x = np.random.default_rng(0).normal(size=(200, 2))

    def slope(weights, both):
        a, b = both.T
        return (weights @ (a * b)) / (weights @ (a * a))

    low, high = bootstrap(slope, [x], resamples=500)
    own = (x[:, 0] @ x[:, 1]) / (x[:, 0] @ x[:, 0])
    assert low < own < high


def test_equal_seeds_give_equal_intervals_in_any_size_of_chunk(monkeypatch):
    x = np.random.default_rng(0).normal(size=50)
    first = bootstrap(weighted_mean, [x], seed=3)
    assert first == bootstrap(weighted_mean, [x], seed=3)
    assert first != bootstrap(weighted_mean, [x], seed=4)
    assert sum(len(w) for w in resampled_weights(100_000, 50)) == 50


def test_a_million_values_have_the_interval_of_a_mean():
    x = np.random.default_rng(0).normal(size=1_000_000)
    found = mean_estimate(x, resamples=400)
    assert found.n == 1_000_000
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * x.std() / 1000, rel=0.15)
    assert found.value == pytest.approx(x.mean())


@pytest.mark.parametrize("few", [[], [1.0]])
def test_of_fewer_than_two_there_is_no_interval(few):
    found = mean_estimate(few)
    assert found.n == len(few)
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(found.value) == (not few)


def test_what_is_not_defined_on_a_resample_has_no_interval():
    assert np.isnan(bootstrap(lambda w, x: np.full(len(w), np.nan), [np.ones(5)])).all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"\[2, 3\]"):
        bootstrap(weighted_mean, [np.ones(2), np.ones(3)])
    with pytest.raises(ValueError, match="not 0"):
        bootstrap(weighted_mean, [np.ones(2)], resamples=0)
    with pytest.raises(ValueError, match="level"):
        bootstrap(weighted_mean, [np.ones(2)], level=95)
    with pytest.raises(ValueError, match="groups"):
        bootstrap(weighted_mean, [np.ones(2)], groups=[1, 2, 3])
    with pytest.raises(ValueError, match="groups"):
        mean_estimate(np.ones(2), groups=[1])
    with pytest.raises(ValueError, match="one a row"):
        mean_estimate(np.ones((2, 2)))
