import itertools
from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.data import ArraySource, Data, Joined, Mixture, training_batches
from framework.data.mixture import BLOCK, MixtureOrder
from tests.data import make

few = settings(max_examples=25, deadline=None)
sets = st.lists(st.tuples(st.integers(1, 50), st.floats(0.05, 10)), min_size=1, max_size=5).map(
    lambda pairs: tuple(zip(*pairs, strict=True))
)
seeds = st.integers(0, 2**40)
starts = st.integers(0, 3 * BLOCK)


def which(indices: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    return np.searchsorted(np.cumsum(sizes), indices, side="right")


@few
@given(sets, seeds)
def test_every_set_has_its_share_at_any_prefix(made: tuple, seed: int) -> None:
    sizes, weights = made
    _, indices = MixtureOrder(sizes, weights, seed).at(0, 2 * BLOCK + 100)
    for number, weight in enumerate(weights):
        share = weight / sum(weights)
        had = np.cumsum(which(indices, sizes) == number)
        wrong = np.abs(had - share * np.arange(1, len(had) + 1))
        assert wrong[BLOCK - 1 :: BLOCK].max() <= 1 + 1e-6
        assert wrong.max() <= 2 + len(sizes) * (share + 2 / BLOCK)


@few
@given(sets, seeds)
def test_each_sets_examples_come_once_in_its_epoch(made: tuple, seed: int) -> None:
    sizes, weights = made
    epochs, indices = MixtureOrder(sizes, weights, seed).at(0, BLOCK + 500)
    starts = np.cumsum([0, *sizes])
    for number, size in enumerate(sizes):
        here = which(indices, sizes) == number
        own = indices[here] - starts[number]
        np.testing.assert_array_equal(epochs[here], np.arange(len(own)) // size)
        whole = own[: len(own) // size * size].reshape(-1, size)
        assert (np.sort(whole, axis=1) == np.arange(size)).all()


@few
@given(sets, seeds, starts, st.integers(1, BLOCK + 50))
def test_any_stretch_is_the_same_read_whole_or_from_anywhere(
    made: tuple, seed: int, start: int, count: int
) -> None:
    whole = MixtureOrder(*made, seed).at(0, start + count)
    part = MixtureOrder(*made, seed).at(start, count)
    for all_of_it, some in zip(whole, part, strict=True):
        np.testing.assert_array_equal(all_of_it[start:], some)


@few
@given(sets, seeds, starts)
def test_a_place_is_the_same_read_alone(made: tuple, seed: int, start: int) -> None:
    order = MixtureOrder(*made, seed)
    epochs, indices = order.at(start, 9)
    for place in reversed(range(9)):
        assert order.at(start + place, 1) == (epochs[place], indices[place])


def test_the_order_is_pinned() -> None:
    """Another order would change every run that is resumed."""
    epochs, indices = MixtureOrder((3, 5), (1.0, 3.0), 7).at(BLOCK - 6, 12)
    assert indices.tolist() == PINNED
    assert epochs.tolist() == EPOCHS


PINNED = [5, 6, 4, 6, 4, 0, 3, 7, 5, 2, 5, 6]
EPOCHS = [613, 613, 613, 614, 614, 341, 614, 614, 614, 341, 615, 615]


def test_seeds_arrange_and_order_differently() -> None:
    first, second = (MixtureOrder((40, 50), (1.0, 1.0), seed).at(0, 200)[1] for seed in (0, 1))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first < 40, second < 40)


def source(name: str, size: int, offset: int) -> ArraySource:
    labels = np.arange(offset, offset + size, dtype=np.int32)
    return ArraySource(name, {"x": labels * 2}, labels)


def test_examples_come_from_their_own_source() -> None:
    joined = Joined({"a": source("a", 3, 0), "b": source("b", 4, 10)})
    batch = joined.gather(np.array([6, 0, 3, 2, 6]))
    assert batch["labels"].tolist() == [13, 0, 10, 2, 13]
    assert batch["inputs"]["x"].tolist() == [26, 0, 20, 4, 26]
    assert joined.gather(np.array([1]))["labels"].tolist() == [1]
    assert repr(joined) == "Joined(ArraySource(a, 3), ArraySource(b, 4))"


def data(batch_size: int) -> Data:
    mixture = Mixture(Joined({"a": source("a", 30, 0), "b": source("b", 7, 100)}), (1.0, 2.0))
    return replace(make.data(30, batch_size), splits={"train": mixture})


@pytest.mark.parametrize("start", [0, 5, BLOCK // 8])
def test_the_loader_follows_it_however_it_is_divided(start: int) -> None:
    whole = list(itertools.islice(training_batches(data(8), seed=3), start + 3))[start:]
    halves = [
        itertools.islice(training_batches(data(8), seed=3, start=start, rows=rows), 3)
        for rows in (slice(0, 4), slice(4, 8))
    ]
    for batch, *parts in zip(whole, *halves, strict=True):
        together = jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
        jax.tree.map(np.testing.assert_array_equal, batch, together)
    share = np.concatenate([batch["labels"] >= 100 for batch in whole]).mean()
    assert abs(share - 2 / 3) < 4 / 24
