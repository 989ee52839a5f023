"""Worker processes: the same stream, whatever their number. Slow: each is a new Python."""

import itertools
from dataclasses import replace

import jax
import numpy as np
import pytest

from framework.config import InvalidConfig
from framework.data import RandomFlip, RandomShift, evaluation_batches, training_batches
from tests.data import make
from tests.data.test_loader import with_broken


def test_workers_give_the_same_stream() -> None:
    data = make.data(23, 5, augmentations=(RandomShift(1), RandomFlip()))
    streams = []
    for workers in (0, 2):
        batches = training_batches(replace(data, workers=workers), seed=4, start=3)
        streams.append(list(itertools.islice(batches, 7)))
        batches.close()
    assert np.concatenate([batch["index"] for batch in streams[0]]).size == 35
    jax.tree.map(np.testing.assert_array_equal, *streams)


def test_workers_evaluate_every_example() -> None:
    data = make.data(23, 5, workers=1)
    batches = list(evaluation_batches(data, "test", batch_size=4))
    index = np.concatenate([batch["index"][batch["mask"]] for batch in batches])
    np.testing.assert_array_equal(index, np.arange(23))


def test_what_a_worker_raises_is_a_users_mistake_still() -> None:
    with pytest.raises(InvalidConfig, match=r"five\.png"):
        list(evaluation_batches(with_broken(workers=1), "test", batch_size=4))
