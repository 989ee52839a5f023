"""The interface of a tracker, and how a run's are opened."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from framework.tracking.fan_out import Background, FanOut, Sink
from framework.tracking.jsonl import read_metrics
from framework.tracking.options import TrackerOptions, WandbOptions

Row = Mapping[str, Any]


class Tracker(Protocol):
    """Records what happens in a run. No method raises; but for `flushed` and `close`, none waits
    for a disk or a network.
    """

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers at a step; several calls for one step add up."""

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """An image, uint8 [height, width, 3]."""

    def table(
        self, step: int, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None:
        """Rows of cells, each as long as `columns`."""

    def text(self, step: int, name: str, markdown: str) -> None:
        """Markdown."""

    def artifact(self, name: str, kind: str, path: Path) -> None:
        """A file or a directory, read until `close` returns."""

    def hyperparameters(self, values: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """What was chosen (nested mappings become dotted names) and what came of it.

        May be called at the start, without metrics, and again at the end, with them.
        """

    def flush(self) -> None:
        """Have everything so far handed to the operating system soon."""

    def flushed(self, seconds: float) -> bool:
        """Have everything so far handed to the operating system, and wait for it: a kill loses
        none of it. May be called from any thread.

        Returns:
            Whether all that still record have done so; False after `seconds`, of all together.
        """

    def close(self, succeeded: bool) -> None:
        """Finish all records; at most half a minute."""


def open_trackers(
    options: TrackerOptions,
    directory: Path,
    *,
    config: Mapping[str, object],
    name: str,
    resume_step: int | None,
    warn: Callable[[str], None],
    job: str = "training",
) -> Tracker:
    """All trackers of the run in `directory`, as one.

    `resume_step`: the last step that counts of what is recorded already; None: nothing counts.
    `config` and the type of `job` go to W&B. `warn` is given one line for each tracker that fails,
    from a thread of its own; the tracker is then dropped. In a run of several processes only the
    first one opens trackers.
    """
    rows = _recorded(options, directory / "metrics.jsonl", resume_step, warn)
    sinks = []
    if options.jsonl:
        sinks.append(Background("metrics.jsonl", partial(_jsonl, directory, resume_step), warn))
    if options.tensorboard:
        events = partial(_tensorboard, directory, resume_step, rows)
        sinks.append(Background("TensorBoard", events, warn, late=True))
    if options.wandb.enabled and options.wandb.mode != "disabled":
        run = partial(_wandb, options.wandb, directory, config, name, warn, resume_step, rows, job)
        awaited = not options.jsonl  # else it is sent what it has not
        sinks.append(Background("W&B", run, warn, late=True, awaited=awaited))
    return FanOut(sinks, warn)


def _recorded(
    options: TrackerOptions, path: Path, resume_step: int | None, warn: Callable[[str], None]
) -> list[Row] | None:
    """The rows that count of a metrics.jsonl; None where it does not say what was logged.

    Read before its own thread, which changes the file, is there.
    """
    if resume_step is None or not (options.jsonl and path.is_file()):
        return None
    try:
        return [row for row in read_metrics(path) if row["step"] <= resume_step]
    except OSError as error:
        warn(f"{path} cannot be read, W&B may have steps twice: {error.strerror or error}")
        return None


# Each runs on its tracker's thread, where the imports delay nothing.


def _jsonl(directory: Path, resume_step: int | None) -> Sink:
    from framework.tracking.jsonl import JsonLines

    return JsonLines(directory / "metrics.jsonl", resume_step)


def _tensorboard(directory: Path, resume_step: int | None, rows: list[Row] | None) -> Sink:
    from framework.tracking.tensorboard import EventFiles

    last: Row = rows[-1] if rows and rows[-1]["step"] == resume_step else {}
    again = {name: value for name, value in last.items() if name != "step"}
    return EventFiles(directory / "events", resume_step, None if rows is None else again)


def _wandb(
    options: WandbOptions,
    directory: Path,
    config: Mapping[str, object],
    name: str,
    warn: Callable[[str], None],
    resume_step: int | None,
    rows: list[Row] | None,
    job: str,
) -> Sink:
    from framework.tracking.wandb import WandbRun

    return WandbRun(options, directory, config, name, warn, resume_step, rows, job)
