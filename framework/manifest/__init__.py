"""Hashes of a directory's files: written last, verified first."""

from framework.manifest.manifest import (
    BLOCK,
    MANIFEST,
    Entry,
    Manifest,
    read_manifest,
    to_disk,
    verify,
    write_manifest,
)

__all__ = [
    "BLOCK",
    "MANIFEST",
    "Entry",
    "Manifest",
    "read_manifest",
    "to_disk",
    "verify",
    "write_manifest",
]
