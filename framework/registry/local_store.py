"""A registry's files in a folder of this machine, or of a disk that several share."""

import errno
import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from framework.manifest import to_disk
from framework.registry.errors import RegistryError, reason

_PIECE = 1 << 20
_NEW = ".new-"
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV, errno.ENOSYS)


class LocalStore:
    """See `Store`. A file is written under another name, brought to the disk, and only then has
    its own: `os.link` fails where that is taken, `os.replace` does not. A link below the folder
    is refused: what it leads to is not the registry's.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self.where = str(root)

    def create(self, name: str, content: bytes) -> None:
        """Writes a small file whole, or not at all; raises FileExistsError."""
        path = self._path(name)
        with self._new(path) as temporary:
            _write(temporary, [content])
            try:
                os.link(temporary, path)
            except OSError as error:
                if error.errno in _NO_LINKS:
                    text = "this file system has no hard links, so that two could promote at once"
                    raise RegistryError(f"{self.where}: {text}; keep it elsewhere") from error
                raise
        to_disk(path.parent)

    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError."""
        return b"".join(self.pieces(name))

    def pieces(self, name: str) -> Iterator[bytes]:
        """A large file, part by part; raises FileNotFoundError."""
        path = self._path(name)
        with _plainly(f"cannot read {path}"):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                while piece := os.read(descriptor, _PIECE):
                    yield piece
            finally:
                os.close(descriptor)

    def upload(self, path: Path, name: str, sha256: str) -> None:
        """Copies a file whole or not at all, over one of that name; it must have the hash."""
        place, digest = self._path(name), hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            with path.open("rb", buffering=0) as file:
                while piece := file.read(_PIECE):
                    digest.update(piece)
                    yield piece
            if digest.hexdigest() != sha256:
                raise RegistryError(f"{path}: changed while it was copied; nothing was registered")

        with self._new(place) as temporary:
            _write(temporary, pieces())
            os.replace(temporary, place)  # noqa: PTH105
        to_disk(place.parent)

    def size(self, name: str) -> int | None:
        """Bytes; None where there is no such file."""
        try:
            with _plainly(f"cannot look at {name}"):
                return self._path(name).lstat().st_size
        except FileNotFoundError:
            return None

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder, sorted."""
        path = self._path(folder)
        with _plainly(f"cannot list {path}"):
            return sorted(p.name for p in path.iterdir() if p.is_dir()) if path.is_dir() else []

    def files(self, folder: str) -> list[str]:
        """The names, from the root, of all files below a folder, sorted."""
        return [name for name in self._all(folder) if not _is_new(name)]

    def leftovers(self) -> list[str]:
        """Files of writers that were killed before theirs had its name."""
        return [name for name in self._all("") if _is_new(name)]

    def remove_older(self, name: str, seconds: float, really: bool = True) -> bool:
        """Removes a file last written so long ago, or only says whether it is that old.

        One that is written again at this moment stays: it is looked at a second time under a name
        at which nobody writes.
        """
        path = self._path(name)
        with _plainly(f"cannot remove {path}"):
            try:
                old = time.time() - path.lstat().st_mtime >= seconds
                if not (old and really):
                    return old
                aside = path.with_name(_NEW + secrets.token_hex(8))
                path.rename(aside)
                if time.time() - aside.lstat().st_mtime < seconds:
                    aside.replace(path)
                    return False
                aside.unlink()
            except FileNotFoundError:  # somebody else cleans up as well
                return False
        return True

    def _all(self, folder: str) -> list[str]:
        path = self._path(folder)
        with _plainly(f"cannot list {path}"):
            found = [p for p in path.rglob("*") if p.is_symlink() or not p.is_dir()]
            return sorted(p.relative_to(self._root).as_posix() for p in found)

    def _path(self, name: str) -> Path:
        path = self._root / name
        if ".." in path.parts[len(self._root.parts) :]:
            raise RegistryError(f"{name!r} is not inside {self.where}")
        for part in (path, *path.parents):
            if part == self._root:
                return path
            if part.is_symlink():
                raise RegistryError(f"{part}: a link, which a registry has none of")
        raise RegistryError(f"{name!r} is not inside {self.where}")

    @contextmanager
    def _new(self, path: Path) -> Iterator[Path]:
        """A name for a file that is to become `path`."""
        temporary = path.with_name(_NEW + secrets.token_hex(8))
        with _plainly(f"cannot write {path}"):
            try:
                _make_folder(path.parent)
                yield temporary
            finally:
                temporary.unlink(missing_ok=True)


def _is_new(name: str) -> bool:
    return name.rpartition("/")[2].startswith(_NEW)


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        for piece in pieces:
            left = memoryview(piece)
            while left:
                left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():
            raise NotADirectoryError(
                errno.ENOTDIR, f"{folder} is a file, not a folder", str(folder)
            ) from None
        return
    to_disk(folder.parent)


@contextmanager
def _plainly(doing: str) -> Iterator[None]:
    """Faults of the disk in one line; whether a file is there is no fault."""
    try:
        yield
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError as error:
        link = error.errno == errno.ELOOP
        said = "it is a link, which a registry has none of" if link else reason(error)
        raise RegistryError(f"{doing}: {said}") from error
