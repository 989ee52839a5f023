import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from framework.data.random import example_keys, fold, integers, uniform


def keys(count: int, seed: int = 0) -> np.ndarray:
    return example_keys(seed, np.zeros(count, np.int64), np.arange(count))


@given(st.integers(0, 2**70), st.integers(0, 2**40), st.integers(0, 2**31))
def test_a_key_is_a_function_of_seed_epoch_and_index_alone(
    seed: int, epoch: int, index: int
) -> None:
    alone = example_keys(seed, np.array([epoch]), np.array([index]))
    among = example_keys(seed, np.array([0, epoch, 9]), np.array([4, index, 2]))
    assert alone.dtype == np.uint64
    assert alone[0] == among[1]


def test_each_of_seed_epoch_and_index_changes_the_key() -> None:
    zero, one = np.array([0]), np.array([1])
    found = [
        example_keys(*args)[0]
        for args in (
            (0, zero, zero),
            (1, zero, zero),
            (0, one, zero),
            (0, zero, one),
            (0, one, one),
        )
    ]
    assert len(set(found)) == 5


def test_splitmix_gives_the_published_sequence() -> None:
    """The first outputs of SplitMix64 for seed 1234567, as its reference implementation gives."""
    state = np.array([1234567], np.uint64)
    found = [int(fold(state, step)[0]) for step in range(3)]
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_uniform_numbers_are_uniform_and_draws_are_independent() -> None:
    first, second = uniform(keys(100_000)), uniform(keys(100_000), draw=1)
    assert first.min() >= 0
    assert first.max() < 1
    counts = np.histogram(first, bins=20, range=(0, 1))[0]
    assert (np.abs(counts - 5000) < 5 * np.sqrt(5000)).all()
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.02


def test_integers_reach_both_ends_and_no_further() -> None:
    found = integers(keys(1000), -2, 3)
    assert set(found.tolist()) == {-2, -1, 0, 1, 2}
