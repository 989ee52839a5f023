import json

import numpy as np
import pytest

from framework.stats import ConformalSets, conformal_estimates


def sampled(rng, n, classes=6, sharpness=2.0):
    """Probabilities that are wrong on purpose, and labels of other ones."""
    true = rng.dirichlet(np.full(classes, 0.4), n)
    labels = (true.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    shown = true**sharpness + 1e-3
    return shown / shown.sum(axis=1, keepdims=True), labels


def test_by_hand():
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    # Scores of the true class 0: 0.1, 0.2, 0.3, 0.4; the ⌈5 × 0.5⌉-th smallest is 0.3.
    fitted = ConformalSets.fit(p, [0, 0, 0, 0], alpha=0.5)
    assert fitted.threshold == pytest.approx(0.3)
    found = fitted.sets([[0.95, 0.05], [0.5, 0.5], [0.3, 0.7 + 1e-9]])
    assert found.tolist() == [[True, False], [False, False], [False, True]]
    adaptive = ConformalSets.fit(p, [0, 1, 0, 1], alpha=0.5, method="adaptive")
    assert adaptive.threshold == pytest.approx(0.6)  # of 0, 0, 0.6 and 0.8
    found = adaptive.sets([[0.61, 0.39], [0.59, 0.41], [0.5, 0.5]])
    assert found.tolist() == [[True, False], [True, True], [True, True]]


@pytest.mark.parametrize(("n", "alpha", "rank"), [(9, 0.1, 9), (19, 0.05, 19), (99, 0.1, 90)])
def test_the_quantile_is_that_of_finite_samples_and_no_more(n, alpha, rank):
    right = np.linspace(0.99, 0.5, n)
    fitted = ConformalSets.fit(np.stack([right, 1 - right], axis=1), np.zeros(n, int), alpha)
    assert fitted.threshold == pytest.approx(1 - right[rank - 1])


def test_too_few_to_promise_anything_hold_every_class():
    fitted = ConformalSets.fit([[0.9, 0.1]] * 8, [0] * 8, alpha=0.1)
    assert fitted.threshold == np.inf
    assert fitted.sets([[1.0, 0.0]]).all()
    assert ConformalSets.from_json(json.loads(json.dumps(fitted.json()))) == fitted


@pytest.mark.parametrize("method", ["least_ambiguous", "adaptive"])
def test_over_many_splits_coverage_is_what_was_promised(method):
    rng = np.random.default_rng(0)
    coverage = []
    for _ in range(400):
        fitted = ConformalSets.fit(*sampled(rng, 99), alpha=0.1, method=method)
        p, labels = sampled(rng, 100)
        coverage.append(fitted.sets(p)[np.arange(100), labels].mean())
    # Between 0.9 and 0.91 on average over splits, 400 of which know it to 0.0021.
    assert 0.9 - 0.007 < np.mean(coverage) < 0.91 + 0.007


@pytest.mark.parametrize("method", ["least_ambiguous", "adaptive"])
def test_measured_coverage_and_size(method):
    rng = np.random.default_rng(1)
    fitted = ConformalSets.fit(*sampled(rng, 5000), alpha=0.2, method=method)
    p, labels = sampled(rng, 5000)
    sets = fitted.sets(p)
    found = conformal_estimates(sets, labels)
    assert found["coverage"].value == pytest.approx(0.8, abs=0.03)
    assert found["coverage"].low < found["coverage"].value < found["coverage"].high
    assert found["mean_set_size"].value == pytest.approx(sets.sum() / 5000)
    assert found["mean_set_size"].low < found["mean_set_size"].value < found["mean_set_size"].high
    assert found["empty_sets"].value == np.mean(~sets.any(axis=1))


def test_least_ambiguous_sets_are_mapies():
    mapie = pytest.importorskip("mapie.classification")
    rng = np.random.default_rng(2)
    p, labels = sampled(rng, 500)
    shown, _ = sampled(rng, 300)

    class Given:
        """A classifier whose probabilities are its input."""

        classes_ = np.arange(6)
        n_features_in_ = 6

        def fit(self, x, y):
            return self

        def __sklearn_is_fitted__(self):
            return True

        def predict_proba(self, x):
            return np.asarray(x)

        def predict(self, x):
            return np.asarray(x).argmax(axis=1)

    other = mapie.SplitConformalClassifier(Given(), 0.85, "lac", prefit=True)
    other.conformalize(p, labels)
    _, expected = other.predict_set(shown)
    mine = ConformalSets.fit(p, labels, alpha=0.15).sets(shown)
    np.testing.assert_array_equal(mine, expected[:, :, 0])


def test_adaptive_sets_are_never_empty_and_follow_the_likeliest_classes():
    p, labels = sampled(np.random.default_rng(3), 400)
    sets = ConformalSets.fit(p[:200], labels[:200], 0.1, "adaptive").sets(p[200:])
    assert sets.any(axis=1).all()
    for row, chosen in zip(p[200:], sets, strict=True):
        assert row[chosen].min() >= row[~chosen].max(initial=0)


def test_ties_one_class_and_nothing():
    same = np.full((50, 4), 0.25)
    fitted = ConformalSets.fit(same, [0] * 50, alpha=0.1)
    assert fitted.sets(same).all()
    for estimate in conformal_estimates(np.zeros((0, 3), bool), np.zeros(0, int)).values():
        assert np.isnan(estimate.value)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="alpha"):
        ConformalSets.fit([[1.0, 0.0]], [0], alpha=0)
    with pytest.raises(ValueError, match=r"'raps'.*least_ambiguous"):
        ConformalSets.fit([[1.0, 0.0]], [0], method="raps")
    with pytest.raises(ValueError, match="no examples"):
        ConformalSets.fit(np.zeros((0, 2)), np.zeros(0, int))
