"""W&B: offline in the run directory unless it is told to be online."""

import itertools
import os
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from framework.tracking.options import WandbOptions

_LOUDNESS = ("disabled", "offline", "online")
_OPEN: set[int] = set()  # runs of this process
_LOCK = threading.Lock()


class WandbRun:
    """One W&B run, kept below `directory`/wandb, of which W&B has each step once.

    What is logged for one step is one row, sent when another step comes or at the end: W&B has
    a step whole or not at all. A run that starts anew (`resume_step` is None) gets a new run id;
    one that is continued keeps it, and is first sent what W&B does not have of `rows`, the rows
    up to `resume_step` that another tracker recorded: offline all of them, into a new record that
    supersedes the older ones (moved below wandb/superseded, where `wandb sync` finds none);
    online those after the last step that W&B has, up to which nothing is sent again. With `rows`
    None, steps that were logged after the checkpoint and before a kill are there twice.

    Online without a login or a network, it records offline and says so through `warn`; what W&B
    has of an earlier start online is then not known, and the record is of all rows. The step
    is logged as the value `step`, which all others are plotted against: W&B's own counter refuses
    a step that is not the newest, as evaluations and resumed runs have them.
    """

    def __init__(
        self,
        options: WandbOptions,
        directory: Path,
        config: Mapping[str, object],
        name: str,
        warn: Callable[[str], None],
        resume_step: int | None = None,
        rows: Sequence[Mapping[str, Any]] | None = None,
        job: str = "training",
    ) -> None:
        own = directory / "wandb"
        own.mkdir(parents=True, exist_ok=True)
        mode = _quieter(options.mode, os.environ.get("WANDB_MODE"))
        self._environment = _keep_inside(own, offline=mode != "online")
        import wandb

        self._wandb = wandb
        if resume_step is None or rows is not None:
            _supersede(own)
        identifier, resumed = _run_id(own / "run_id", anew=resume_step is None)
        arguments: dict[str, Any] = {
            "project": options.project,
            "entity": options.entity,
            "group": options.group,
            "tags": options.tags,
            "job_type": job,
            "name": name,
            "id": identifier,
            "dir": str(directory),
            "config": dict(config),
            "reinit": "create_new",
        }
        self._row: dict[str, Any] = {}  # not sent yet
        self._sent, self._names = -1, frozenset[str]()  # what W&B has from before
        self._run: Any = self._online(arguments, resumed, warn) if mode == "online" else None
        if self._run is not None:
            self._sent, self._names = _had(self._run)
        else:
            offline: Any = "offline" if mode == "online" else mode
            self._run = wandb.init(**arguments, mode=offline, settings=self._settings())
        with _LOCK:
            _OPEN.add(id(self))
        self._run.define_metric("step", hidden=True)
        self._run.define_metric("*", step_metric="step")
        for row in rows or ():
            if row["step"] > self._sent:
                self._put(row["step"], row)

    def _online(
        self, arguments: Mapping[str, Any], resumed: bool, warn: Callable[[str], None]
    ) -> Any:
        """The run, or None, with a warning, where W&B cannot be reached."""
        try:
            if not self._wandb.login(prompt=False):
                raise RuntimeError("no login, see `wandb login`")
            resume: Any = "allow" if resumed else None
            return self._wandb.init(
                **arguments, resume=resume, mode="online", settings=self._settings()
            )
        except Exception as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
            warn(f"W&B records offline, `wandb sync` can send it later: {reason}")
            return None

    def _settings(self) -> Any:
        return self._wandb.Settings(silent=True, console="off", init_timeout=60, finish_timeout=25)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of a step, less those that W&B has from before."""
        had = self._names if step <= self._sent else ()
        new = {name: float(value) for name, value in values.items() if name not in had}
        if new:
            self._put(step, new)

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """An image."""
        self._put(step, {name: self._wandb.Image(image)})

    def table(
        self, step: int, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None:
        """A table; cells of one column may be of several types."""
        table = self._wandb.Table(
            columns=list(columns), data=[list(row) for row in rows], allow_mixed_types=True
        )
        self._put(step, {name: table})

    def text(self, step: int, name: str, markdown: str) -> None:
        """Text, as preformatted HTML: W&B shows no Markdown in its history."""
        from html import escape

        page = self._wandb.Html(f"<pre>{escape(markdown)}</pre>", inject=False)
        self._put(step, {name: page})

    def _put(self, step: int, values: Mapping[str, Any]) -> None:
        """Into the row of this step, which is sent once another begins."""
        if self._row and self._row["step"] != step:
            self._send()
        self._row |= {**values, "step": step}

    def _send(self) -> None:
        row, self._row = self._row, {}
        if row:
            self._run.log(row)

    def artifact(self, name: str, kind: str, path: Path) -> None:
        """A file or a directory."""
        artifact = self._wandb.Artifact(name, type=kind)
        # Not add_dir: it prints a line whatever the settings say.
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                inside = file.relative_to(path) if path.is_dir() else file.name
                artifact.add_file(str(file), name=str(inside))
        self._run.log_artifact(artifact)

    def hyperparameters(self, values: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """Values into the config, metrics into the summary."""
        self._run.config.update({"hyperparameters": dict(values)}, allow_val_change=True)
        self._run.summary.update(dict(metrics))

    def flush(self) -> None:
        """Nothing: W&B's own process writes, and a row may not be whole yet."""

    def close(self, succeeded: bool) -> None:
        """Finish the run, exit code 0 or 1, and wait for the last record to be written.

        Only the end of W&B's own process says that it is; so the last run open ends it.
        """
        try:
            self._send()
            self._run.finish(exit_code=0 if succeeded else 1)
            with _LOCK:
                _OPEN.discard(id(self))
                if not _OPEN:
                    self._wandb.teardown()
        finally:
            for name in self._environment:
                os.environ.pop(name, None)


def _quieter(mode: str, other: str | None) -> Any:
    return min(mode, other, key=_LOUDNESS.index) if other in _LOUDNESS else mode


def _keep_inside(own: Path, *, offline: bool) -> list[str]:
    """Point W&B's caches into the run directory, and offline switch its error reports off, which
    look up a host. What the user has set stays. Returns the variables that were set.
    """
    wanted = {
        "WANDB_DATA_DIR": str(own / "data"),
        "WANDB_CACHE_DIR": str(own / "cache"),
        "WANDB_CONFIG_DIR": str(own / "config"),
    }
    if offline:
        wanted["WANDB_ERROR_REPORTING"] = "false"
    new = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(new)
    return list(new)


def _had(run: Any) -> tuple[int, frozenset[str]]:
    """The last step that W&B restored of a run, -1 for none, and the names it has values of."""
    step = run.summary.get("step")
    return (-1 if step is None else int(step)), frozenset(run.summary.keys())


def _supersede(own: Path) -> None:
    """Moves older offline records where `wandb sync`, which looks one folder deep, has none."""
    older = sorted(own.glob("offline-run-*"))
    if not older:
        return
    every = own / "superseded"
    number = next(n for n in itertools.count(1) if not (every / str(n)).exists())
    (every / str(number)).mkdir(parents=True)
    for record in older:
        record.rename(every / str(number) / record.name)


def _run_id(path: Path, *, anew: bool) -> tuple[str, bool]:
    """The run's id, and whether it was there already."""
    if path.exists() and not anew:
        return path.read_text(encoding="utf-8").strip(), True
    identifier = os.environ.get("WANDB_RUN_ID") or secrets.token_hex(4)
    path.write_text(f"{identifier}\n", encoding="utf-8")
    return identifier, False
