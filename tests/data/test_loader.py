import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.config import InvalidConfig, Problem
from framework.data import (
    Batch,
    Data,
    Mixup,
    RandomFlip,
    RandomShift,
    evaluation_batches,
    loader,
    training_batches,
)
from tests.data import make

AUGMENTATIONS = {
    "none": (),
    "keyed": (RandomShift(1), RandomFlip()),
    "mixed": (RandomFlip(), Mixup(0.4)),
}
sizes = st.tuples(st.integers(1, 30), st.integers(1, 30)).map(lambda pair: (max(pair), min(pair)))
few = settings(max_examples=25, deadline=None)
kinds = st.sampled_from(sorted(AUGMENTATIONS))


def take(batches: Iterator[Batch], count: int) -> list[Batch]:
    return list(itertools.islice(batches, count))


def assert_same(first: Batch, second: Batch) -> None:
    assert first.keys() == second.keys()
    jax.tree.map(np.testing.assert_array_equal, first, second)


def joined(batches: list[Batch]) -> Batch:
    return dict(jax.tree.map(lambda *arrays: np.concatenate(arrays), *batches))


@few
@given(sizes)
def test_each_example_comes_once_an_epoch_and_none_is_dropped(size: tuple[int, int]) -> None:
    examples, batch_size = size
    epochs = 3
    count = -(-epochs * examples // batch_size)
    batches = take(training_batches(make.data(examples, batch_size), seed=1), count)
    index = joined(batches)["index"][: epochs * examples].reshape(epochs, examples)
    assert all(len(batch["index"]) == batch_size for batch in batches)
    assert (np.sort(index, axis=1) == np.arange(examples)).all()


@few
@given(sizes, st.integers(0, 50), kinds)
def test_any_start_repeats_the_rest_of_the_stream(
    size: tuple[int, int], start: int, kind: str
) -> None:
    data = make.data(*size, augmentations=AUGMENTATIONS[kind])
    whole = take(training_batches(data, seed=3), start + 3)
    resumed = take(training_batches(data, seed=3, start=start), 3)
    for first, second in zip(whole[start:], resumed, strict=True):
        assert_same(first, second)


@few
@given(sizes, st.integers(0, 20), st.integers(1, 4), kinds)
def test_a_stack_is_the_batches_one_above_the_other(
    size: tuple[int, int], start: int, stack: int, kind: str
) -> None:
    data = make.data(*size, augmentations=AUGMENTATIONS[kind])
    single = take(training_batches(data, seed=0, start=start), 2 * stack)
    stacked = take(training_batches(data, seed=0, start=start, stack=stack), 2)
    for place, batch in enumerate(single):
        item, layer = divmod(place, stack)
        assert_same(batch, dict(jax.tree.map(lambda a, i=layer: a[i], stacked[item])))


@few
@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 9), kinds, st.sampled_from([None, 2]))
def test_the_processes_rows_make_up_the_global_batch(
    share: int, processes: int, start: int, kind: str, stack: int | None
) -> None:
    data = make.data(29, share * processes, augmentations=AUGMENTATIONS[kind])

    def read(rows: slice | None) -> Batch:
        return next(training_batches(data, seed=5, start=start, stack=stack, rows=rows))

    parts = [read(slice(i * share, (i + 1) * share)) for i in range(processes)]
    axis = 0 if stack is None else 1
    together = jax.tree.map(lambda *arrays: np.concatenate(arrays, axis=axis), *parts)
    assert_same(read(None), together)


def test_the_seed_decides_order_and_augmentation() -> None:
    data = make.data(20, 20, augmentations=(RandomShift(2),))
    first, second = (next(training_batches(data, seed=seed)) for seed in (0, 1))
    assert not np.array_equal(first["index"], second["index"])
    by_index = [batch["inputs"][np.argsort(batch["index"])] for batch in (first, second)]
    assert not np.array_equal(*by_index)


def test_an_augmented_example_changes_from_epoch_to_epoch() -> None:
    data = make.data(20, 20, augmentations=(RandomShift(2),))
    epochs = [
        batch["inputs"][np.argsort(batch["index"])]
        for batch in take(training_batches(data, seed=0), 2)
    ]
    assert not np.array_equal(*epochs)


