"""What a registry needs of the place it is kept in: a folder, or a bucket that fsspec reaches."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from framework.registry.errors import InvalidRequest, RegistryError
from framework.registry.local_store import LocalStore
from framework.registry.remote_store import RemoteStore

MARKER = "registry.json"
_CONTENT = {"registry_format": 1}


class Store(Protocol):
    """Files by relative names with `/`. What fails for another reason than the two below raises
    RegistryError, in one line.
    """

    where: str

    def create(self, name: str, content: bytes) -> None:
        """Writes a small file whole, or not at all.

        Raises:
            FileExistsError: it is there; of several that create it at once, one does.
        """

    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError."""

    def pieces(self, name: str) -> Iterator[bytes]:
        """A large file, part by part; raises FileNotFoundError."""

    def upload(self, path: Path, name: str, sha256: str) -> None:
        """Copies a file whole or not at all, over one of that name; it must have the hash."""

    def size(self, name: str) -> int | None:
        """Bytes; None where there is no such file."""

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder, sorted; none where it is not there."""

    def files(self, folder: str) -> list[str]:
        """The names, from the root, of all files below a folder, sorted."""

    def leftovers(self) -> list[str]:
        """Files of writers that were killed before theirs had its name."""

    def remove_older(self, name: str, seconds: float, really: bool = True) -> bool:
        """Removes a file last written so long ago, or only says whether it is that old."""


def open_store(where: str | Path, *, make: bool = False) -> Store:
    """The store at a path or URL.

    Args:
        make: it is going to be written to: it is made where there is none, and proves that of two
            that create a file one fails, on which everything rests.

    Raises:
        InvalidRequest: there is no registry.
        RegistryError: it is of another format, or its store cannot do what is needed.
    """
    store = _store(str(where))
    if not _has_marker(store):
        if not make:
            raise InvalidRequest(f"{store.where}: there is no registry; `push` makes one")
        filled = store.folders("") or store.files("")
        if filled and not _has_marker(store):  # the marker comes first: nobody made it meanwhile
            text = "neither empty nor a registry; name a folder of its own"
            raise InvalidRequest(f"{store.where}: {text}")
    if make:
        _prove_exclusive(store)
    return store


def _store(where: str) -> Store:
    if re.match(r"[A-Za-z0-9+.-]+:(//|:)", where) and not where.startswith("file://"):
        return RemoteStore.open(where)
    return LocalStore(Path(where.removeprefix("file://")))


def _has_marker(store: Store) -> bool:
    """Raises RegistryError where it is not one that this version reads."""
    place = f"{store.where}/{MARKER}"
    try:
        found = json.loads(store.read(MARKER))["registry_format"]
    except FileNotFoundError:
        return False
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(f"{place}: damaged; it should hold {json.dumps(_CONTENT)}") from error
    if found != _CONTENT["registry_format"]:
        known = _CONTENT["registry_format"]
        text = f"{place}: a registry of format {found!r}; this version reads format {known}"
        raise RegistryError(f"{text}; update the package `framework`")
    return True


def _prove_exclusive(store: Store) -> None:
    for _ in range(2):  # the first may be what makes the registry
        try:
            store.create(MARKER, json.dumps(_CONTENT).encode() + b"\n")
        except FileExistsError:
            return
    raise RegistryError(
        f"{store.where}: this store writes over a file that it was asked to create only where "
        "there is none, so that two could promote at once; keep the registry elsewhere"
    )
