"""A hash of what a data set holds and of what was decided about it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def array_digest(array: np.ndarray) -> str:
    """SHA-256 of an array's type, shape and bytes."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def fingerprint(content: Mapping[str, np.ndarray | str], decisions: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over arrays, or digests made before, and over decisions (JSON values)."""
    digests = {k: v if isinstance(v, str) else array_digest(v) for k, v in content.items()}
    text = json.dumps([digests, decisions], sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()
