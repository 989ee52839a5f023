"""Examples that come with what a teacher said."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.data import ArraySource, RandomFlip, Taught, training_batches
from tests.data.make import data as made

DATA = made(30, 6)
SAID = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)


@given(st.lists(st.integers(0, 29), min_size=1))
def test_each_example_has_its_own_row(rows: list[int]) -> None:
    source = DATA.splits["train"]
    taught = Taught(source, SAID)
    batch, plain = taught.gather(np.array(rows)), source.gather(np.array(rows))
    np.testing.assert_array_equal(batch["teacher"], SAID[rows])
    np.testing.assert_array_equal(batch["inputs"], plain["inputs"])
    np.testing.assert_array_equal(batch["labels"], plain["labels"])
    assert len(taught) == len(source)


@pytest.mark.parametrize("stack", [None, 3])
def test_rows_travel_with_their_examples_through_order_augmentation_and_stacks(
    stack: int | None,
) -> None:
    source = Taught(DATA.splits["train"], SAID)
    data = replace(
        DATA, splits={**DATA.splits, "train": source}, augmentations=(RandomFlip(),), batch_size=8
    )
    stream = training_batches(data, seed=1, stack=stack, prefetch=0)
    for _ in range(6):
        batch = next(stream)
        np.testing.assert_array_equal(batch["teacher"], SAID[batch["index"]])


def test_a_row_for_each_example() -> None:
    with pytest.raises(ValueError, match="29 rows were said of 30 examples"):
        Taught(DATA.splits["train"], SAID[1:])


class Backwards(ArraySource):
    """A source with an order of its own."""

    def order(self, seed: int) -> str:
        return f"backwards {seed}"


def test_the_order_of_a_source_stays_its_own() -> None:
    labels = np.zeros(30, np.int32)
    assert Taught(Backwards("own", labels, labels), SAID).order(3) == "backwards 3"
    assert not hasattr(Taught(DATA.splits["train"], SAID), "order")
