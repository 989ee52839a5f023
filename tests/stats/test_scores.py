import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from framework.stats import brier_scores, log_losses, score_estimates


def sampled(n, classes, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(classes), n)
    return p, (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


def test_means_are_scikit_learns():
    p, y = sampled(500, 4)
    assert log_losses(p, y).mean() == pytest.approx(log_loss(y, p))
    two, hit = sampled(500, 2)
    assert brier_scores(two, hit).mean() == pytest.approx(2 * brier_score_loss(hit, two[:, 1]))


def test_by_hand_with_certainty_and_soft_labels():
    p = np.array([[1.0, 0.0], [0.0, 1.0], [0.25, 0.75]])
    np.testing.assert_allclose(brier_scores(p, [0, 0, 1]), [0, 2, 0.125])
    np.testing.assert_allclose(log_losses(p, [0, 1, 1]), [0, 0, -np.log(0.75)], atol=1e-12)
    assert np.isfinite(log_losses(p, [0, 0, 0])).all()
    soft = np.array([[0.5, 0.5]])
    np.testing.assert_allclose(log_losses(p[2:], soft), -(np.log(0.25) + np.log(0.75)) / 2)


def test_a_calibrated_model_reads_what_it_would_under_calibration_and_a_boastful_one_more():
    p, y = sampled(4000, 5)
    for estimate in score_estimates(p, y).values():
        assert estimate.low < estimate.under_calibration < estimate.high
        assert estimate.n == 4000
    sharp = p**3 / (p**3).sum(axis=1, keepdims=True)
    for estimate in score_estimates(sharp, y).values():
        assert estimate.low > estimate.under_calibration
    assert score_estimates(p, y, groups=np.arange(4000) // 4)["log_loss"].n == 1000


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="no examples"):
        log_losses(np.zeros((0, 3)), np.zeros(0, int))
    with pytest.raises(ValueError, match="outside 0 to 1"):
        brier_scores(np.ones((1, 2)) / 2, [2])
