"""A sweep's directory in the storage, as this machine sees it.

Pods and TPU machines write run directories there. What the driver reads of them, all but
checkpoints, is brought here; what it asks of a run that is under way is taken there.
"""

import contextlib
import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec

from framework.config import InvalidConfig, Problem
from framework.launch.evidence import STOP_REQUEST

WATCHED = "metrics.jsonl"
_STAYS = ("checkpoints", "wandb", "events")  # large, or of no use without the rest
_LAST = "summary.json"  # says that the rest is there


class StorageError(Exception):
    """The storage cannot be reached now; one line."""


@dataclass
class Storage:
    """The folder of a sweep; trials are called by their folders in it, as `trials/7`.

    Attributes:
        files: a file system of fsspec's.
        root: the sweep's folder in it.
    """

    files: Any
    root: str
    _sizes: dict[str, int] = field(default_factory=dict)

    def step(self, trial: str) -> int:
        """The newest whole checkpoint of a trial, 0 without one: what a next start goes on from."""
        with _told():
            found = self.files.glob(f"{self._run(trial)}/checkpoints/*/manifest.json")
        steps = [posixpath.basename(posixpath.dirname(path)) for path in found]
        return max((int(step) for step in steps if step.isdecimal()), default=0)

    def complete(self, trial: str) -> bool:
        """Whether a trial's run has come to its end."""
        text = self.read(f"{trial}/{_LAST}")
        return text is not None and bool(json.loads(text).get("complete"))

    def follow(self, trial: str, run: Path) -> None:
        """Brings what a trial that runs has logged, and takes what it is asked."""
        with _told():
            self._bring(f"{self._run(trial)}/{WATCHED}", run / WATCHED)
            asked, there = run / STOP_REQUEST, f"{self._run(trial)}/{STOP_REQUEST}"
            if asked.exists() and not self.files.exists(there):
                self.files.pipe_file(there, asked.read_bytes())

    def admit(self, trial: str, run: Path) -> None:
        """Before a trial starts: what it was asked earlier and is not any more, is taken back."""
        with _told():
            there = f"{self._run(trial)}/{STOP_REQUEST}"
            if not (run / STOP_REQUEST).exists() and self.files.exists(there):
                self.files.rm_file(there)

    def collect(self, trial: str, run: Path, *, checkpoints: bool = False) -> None:
        """Brings the run directory of a trial; checkpoints only if they are wanted."""
        with _told():
            root = self._run(trial)
            found = self.files.find(root) if self.files.exists(root) else []
            names = {posixpath.relpath(path, root): path for path in found}
            stays = () if checkpoints else _STAYS
            hidden = [name for name in names if Path(name).name.startswith(".")]  # locks
            kept = [n for n in names if n.split("/")[0] not in stays and n not in hidden]
            for name in sorted(kept, key=lambda name: name == _LAST):
                self._bring(names[name], run / name)

    def write(self, name: str, text: str) -> None:
        """Writes a small file of the sweep."""
        with _told():
            path = f"{self.root}/{name}"
            self.files.makedirs(posixpath.dirname(path), exist_ok=True)
            self.files.pipe_file(path, text.encode())

    def read(self, name: str) -> str | None:
        """A small file of the sweep; None where there is none."""
        with _told():
            try:
                text: bytes = self.files.cat_file(f"{self.root}/{name}")
            except FileNotFoundError:
                return None
            return text.decode()

    def remove(self, name: str) -> None:
        """Takes a small file away, if it is there."""
        with _told(), contextlib.suppress(FileNotFoundError):
            self.files.rm_file(f"{self.root}/{name}")

    def _run(self, trial: str) -> str:
        return f"{self.root}/{trial}"

    def _bring(self, there: str, here: Path) -> None:
        """Copies a file, if it is there and has changed its size; never over itself."""
        try:
            size = self.files.size(there)
        except FileNotFoundError:
            return
        if there == str(here) or (size == self._sizes.get(there) and here.exists()):
            return
        here.parent.mkdir(parents=True, exist_ok=True)
        partial = here.with_name(f".{here.name}.part")
        partial.write_bytes(self.files.cat_file(there))
        partial.replace(here)
        self._sizes[there] = size


def open_storage(key: str, address: str, sweep: str) -> Storage:
    """The folder `sweep` of the storage at an address; asks it nothing yet.

    Args:
        key: what errors call the address.

    Raises:
        InvalidConfig: fsspec does not know how to reach it.
    """
    try:
        files, root = fsspec.core.url_to_fs(address, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        expected = "an address that fsspec reaches"
        hint = f"{error}; gs:// needs: pip install gcsfs"
        raise InvalidConfig(Problem(key, address, expected, hint)) from error
    return Storage(files, f"{root.rstrip('/')}/{sweep}")


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each file system has errors of its own
        line = next(iter(str(error).splitlines()), type(error).__name__)
        raise StorageError(f"the storage cannot be reached: {line}") from error
