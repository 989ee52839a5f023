"""Rows of text for a language model: pieces of documents beside each other, by a plan."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from framework.data.packing import Packing
from framework.data.source import Batch


@dataclass(frozen=True, repr=False)
class PackedText:
    """A split of documents: `len` is its rows.

    Attributes:
        name: for `repr`.
        tokens: all documents, one token of `end` before and after each: int [places + 1], in
            memory or mapped from a file.
        offsets: int64 [documents], where in `tokens` the one before each document is.
        packing: which pieces make up a row, in places to predict: document d has its tokens and
            its end.
        size: places in a row.
        bytes_of: int32 [vocabulary], bytes of text of each token.
    """

    name: str
    tokens: np.ndarray
    offsets: np.ndarray
    packing: Packing
    size: int
    bytes_of: np.ndarray

    def __len__(self) -> int:
        return len(self.packing)

    def __repr__(self) -> str:
        return f"PackedText({self.name}, {len(self)} × {self.size})"

    def __reduce__(self) -> tuple[Any, ...]:
        """A mapped file travels to a worker process as its path."""
        if isinstance(self.tokens, np.memmap) and self.tokens.filename is not None:
            return _opened, (replace(self, tokens=self.tokens[:0].copy()), self.tokens.filename)
        return PackedText, (
            self.name, self.tokens, self.offsets, self.packing, self.size, self.bytes_of,
        )  # fmt: skip

    @cached_property
    def starts(self) -> np.ndarray:
        """Int64 [pieces]: where in `tokens` each one begins."""
        return np.asarray(self.offsets[self.packing.documents] + self.packing.starts)

    def gather(self, indices: np.ndarray) -> Batch:
        """The rows at `indices`, int32 [b, size] but for `bytes`, which is [b].

        `inputs` are `tokens`, `positions` (from 0 in each piece) and `segments` (from 1 in each
        row; 0 is padding); `labels` the next tokens, -1 at padding; `bytes` what the labels of a
        row stand for.
        """
        indices = np.asarray(indices)
        first, last = self.packing.first[indices], self.packing.first[indices + 1]
        rows = np.repeat(np.arange(len(indices)), last - first)
        number = _counted(last - first)  # of a piece in its row
        pieces = np.repeat(first, last - first) + number
        lengths = self.packing.lengths[pieces]
        before = np.cumsum(lengths) - lengths
        used = np.bincount(rows, lengths, len(indices)).astype(np.int64)
        # Pieces stand side by side from a row's start, so only rows with room move those behind.
        begin = before + (rows * self.size - (np.cumsum(used) - used)[rows])
        position = _counted(lengths)
        source = np.repeat(self.starts[pieces], lengths) + position
        place = np.repeat(begin, lengths) + position
        labels = self.tokens[source + 1]

        def rowwise(values: np.ndarray, fill: int) -> np.ndarray:
            whole = np.full(len(indices) * self.size, fill, np.int32)
            whole[place] = values
            return whole.reshape(len(indices), self.size)

        return {
            "inputs": {
                "tokens": rowwise(self.tokens[source], 0),
                "positions": rowwise(position, 0),
                "segments": rowwise(np.repeat(number + 1, lengths), 0),
            },
            "labels": rowwise(labels, -1),
            "bytes": rowwise(self.bytes_of[labels], 0).sum(axis=1, dtype=np.int32),
        }


def _counted(lengths: np.ndarray) -> np.ndarray:
    """0, …, n - 1 for each n of `lengths`, one after the other."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total) - np.repeat(ends - lengths, lengths))


def _opened(source: PackedText, file: Path | str) -> PackedText:
    return replace(source, tokens=np.load(file, mmap_mode="r", allow_pickle=False))
