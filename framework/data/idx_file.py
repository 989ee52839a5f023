"""Files in the IDX format, the one MNIST came in: a header and one big-endian array."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from framework.config import InvalidConfig, Problem

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def parse_idx(path: Path, content: bytes) -> np.ndarray:
    """The array in `content`, which was read from `path` and may be gzipped.

    Bytes 0 and 1 are zero, byte 2 is the type, byte 3 the number of axes; then each axis' length
    as a 32-bit integer, then the values (http://yann.lecun.com/exdb/mnist). Raises InvalidConfig
    that names the file where it is damaged.
    """
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _damaged(path, "a whole gzip file", str(error)) from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise _damaged(path, "an IDX file", f"it starts with {content[:4].hex(' ')}")
    start = 4 + 4 * content[3]
    shape = np.frombuffer(content[4:start], ">u4").astype(int).tolist()
    kind = np.dtype(_TYPES[content[2]])
    wanted = start + math.prod(shape) * kind.itemsize
    if len(shape) != content[3] or len(content) != wanted:
        raise _damaged(path, f"{wanted} bytes, as its header says", f"it has {len(content)}")
    values = np.frombuffer(content, kind, offset=start).reshape(shape)
    return np.asarray(values.astype(kind.newbyteorder("="), copy=False))


def _damaged(path: Path, expected: str, hint: str) -> InvalidConfig:
    return InvalidConfig(Problem("path", path, expected, f"{hint}; get the file again"))
