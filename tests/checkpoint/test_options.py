import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.checkpoint.options import CheckpointOptions, kept, ranked

SCORES = st.dictionaries(st.integers(0, 50), st.one_of(st.none(), st.floats(allow_nan=False)))


EVERY = st.one_of(st.none(), st.integers(1, 10))


@given(SCORES, st.integers(1, 4), st.integers(0, 4), EVERY)
def test_the_newest_the_best_and_the_regular_are_kept(scores, latest, best, every):
    options = CheckpointOptions(keep_latest=latest, keep_best=best, keep_every=every)
    keep = kept(scores, scores, options)
    assert keep <= scores.keys()
    assert set(sorted(scores)[-latest:]) <= keep
    regular = {step for step in scores if every and step % every == 0}
    assert regular <= keep
    scored = {step for step, score in scores.items() if score is not None}
    assert len(keep & scored) >= min(best, len(scored))
    assert len(keep - regular) <= latest + best
    for lost in scored - keep:
        assert sum(scores[k] >= scores[lost] for k in keep & scored) >= best


@given(SCORES, st.integers(1, 4), st.integers(0, 4), EVERY)
def test_a_whole_one_goes_only_when_what_takes_its_place_is_there(scores, latest, best, every):
    """Over a run's saves: something newest is always there, and what is best and regular."""
    options = CheckpointOptions(keep_latest=latest, keep_best=best, keep_every=every)
    there: set[int] = set()
    for number, step in enumerate(sorted(scores), start=1):
        there.add(step)
        removed = there - kept(there, scores, options)
        there -= removed
        assert len(there) >= min(number, latest)
        assert all(sum(other > gone for other in there) >= latest for gone in removed)
    assert there == kept(scores, scores, options)  # what went was not missed later


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
