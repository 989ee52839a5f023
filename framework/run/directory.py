"""The run directory: everything after training takes it as its argument."""

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import yaml

from framework.config import FolderPath, Problem

SUMMARY = "summary.json"
OVERRIDES = "overrides.yaml"
# Where and how a run goes on, not what is trained: free to differ when a run is continued.
_NOT_COMPARED = re.compile(
    r"(run|tracker|distributed|data_schema)\b"
    r"|checkpoint\.(copy_to|keep_latest|keep_best|keep_every)$"
    r"|trainer\.(grace_seconds|hang_seconds|compile_cache|profile)\b"
)


@dataclass(frozen=True)
class RunOptions:
    """Where the run directory is and what may happen when it already holds a run.

    Without `dir` it is `<root>/<experiment>/<date-time>`. `resume=same_config` continues a run of
    the same configuration; `allow_changes` also one whose configuration was changed on purpose.
    """

    dir: FolderPath | None = None
    root: FolderPath = Path("runs")
    resume: Literal["same_config", "allow_changes"] = "same_config"

    def path(self, experiment: str) -> Path:
        """The directory of a run that starts now."""
        if self.dir is not None:
            return self.dir.absolute()
        stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        folder = (self.root / experiment).absolute()
        return next(
            path
            for number in range(10_000)
            if not (path := folder / (f"{stamp}-{number}" if number else stamp)).exists()
        )

    def make(self, experiment: str) -> Path:
        """As `path`, and made: runs that start in the same second get a directory each."""
        while True:
            path = self.path(experiment)
            try:
                path.mkdir(parents=True, exist_ok=self.dir is not None)
            except FileExistsError:
                if self.dir is not None:
                    raise
            else:
                return path


@dataclass(frozen=True)
class RunDirectory:
    """Names of the files in a run directory, and how its records are written and read."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        """One folder for each saved step."""
        return self.path / "checkpoints"

    @property
    def schema(self) -> Path:
        """What its data are like, and other data must be to be read by its model."""
        return self.path / "schema.json"

    @property
    def report(self) -> Path:
        """What a person reads."""
        return self.path / "report.html"

    def evaluation(self, split: str) -> Path:
        """Numbers and predictions of one split."""
        return self.path / "evaluation" / split

    def check(self, config: Mapping[str, Any], options: RunOptions) -> list[Problem]:
        """What forbids a run of `config` here: another config, no permission; writes nothing."""
        where = _existing(self.path)
        if not where.is_dir() or not os.access(where, os.W_OK | os.X_OK):
            return [
                Problem(
                    "run.dir",
                    self.path,
                    f"a place that can be written ({where} cannot)",
                    "change its permissions or choose another directory",
                )
            ]
        if options.resume == "allow_changes":
            return []
        try:
            changes = self.changes(config)
        except (OSError, ValueError, yaml.YAMLError) as error:
            said = str(error).splitlines()[0]
            return [Problem("run.dir", self.path, "a run whose config.yaml can be read", said)]
        return [another_configuration(self.path, changes)] if changes else []

    def changes(self, config: Mapping[str, Any]) -> list[str]:
        """What `config` changes about the run that is here; nothing where there is none."""
        file = self.path / "config.yaml"
        saved = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else None
        if saved is not None and not isinstance(saved, dict):
            raise ValueError("it holds no settings")
        return differences(saved, config) if saved else []

    def check_data(self, fingerprint: str, options: RunOptions) -> list[Problem]:
        """Data that are no longer what the run here was begun with; writes nothing."""
        saved = (self.read_json("data.json") or {}).get("fingerprint")
        if saved in (None, fingerprint) or options.resume == "allow_changes":
            return []
        return [
            Problem(
                "run.dir",
                self.path,
                "a run on the same data",
                f"their content has changed (fingerprint {saved[:8]} → {fingerprint[:8]}); "
                "choose another directory, or run.resume=allow_changes",
            )
        ]

    def lock(self) -> Any:
        """Keeps other processes of this machine out until the returned file is closed.

        Raises:
            BlockingIOError: another process trains here.
        """
        import fcntl

        file = (self.path / ".lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise
        except OSError:  # a file system without locks
            pass
        return file

    def begin(
        self,
        config: Mapping[str, Any],
        overrides: Sequence[str],
        environment: Mapping[str, Any],
        data: Mapping[str, Any],
        files: Mapping[str, str],
    ) -> None:
        """Writes what is run, on what and with which data; the first step comes after.

        Args:
            files: texts by file name that the data need to be read again, such as a tokenizer.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / SUMMARY).unlink(missing_ok=True)  # a complete run that is continued is not so
        write_text(self.path / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False))
        write_text(self.path / OVERRIDES, yaml.safe_dump(list(overrides)))
        self.write_json("environment.json", environment)
        self.write_json("data.json", data)
        for name, text in files.items():
            write_text(self.path / name, text)

    def overrides(self) -> list[str]:
        """The words of the command line that it was last begun with."""
        file = self.path / OVERRIDES
        found = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else None
        return [str(word) for word in found or ()]

    def write_json(self, name: str, value: object) -> None:
        """Writes `value` as the file `name`, whole or not at all."""
        write_text(self.path / name, json.dumps(value, indent=2, default=str) + "\n")

    def read_json(self, name: str) -> Any:
        """The content of the JSON file `name`; None where there is none, or none that is whole."""
        file = self.path / name
        try:
            return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
        except ValueError:
            return None


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all: beside it first, then in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        Path(beside).chmod(0o666 & ~mask)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def another_configuration(path: Path, changes: Sequence[str]) -> Problem:
    """What is said of a directory whose run differs in `changes` from the one to be started."""
    return Problem(
        "run.dir",
        path,
        "a run of the same configuration",
        f"it differs in {', '.join(changes)}; choose another directory, or "
        "run.resume=allow_changes to continue with the new values",
    )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """`key: old → new` for every setting that decides what is trained and is not the same."""
    old, new = (
        {key: value for key, value in _flat(c).items() if not _NOT_COMPARED.match(key)}
        for c in (before, after)
    )
    return [
        f"{key}: {old.get(key, '(absent)')} → {new.get(key, '(absent)')}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key, ...) != new.get(key, ...)
    ]


def _flat(tree: object, prefix: str = "") -> dict[str, object]:
    if isinstance(tree, Mapping) and tree:
        return {
            key: value
            for name, child in tree.items()
            for key, value in _flat(child, f"{prefix}.{name}" if prefix else str(name)).items()
        }
    return {prefix: list(tree) if isinstance(tree, tuple) else tree}


def _existing(path: Path) -> Path:
    return path if path.exists() or path == path.parent else _existing(path.parent)