def test_inputs_and_labels_belong_to_the_index() -> None:
    data = make.data(20, 7)
    batch = next(training_batches(data, seed=0))
    np.testing.assert_array_equal(batch["inputs"], make.images(20)[batch["index"]])
    np.testing.assert_array_equal(batch["labels"], batch["index"] % 3)
    assert batch["index"].dtype == batch["labels"].dtype == np.int32
    assert "mask" not in batch


@few
@given(sizes)
def test_evaluation_gives_every_example_once_in_order(size: tuple[int, int]) -> None:
    examples, batch_size = size
    data = make.data(examples, 1, augmentations=AUGMENTATIONS["mixed"])
    batches = list(evaluation_batches(data, "test", batch_size=batch_size))
    assert all(len(batch["index"]) == batch_size for batch in batches)
    whole = joined(batches)
    assert whole["mask"].dtype == bool
    real = {name: value[whole["mask"]] for name, value in whole.items()}
    np.testing.assert_array_equal(real["index"], np.arange(examples))
    np.testing.assert_array_equal(real["inputs"], make.images(examples))
    np.testing.assert_array_equal(real["labels"], np.arange(examples) % 3)


def test_evaluation_rows_make_up_the_global_batch() -> None:
    data = make.data(10, 4)
    whole = list(evaluation_batches(data, "test", batch_size=8))
    parts = [
        list(evaluation_batches(data, "test", batch_size=8, rows=slice(i, i + 4))) for i in (0, 4)
    ]
    for batch, *shares in zip(whole, *parts, strict=True):
        assert_same(batch, joined(shares))


@pytest.mark.parametrize("prefetch", [0, 1, 5])
def test_prefetching_changes_nothing(prefetch: int) -> None:
    data = make.data(20, 7)
    ahead = take(training_batches(data, seed=0, prefetch=prefetch), 5)
    for first, second in zip(ahead, take(training_batches(data, seed=0), 5), strict=True):
        assert_same(first, second)


class Broken:
    """A source whose example 5 cannot be read."""

    def __len__(self) -> int:
        return 20

    def __repr__(self) -> str:
        return "Broken()"

    def gather(self, indices: np.ndarray) -> Batch:
        if 5 in indices:
            raise InvalidConfig(Problem("path", "five.png", "an 8-bit image"))
        return {"inputs": indices, "labels": indices}


def with_broken(workers: int) -> Data:
    data = make.data(20, 4, workers=workers)
    return replace(data, splits={"test": Broken(), "train": Broken()})


def test_what_a_source_raises_arrives() -> None:
    with pytest.raises(InvalidConfig, match=r"five\.png"):
        list(evaluation_batches(with_broken(workers=0), "test", batch_size=4))


@pytest.mark.parametrize("waits", [1, 7, 10**9])
def test_the_stream_is_the_same_while_grain_is_imported(
    waits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make.data(30, 4, augmentations=AUGMENTATIONS["keyed"])
    expected = take(training_batches(data, seed=1, start=2), 20)
    monkeypatch.delitem(sys.modules, "grain")
    begun: list[threading.Event] = []
    monkeypatch.setattr(loader, "_import_grain", begun.append)
    stream, found = training_batches(data, seed=1, start=2), []
    for number in range(20):
        if number - loader.FIRST_ITEMS == waits:
            (imported,) = begun
            imported.set()
        found.append(next(stream))
    assert len(begun) == 1
    for first, second in zip(found, expected, strict=True):
        assert_same(first, second)
    assert ("grain" in sys.modules) == (waits < 20)


def test_grain_is_imported_without_making_the_imports_of_other_threads_lazy():
    script = """
import sys, threading
from etils import epy
def lazy(*_, **__):
    raise AssertionError("imports of the whole process become lazy")
epy.lazy_imports = lazy
from framework.data.loader import _import_grain
_import_grain(threading.Event())
assert "grain" in sys.modules
assert epy.lazy_imports is lazy
"""
    subprocess.run([sys.executable, "-c", script], check=True)
