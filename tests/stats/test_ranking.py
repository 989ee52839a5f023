import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from framework.stats import area_under_roc, average_precision

# Few distinct scores, so that ties are common.
ranked = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40)


@given(ranked)
def test_agrees_with_scikit_learn_with_ties(pairs):
    scores, positive = np.array([s for s, _ in pairs]) / 5, np.array([p for _, p in pairs])
    if positive.any() and not positive.all():
        assert area_under_roc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))
    if positive.any():
        assert average_precision(scores, positive) == pytest.approx(
            average_precision_score(positive, scores)
        )


@given(ranked)
def test_turning_the_scores_round_turns_the_area_round(pairs):
    scores, positive = np.array([s for s, _ in pairs]), np.array([p for _, p in pairs])
    if positive.any() and not positive.all():
        turned = area_under_roc(-scores, positive)
        assert area_under_roc(scores, positive) == pytest.approx(1 - turned)


def test_one_class_has_no_area_and_no_positive_no_precision():
    assert np.isnan(area_under_roc([0.1, 0.9], [1, 1]))
    assert np.isnan(area_under_roc([0.1, 0.9], [0, 0]))
    assert np.isnan(average_precision([0.1, 0.9], [0, 0]))
    assert average_precision([0.1, 0.9], [1, 1]) == 1
