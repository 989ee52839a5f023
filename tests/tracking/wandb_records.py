"""Reads the records of an offline W&B run: a LevelDB log of protocol buffers."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK = 32768
HEADER = 7  # of the file, and of each chunk: checksum (4), length (2), type (1)
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(run: Path) -> list[Any]:
    from wandb.proto import wandb_internal_pb2

    (path,) = run.glob("*.wandb")
    return [wandb_internal_pb2.Record.FromString(raw) for raw in _chunks(path.read_bytes())]


def history(run: Path) -> list[dict[str, Any]]:
    rows = [record.history for record in records(run) if record.HasField("history")]
    return [{_key(item): json.loads(item.value_json) for item in row.item} for row in rows]


def _key(item: Any) -> str:
    return item.key or ".".join(item.nested_key)


def _chunks(data: bytes) -> Iterator[bytes]:
    assert data[:4] == b":W&B"
    position, parts = HEADER, []
    while position + HEADER <= len(data):
        if BLOCK - position % BLOCK < HEADER:
            position += BLOCK - position % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[position : position + HEADER])
        if kind == 0:
            break
        parts.append(data[position + HEADER : position + HEADER + length])
        position += HEADER + length
        if kind in (FULL, LAST):
            yield b"".join(parts)
            parts = []
