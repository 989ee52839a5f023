import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.data.order import Order

sizes = st.integers(1, 60)
seeds = st.integers(0, 2**70)


@given(sizes, seeds, st.integers(0, 5))
def test_every_example_comes_exactly_once_an_epoch(examples: int, seed: int, epoch: int) -> None:
    epochs, indices = Order(examples, seed).at(epoch * examples, examples)
    assert sorted(indices) == list(range(examples))
    assert (epochs == epoch).all()


@given(sizes, seeds, st.integers(0, 200), st.integers(1, 150))
def test_a_stretch_is_the_same_read_whole_or_one_by_one(
    examples: int, seed: int, start: int, count: int
) -> None:
    whole = Order(examples, seed).at(start, count)
    order = Order(examples, seed)
    singles = [order.at(place, 1) for place in reversed(range(start, start + count))][::-1]
    np.testing.assert_array_equal(whole[0], [epoch[0] for epoch, _ in singles])
    np.testing.assert_array_equal(whole[1], [index[0] for _, index in singles])


def test_epochs_and_seeds_have_their_own_permutations() -> None:
    orders = [Order(50, 1).permutation(0), Order(50, 1).permutation(1), Order(50, 2).permutation(0)]
    assert len({tuple(order) for order in orders}) == 3


def test_the_order_is_pinned() -> None:
    """Another order would change every run that is resumed."""
    assert Order(8, 7).permutation(3).tolist() == PINNED


def test_at_most_two_epochs_are_held() -> None:
    order = Order(10, 0)
    order.at(0, 95)
    assert len(order._epochs) <= 2


def test_an_order_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Order(0, 0)


PINNED = [7, 1, 6, 0, 4, 2, 3, 5]
