"""Equal rows, near rows and what of one split is in another, against comparing all with all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from framework.stats.quality.banding import no_pairs
from framework.stats.quality.duplicates import conflicts, first_equal, overlaps, row_digests
from framework.stats.quality.near_texts import near_texts
from framework.stats.quality.near_vectors import near_vectors
from framework.stats.quality.shared_text import rows_with_shared_text


@given(arrays.arrays(np.int8, st.tuples(st.integers(0, 30), st.integers(1, 2)),
                     elements=st.integers(0, 2)))  # fmt: skip
def test_the_first_equal_row(rows: np.ndarray) -> None:
    expected = [next(j for j in range(len(rows)) if (rows[j] == row).all()) for row in rows]
    assert first_equal(rows).tolist() == expected
    if len(rows):
        assert first_equal(row_digests([rows])).tolist() == expected


def test_numbers_that_look_alike_are_one() -> None:
    rows = np.array([[np.nan, 0.0], [-np.nan, -0.0], [1.0, np.nan]], np.float32)
    assert first_equal(row_digests([rows])).tolist() == [0, 0, 2]


def test_all_arrays_count() -> None:
    digests = row_digests([np.array([1, 1, 1]), np.array([[2], [2], [3]])])
    assert first_equal(digests).tolist() == [0, 0, 2]


def test_groups_with_several_labels() -> None:
    first = np.array([0, 0, 2, 2, 4])
    assert conflicts(first, np.array([1, 1, 1, 2, 3])) == 1
    assert conflicts(first, np.array([[1, 0], [0, 0], [1, 1], [1, 2], [3, 3]])) == 2


def cosines(vectors: np.ndarray) -> np.ndarray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


def planted(count: int = 1500, copies: int = 100, width: int = 40) -> np.ndarray:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((count, width)) + 2
    near = vectors[:copies] + 0.05 * random.standard_normal((copies, width))
    return np.concatenate([vectors, near]).astype(np.float32)


def test_near_vectors_are_those_of_the_whole_matrix() -> None:
    vectors = planted()
    found = near_vectors(vectors, 0.97)
    first, second = np.nonzero(np.triu(cosines(vectors), 1) >= 0.97)
    truth = set(zip(first.tolist(), second.tolist(), strict=True))
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert pairs <= truth
    assert len(pairs) >= 0.99 * len(truth)
    assert {(i, 1500 + i) for i in range(100)} <= pairs
    expected = cosines(vectors)[found.first, found.second]
    np.testing.assert_allclose(found.similarity, expected, atol=1e-5)
    assert (np.diff(found.similarity) <= 0).all()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_near_vectors_of_any_scale(scale: float) -> None:
    vectors = planted(50, 5) * np.float32(scale)
    assert len(near_vectors(vectors, 0.97)) == len(near_vectors(planted(50, 5), 0.97))


def test_rows_without_a_direction_are_like_nothing() -> None:
    vectors = np.zeros((5, 3))
    vectors[3] = np.nan
    vectors[4] = 1
    assert len(near_vectors(vectors)) == 0
    assert len(near_vectors(np.zeros((0, 3)))) == len(near_vectors(np.ones((1, 3)))) == 0


def test_a_crowd_of_equal_rows_does_not_take_all_memory() -> None:
    found = near_vectors(np.ones((20_000, 4)), tables=2, window=4)
    assert 20_000 * 4 * 0.9 < len(found) <= 20_000 * 4 * 2
    assert (found.similarity == 1).all()


@pytest.mark.parametrize("threshold", [0, -1, 1.1, np.nan])
def test_a_threshold_that_is_none(threshold: float) -> None:
    with pytest.raises(ValueError, match=r"must be in \(0, 1\]"):
        near_vectors(np.ones((3, 2)), threshold)
    with pytest.raises(ValueError, match=r"must be in \(0, 1\]"):
        near_texts(np.ones((3, 20), int), threshold=threshold)


def jaccard(a: np.ndarray, b: np.ndarray, size: int) -> float:
    sets = [{tuple(row[i : i + size]) for i in range(len(row) - size + 1)} for row in (a, b)]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_near_texts_have_the_similarity_of_their_sets(seed: int, vocabulary: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.integers(0, vocabulary, (12, 30))
    rows[6:] = np.where(random.random((6, 30)) < 0.03, 0, rows[:6])
    found = near_texts(rows, threshold=0.5, shingle=4)
    for a, b, value in zip(found.first, found.second, found.similarity, strict=True):
        assert value == pytest.approx(jaccard(rows[a], rows[b], 4))
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    alike = {
        (a, b) for a in range(12) for b in range(a + 1, 12) if jaccard(rows[a], rows[b], 4) > 0.9
    }
    assert alike <= pairs


def test_texts_that_lie_apart_and_changed_ones_are_found() -> None:
    random = np.random.default_rng(0)
    rows = random.integers(0, 60, (3000, 128))
    changed = rows[:200].copy()
    changed[np.arange(200), random.integers(0, 128, 200)] = 61
    found = near_texts(np.concatenate([rows, changed]))
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert pairs == {(i, 3000 + i) for i in range(200)}


def test_padding_is_not_shared() -> None:
    rows = np.tile(np.arange(100, 140), (2, 1))
    rows[0, :10], rows[1, :10] = np.arange(10), np.arange(10, 20)
    mask = np.arange(40) < np.array([[10], [10]])
    assert len(near_texts(rows, mask, 0.4)) == 0
    assert len(near_texts(rows, threshold=0.4)) == 1
    assert len(near_texts(rows[:, :5])) == 0  # shorter than a shingle
    with pytest.raises(ValueError, match="but their mask is"):
        near_texts(rows, mask[:1])
    with pytest.raises(ValueError, match="must be integers"):
        near_texts(rows.astype(float))


def test_a_document_in_both_splits_is_found_wherever_rows_begin() -> None:
    random = np.random.default_rng(0)
    document, others = random.integers(0, 60, 128 * 20), random.integers(0, 60, (50, 128))
    train = document[:-40].copy()[: 128 * 19].reshape(19, 128)
    test = np.concatenate([document[37 : 37 + 128 * 18].reshape(18, 128), others])
    shared = rows_with_shared_text(test, None, train, None)
    assert shared.tolist() == [True] * 18 + [False] * 50
    assert not rows_with_shared_text(test[:, :30], None, train, None).any()


def test_what_of_a_split_is_in_another() -> None:
    # Two splits, of 4 and 3: test's first is train's first, its second is near train's third.
    rows = np.array([[1], [1], [5], [9], [1], [6], [70]])
    first = first_equal(rows)
    near = no_pairs()
    near = type(near)(np.array([2]), np.array([5]), np.array([0.99]))
    found = {
        (o.split, o.other): (o.exact, o.near)
        for o in overlaps(np.array([0, 0, 0, 0, 1, 1, 1]), ("train", "test"), first, near)
    }
    assert found == {
        ("train", "train"): (1, 1), ("train", "test"): (2, 3),
        ("test", "train"): (1, 2), ("test", "test"): (0, 0),
    }  # fmt: skip


def test_an_empty_split_has_no_share() -> None:
    (_, across, *_) = overlaps(np.zeros(3, int), ("a", "b"), np.arange(3), no_pairs())
    empty = overlaps(np.ones(3, int), ("a", "b"), np.arange(3), no_pairs())[1]
    assert (across.exact_share, across.examples) == (0.0, 3)
    assert np.isnan(empty.exact_share)
    assert np.isnan(empty.near_share)
