"""Rows of packed text against a reading of the contract, document by document, in plain Python."""

import pickle
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.data.packed_text import PackedText
from framework.data.packing import pack

END = 9
BYTES_OF = np.array([1, 2, 3, 4, 1, 1, 1, 1, 1, 0], np.int32)
few = settings(max_examples=50, deadline=None)
texts = st.lists(st.lists(st.integers(0, 8), max_size=30), min_size=1, max_size=12)
sizes = st.integers(1, 11)


def packed(documents: list[list[int]], size: int) -> PackedText:
    flat = [END]
    for document in documents:
        flat += [*document, END]
    places = np.array([len(document) + 1 for document in documents])
    return PackedText(
        "made", np.array(flat, np.uint8), np.cumsum(places) - places, pack(places, size), size,
        BYTES_OF,
    )  # fmt: skip


@few
@given(texts, sizes)
def test_each_token_is_predicted_once_after_those_before_it(
    documents: list[list[int]], size: int
) -> None:
    source = packed(documents, size)
    batch = source.gather(np.arange(len(source)))
    tokens, positions, segments = (batch["inputs"][k] for k in ("tokens", "positions", "segments"))
    found = []
    for row in range(len(source)):
        for segment in range(1, segments[row].max() + 1):
            places = np.flatnonzero(segments[row] == segment)
            assert positions[row][places].tolist() == list(range(len(places)))
            inputs, labels = tokens[row][places].tolist(), batch["labels"][row][places].tolist()
            assert inputs[1:] == labels[:-1]
            found.append((inputs, labels))
    expected = []
    for document in documents:
        whole = [END, *document, END]
        expected += [
            (whole[:-1][start : start + size], whole[1:][start : start + size])
            for start in range(0, len(whole) - 1, size)
        ]
    assert sorted(found) == sorted(expected)


@few
@given(texts, sizes)
def test_padding_is_at_the_end_and_is_not_predicted(documents: list[list[int]], size: int) -> None:
    source = packed(documents, size)
    batch = source.gather(np.arange(len(source)))
    segments = batch["inputs"]["segments"]
    np.testing.assert_array_equal(batch["labels"] == -1, segments == 0)
    for row in segments:
        used = row[row > 0]
        assert (np.diff(used) >= 0).all()
        assert (row[len(used) :] == 0).all()
    padding = segments == 0
    for name in ("tokens", "positions"):
        assert (batch["inputs"][name][padding] == 0).all()


@few
@given(texts, sizes)
def test_bytes_are_those_of_the_labels(documents: list[list[int]], size: int) -> None:
    source = packed(documents, size)
    batch = source.gather(np.arange(len(source)))
    for labels, count in zip(batch["labels"], batch["bytes"], strict=True):
        assert count == sum(BYTES_OF[label] for label in labels if label >= 0)
    assert batch["bytes"].sum() == sum(BYTES_OF[token] for d in documents for token in d)


@few
@given(texts, sizes, st.lists(st.integers(0, 1000), min_size=1, max_size=9))
def test_any_rows_in_any_order(documents: list[list[int]], size: int, rows: list[int]) -> None:
    source = packed(documents, size)
    indices = np.array(rows) % len(source)
    whole, some = source.gather(np.arange(len(source))), source.gather(indices)
    for name, array in whole["inputs"].items():
        np.testing.assert_array_equal(some["inputs"][name], array[indices])
        assert array.dtype == np.int32
    for name in ("labels", "bytes"):
        np.testing.assert_array_equal(some[name], whole[name][indices])
        assert some[name].dtype == np.int32


def test_a_mapped_file_travels_by_its_path(tmp_path: Path) -> None:
    source = packed([[1] * 5000, [2, 3]], 7)
    np.save(tmp_path / "tokens.npy", source.tokens)
    mapped = np.load(tmp_path / "tokens.npy", mmap_mode="r")
    there = PackedText(
        source.name, mapped, source.offsets, source.packing, source.size, source.bytes_of
    )
    assert len(pickle.dumps(there)) < len(pickle.dumps(source)) - 4000
    back = pickle.loads(pickle.dumps(there))
    assert isinstance(back.tokens, np.memmap)
    rows = np.arange(len(source))
    np.testing.assert_array_equal(back.gather(rows)["labels"], source.gather(rows)["labels"])


def test_its_representation_is_the_same_at_each_start() -> None:
    assert repr(packed([[1, 2, 3]], 2)) == "PackedText(made, 2 × 2)"
