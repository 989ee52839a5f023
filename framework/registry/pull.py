"""A version becomes a directory again."""

import contextlib
import hashlib
import secrets
import shutil
from pathlib import Path

from framework.artifact import ArtifactError, inspect
from framework.registry.blobs import place
from framework.registry.errors import InvalidRequest, RegistryError, reason
from framework.registry.model import Blob, Version
from framework.registry.store import Store


def pull(store: Store, version: Version, directory: Path) -> Path:
    """Makes the artifact of a version at `directory`, which must not be there.

    It is made beside it, every file is held against its hash, and only then has its name.

    Raises:
        InvalidRequest: something is at `directory`.
        RegistryError: a blob is missing or damaged, or the disk refuses; nothing is left behind.
    """
    if directory.exists() or directory.is_symlink():
        raise InvalidRequest(f"{directory}: it is there already; name another directory")
    temporary = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}")
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        for name, blob in version.files.items():
            _fetch(store, blob, temporary / name)
        inspect(temporary)
        temporary.rename(directory)
    except ArtifactError as error:
        raise RegistryError(f"version {version.number} as it was pushed: {error}") from error
    except OSError as error:
        raise RegistryError(f"{directory}: {reason(error)}; nothing was left there") from error
    finally:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            shutil.rmtree(temporary)
    return directory


def _fetch(store: Store, blob: Blob, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, where = hashlib.sha256(), f"{store.where}/{place(blob)}"
    try:
        with path.open("xb") as file:
            for piece in store.pieces(place(blob)):
                digest.update(piece)
                file.write(piece)
    except FileNotFoundError as error:
        raise RegistryError(f"{where} ({path.name}): missing; push the artifact again") from error
    if digest.hexdigest() != blob.sha256:
        raise RegistryError(f"{where} ({path.name}): content differs from its hash")
