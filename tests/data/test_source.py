import numpy as np

from framework.data import ArraySource, Subset

LABELS = np.arange(5, dtype=np.int32)


def test_a_batch_is_gathered_in_the_order_asked() -> None:
    source = ArraySource("made", {"a": LABELS * 2, "b": np.eye(5)}, LABELS)
    batch = source.gather(np.array([3, 0, 3]))
    assert batch["inputs"]["a"].tolist() == [6, 0, 6]
    assert batch["inputs"]["b"].shape == (3, 5)
    assert batch["labels"].tolist() == [3, 0, 3]


def test_a_batch_is_a_copy() -> None:
    source = ArraySource("made", np.zeros(5), LABELS)
    source.gather(np.arange(5))["inputs"][:] = 1
    assert source.inputs.sum() == 0


def test_a_subset_counts_from_its_own_start() -> None:
    part = Subset("part", ArraySource("made", LABELS * 10, LABELS), np.array([4, 1]))
    assert len(part) == 2
    assert part.gather(np.array([1, 0]))["inputs"].tolist() == [10, 40]


def test_representations_are_the_same_at_each_start() -> None:
    """Grain compares them on a resume, so no address and no content is in them."""
    source = ArraySource("made", np.zeros(5), LABELS)
    assert repr(source) == "ArraySource(made, 5)"
    assert repr(Subset("part", source, LABELS)) == "Subset(part, 5 of ArraySource(made, 5))"
