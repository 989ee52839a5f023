"""Hashes of a directory's files: written last, verified first."""

from framework.manifest.manifest import MANIFEST, verify, write_manifest

__all__ = ["MANIFEST", "verify", "write_manifest"]
