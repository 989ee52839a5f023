"""Each row sees the batches that it would see alone."""

import itertools

import jax
import numpy as np

from framework.data import training_batches
from framework.train.packed.feed import Streams, example, largest_stack
from tests.train.packed.jobs import MLP, plain


def test_rows_of_a_batch_are_those_of_each_seed() -> None:
    data = plain(*MLP).experiment.data  # augmented, by keys of the seed
    seeds = (3, 5, 3)
    streams = Streams(data, seeds)
    assert not streams.one
    for stack in (None, 2):
        batches = streams.batches(4, stack, one=False)
        alone = [training_batches(data, seed=seed, start=4, stack=stack) for seed in seeds]
        for batch in itertools.islice(batches, 3):
            for row, own in enumerate(map(next, alone)):
                assert set(batch) == set(own)
                for name, array in own.items():
                    np.testing.assert_array_equal(batch[name][row], array)
        batches.close()


def test_one_seed_is_one_batch_for_all() -> None:
    data = plain(*MLP).experiment.data
    streams = Streams(data, (7, 7, 7))
    assert streams.one
    batch = next(streams.batches(0, None, one=True))
    np.testing.assert_array_equal(batch["index"], next(training_batches(data, seed=7))["index"])


def test_an_example_has_the_shapes_of_a_batch() -> None:
    streams = Streams(plain(*MLP).experiment.data, (1, 2))
    for stack, one in itertools.product((None, 3), (False, True)):
        shown, real = example(streams, stack, one=one), next(streams.batches(0, stack, one=one))
        assert jax.tree.map(np.shape, shown) == jax.tree.map(np.shape, real)


def test_calls_are_shorter_where_their_batches_would_be_too_large() -> None:
    batch = {"inputs": np.zeros((1 << 20, 4), np.float32)}  # 16 MiB, of which 16 are allowed
    assert largest_stack(batch, 1, (1, 2, 4, 8, 16, 32)) == 16
    assert largest_stack(batch, 8, (1, 2, 4)) == 2
    assert largest_stack(batch, 64, (1, 2, 4)) == 1
