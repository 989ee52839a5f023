"""A registry's files in a bucket, or another store that fsspec reaches."""

import hashlib
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec

from framework.registry.errors import RegistryError, reason

_PIECE = 8 << 20
# Those whose `pipe_file(mode="create")` is one request that fails where the file is there (S3:
# If-None-Match, Google: ifGenerationMatch); fsspec's own looks first and writes then.
_EXCLUSIVE = {"memory", "s3", "s3a", "gs", "gcs"}
_ONE_BY_ONE = threading.Lock()  # memory:// is exclusive among the calls of one thread only


class RemoteStore:
    """See `Store`. A bucket shows a file only once it is whole, so no other names are needed."""

    def __init__(self, files: Any, root: str, where: str) -> None:
        self._files, self._root, self.where = files, root.rstrip("/"), where.rstrip("/")

    @classmethod
    def open(cls, url: str) -> "RemoteStore":
        """The store at a URL.

        Raises:
            RegistryError: fsspec does not reach it, or it cannot create exclusively.
        """
        protocol = url.partition(":")[0]
        if protocol not in _EXCLUSIVE:
            known = ", ".join(f"{name}://" for name in sorted(_EXCLUSIVE))
            text = "this store cannot create a file only where there is none"
            raise RegistryError(f"{url}: {text}; keep the registry in a folder or at {known}")
        with _plainly(url):
            # What others write must be seen, so nothing is remembered of what is there.
            files, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
            return cls(files, root, url)

    def create(self, name: str, content: bytes) -> None:
        """Writes a small file whole, or not at all; raises FileExistsError."""
        with _plainly(self._url(name)), _ONE_BY_ONE:
            try:
                self._files.pipe_file(self._path(name), content, mode="create")
            except FileNotFoundError as error:  # no such bucket
                raise RegistryError(f"{self._url(name)}: {reason(error)}") from error

    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError."""
        with _plainly(self._url(name)):
            return bytes(self._files.cat_file(self._path(name)))

    def pieces(self, name: str) -> Iterator[bytes]:
        """A large file, part by part; raises FileNotFoundError."""
        size, start = self.size(name), 0
        if size is None:
            raise FileNotFoundError(name)
        while start < size:
            with _plainly(self._url(name)):
                piece = self._files.cat_file(self._path(name), start=start, end=start + _PIECE)
            if not piece:
                return
            start += len(piece)
            yield bytes(piece)

    def upload(self, path: Path, name: str, sha256: str) -> None:
        """Copies a file whole, over one of that name; it must have the hash.

        What is hashed and sent is a copy of our own: a file that changes meanwhile must not take
        the place of a good blob.
        """
        with tempfile.TemporaryDirectory(prefix="registry-") as folder:
            own = Path(folder) / path.name
            with _plainly(f"cannot copy {path} to {folder}"):
                shutil.copyfile(path, own)
                with own.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != sha256:
                raise RegistryError(f"{path}: changed while it was copied; nothing was registered")
            with _plainly(self._url(name)):
                self._files.put_file(str(own), self._path(name))

    def size(self, name: str) -> int | None:
        """Bytes; None where there is no such file."""
        with _plainly(self._url(name)):
            try:
                found = self._files.info(self._path(name))
            except FileNotFoundError:
                return None
        return int(found["size"]) if found["type"] == "file" else None

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder, sorted."""
        with _plainly(self._url(folder)):
            try:
                found = self._files.ls(self._path(folder), detail=True)
            except FileNotFoundError:
                return []
        names = (one["name"] for one in found if one["type"] == "directory")
        return sorted(name.rstrip("/").rpartition("/")[2] for name in names)

    def files(self, folder: str) -> list[str]:
        """The names, from the root, of all files below a folder, sorted."""
        with _plainly(self._url(folder)):
            found = self._files.find(self._path(folder))
        return sorted(name.removeprefix(self._root).lstrip("/") for name in found)

    def leftovers(self) -> list[str]:
        """None: parts of an upload that was cut off are the bucket's, which can expire them."""
        return []

    def remove_older(self, name: str, seconds: float, really: bool = True) -> bool:
        """Removes a file last written so long ago, or only says whether it is that old.

        One that is written again between the second look and the removal is removed all the same:
        a bucket cannot move a file aside.
        """
        with _plainly(self._url(name)):
            try:
                if not self._is_older(name, seconds):
                    return False
                if really:
                    if not self._is_older(name, seconds):  # written again meanwhile
                        return False
                    self._files.rm_file(self._path(name))
            except FileNotFoundError:
                return False
        return True

    def _is_older(self, name: str, seconds: float) -> bool:
        written = self._files.modified(self._path(name)).timestamp()
        return bool(time.time() - written >= seconds)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _url(self, name: str) -> str:
        return f"{self.where}/{name}" if name else self.where


@contextmanager
def _plainly(place: str) -> Iterator[None]:
    """Faults of the network, of a login or of a library in one line: each has types of its own."""
    try:
        yield
    except (FileExistsError, FileNotFoundError, RegistryError):
        raise
    except Exception as error:
        raise RegistryError(f"{place}: {reason(error)}") from error
