import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.config import InvalidConfig
from framework.data.splits import divide, divide_by_size


@given(st.integers(20, 300), st.integers(0, 2**32), st.booleans())
def test_splits_hold_each_example_once(examples: int, seed: int, stratified: bool) -> None:
    classes = np.arange(examples) % 3 if stratified else None
    parts = divide(examples, {"validation": 0.1, "test": 0.2}, seed=seed, classes=classes)
    assert list(parts) == ["train", "validation", "test"]
    assert sorted(np.concatenate(list(parts.values()))) == list(range(examples))
    assert len(parts["test"]) == np.ceil(examples / 5 - 1e-9)


@given(st.integers(0, 99), st.lists(st.integers(1, 60), min_size=2, max_size=5))
def test_every_class_is_divided_in_proportion(seed: int, counts: list[int]) -> None:
    classes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    if len(classes) < 10:
        return
    parts = divide(len(classes), {"test": 0.25}, seed=seed, classes=classes)
    for label, count in enumerate(counts):
        share = (classes[parts["test"]] == label).sum()
        assert abs(share - count * len(parts["test"]) / len(classes)) <= 1


def test_the_seed_decides() -> None:
    first, again, other = (divide(100, {"test": 0.5}, seed=seed)["test"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_fraction_of_nothing_makes_no_split() -> None:
    assert list(divide(10, {"validation": 0.0, "test": 0.2}, seed=0)) == ["train", "test"]


def test_no_examples_left_for_training() -> None:
    with pytest.raises(InvalidConfig, match=r"validation_fraction=0.5: expected fractions that"):
        divide(10, {"validation": 0.5, "test": 0.5}, seed=0)
    with pytest.raises(InvalidConfig, match="at least one example in the train split of 1"):
        divide(1, {"test": 0.5}, seed=0)


documents = st.lists(st.integers(1, 1000), min_size=3, max_size=60).map(np.array)


@given(documents, st.integers(0, 2**32))
def test_sizes_are_divided_as_nearly_as_one_more_document_could(
    sizes: np.ndarray, seed: int
) -> None:
    fractions = {"validation": 0.1, "test": 0.3}
    parts = divide_by_size(sizes, fractions, seed=seed)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(len(sizes)))
    assert all(len(part) for part in parts.values())
    for name, fraction in fractions.items():
        missing = fraction * sizes.sum() - sizes[parts[name]].sum()
        if len(parts[name]) > 1 and len(parts["train"]) > 1:
            assert all(abs(missing - size) >= abs(missing) for size in sizes[parts["train"]])


def test_the_seed_decides_between_documents() -> None:
    sizes = np.arange(50, 150)
    first, again, other = (divide_by_size(sizes, {"test": 0.2}, seed=s)["test"] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert abs(sizes[other].sum() / sizes.sum() - 0.2) < 0.005


def test_a_document_for_each_split() -> None:
    with pytest.raises(InvalidConfig, match=r"^validation_fraction=0\.1: expected a document for"):
        divide_by_size(np.array([5, 5]), {"validation": 0.1, "test": 0.1}, seed=0)
    assert list(divide_by_size(np.array([5]), {"validation": 0.0}, seed=0)) == ["train"]
    parts = divide_by_size(np.array([9000, 5, 7]), {"validation": 0.4, "test": 0.4}, seed=0)
    assert {name: len(part) for name, part in parts.items()} == dict.fromkeys(parts, 1)
