"""Reading a user's files: what cannot be read is said in one line."""

from pathlib import Path

from framework.config import InvalidConfig, Problem


def existing(path: str, kind: str = "folder", key: str = "path") -> Path:
    """The path, if it exists and is what `kind` says: a folder, a file, or either ("path")."""
    found = Path(path).expanduser()
    try:
        present = found.exists()
    except PermissionError as error:
        raise InvalidConfig(_unreadable(key, found, error)) from error
    if not present:
        parent = next(p for p in found.absolute().parents if p.exists())
        hint = f"there is no {found.absolute().relative_to(parent).parts[0]} in {parent}"
        raise InvalidConfig(Problem(key, path, f"an existing {kind}", hint))
    if kind == "folder" and not found.is_dir():
        raise InvalidConfig(Problem(key, path, "a folder", "this is a file"))
    if kind == "file" and not found.is_file():
        raise InvalidConfig(Problem(key, path, "a file", "this is a folder"))
    return found


def read_bytes(path: Path, key: str = "path") -> bytes:
    """The content of a file that exists."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidConfig(_unreadable(key, path, error)) from error


def listed(folder: Path, key: str = "path") -> list[Path]:
    """What is in a folder, sorted by name, without hidden files."""
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        raise InvalidConfig(_unreadable(key, folder, error)) from error


def _unreadable(key: str, path: Path, error: OSError) -> Problem:
    return Problem(key, path, "a path that can be read", error.strerror or str(error))
