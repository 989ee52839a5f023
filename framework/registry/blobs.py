"""Files by their content: each is stored once, under its hash."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from framework.artifact import ArtifactError, inspect
from framework.artifact.contents import SIGNATURE_FILE
from framework.manifest import MANIFEST
from framework.registry.errors import RegistryError, reason
from framework.registry.model import Blob, Model, Version
from framework.registry.store import Store

BLOBS = "blobs"


def place(blob: Blob) -> str:
    """The name of a blob's file."""
    return f"{BLOBS}/sha256/{blob.sha256[:2]}/{blob.sha256}"


def hashed(path: Path) -> dict[str, Blob]:
    """All files of an artifact by name, verified first.

    Raises:
        RegistryError: it is none, it is not as it was made, or it cannot be read.
    """
    try:
        contents = inspect(path)
        names = [*contents.files, MANIFEST]
        names += [SIGNATURE_FILE] if (path / SIGNATURE_FILE).is_file() else []
        return {name: _hashed(path / name) for name in sorted(names)}
    except ArtifactError as error:
        raise RegistryError(str(error)) from error
    except OSError as error:
        raise RegistryError(f"{error.filename or path}: {reason(error)}") from error


def upload(store: Store, path: Path, files: dict[str, Blob], model: Model) -> int:
    """Stores what is not there; returns how many bytes that were.

    A blob that no version of the model has is stored again even if it is there: `collect` may be
    about to remove it for its age.
    """
    kept = {blob for version in model.versions.values() for blob in version.files.values()}
    sent = {}
    for name, blob in files.items():
        if blob in sent or (blob in kept and store.size(place(blob)) == blob.size):
            continue
        try:
            store.upload(path / name, place(blob), blob.sha256)
        except FileNotFoundError as error:
            raise RegistryError(f"{path / name}: it went away; nothing was registered") from error
        sent[blob] = blob.size
    return sum(sent.values())


def absent(store: Store, blobs: Iterable[Blob]) -> list[Blob]:
    """Those that are not there, or of another size."""
    return [blob for blob in dict.fromkeys(blobs) if store.size(place(blob)) != blob.size]


def wrong(store: Store, blob: Blob) -> str:
    """What is wrong with a blob, read whole; empty where nothing is."""
    try:
        digest, size = hashlib.sha256(), 0
        for piece in store.pieces(place(blob)):
            digest.update(piece)
            size += len(piece)
    except FileNotFoundError:
        return "missing"
    except RegistryError as error:
        return str(error)
    if size != blob.size:
        return f"{size} bytes instead of {blob.size}"
    return "" if digest.hexdigest() == blob.sha256 else "content differs from its hash"


def read_file(store: Store, version: Version, name: str) -> bytes:
    """A small file of a version, held against its hash.

    Raises:
        FileNotFoundError: the version has no such file.
        RegistryError: the blob is missing or damaged.
    """
    if name not in version.files:
        raise FileNotFoundError(name)
    blob = version.files[name]
    try:
        content = b"".join(store.pieces(place(blob)))
    except FileNotFoundError:
        content = None
    if content is None or hashlib.sha256(content).hexdigest() != blob.sha256:
        said = "missing" if content is None else "damaged"
        raise RegistryError(f"{store.where}/{place(blob)} ({name}): {said}; see `verify`")
    return content


def _hashed(path: Path) -> Blob:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Blob(file.tell(), digest)
