import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.checkpoint.options import CheckpointOptions, kept, ranked

SCORES = st.dictionaries(st.integers(0, 50), st.one_of(st.none(), st.floats(allow_nan=False)))


@given(SCORES, st.integers(1, 4), st.integers(0, 4))
def test_the_newest_and_the_best_are_kept(scores, latest, best):
    options = CheckpointOptions(keep_latest=latest, keep_best=best)
    keep = kept(scores, scores, options)
    assert keep <= scores.keys()
    assert set(sorted(scores)[-latest:]) <= keep
    scored = {step for step, score in scores.items() if score is not None}
    assert len(keep & scored) >= min(best, len(scored))
    assert len(keep) <= latest + best
    for lost in scored - keep:
        assert sum(scores[k] >= scores[lost] for k in keep & scored) >= best


def test_among_equals_the_newest_is_the_best():
    assert ranked({1: 0.5, 2: 0.5, 3: 0.4, 4: None}) == [2, 1, 3]


@pytest.mark.parametrize(
    ("metric", "mode", "metrics", "score"),
    [
        ("loss", "min", {"loss": 2.0}, -2.0),
        ("loss", "max", {"loss": 2.0}, 2.0),
        ("loss", "min", {"accuracy": 2.0}, None),
        ("loss", "min", {"loss": math.nan}, None),
        (None, "min", {"loss": 2.0}, None),
    ],
)
def test_scores(metric, mode, metrics, score):
    assert CheckpointOptions(metric=metric, mode=mode).score(metrics) == score
