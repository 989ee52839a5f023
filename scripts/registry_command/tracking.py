"""A push on the record of W&B."""

import sys
from dataclasses import replace
from pathlib import Path

from framework.registry import Pushed, Store
from framework.tracking import TrackerOptions, open_trackers
from scripts.registry_command import cells


def log_push(
    store: Store, done: Pushed, path: Path, options: TrackerOptions, records: Path
) -> None:
    """Logs the artifact, its metrics and what it is, to a W&B run of type `push`.

    What W&B does not take is a warning: the version is registered.
    """
    name = f"{done.model}-{done.version.number}"
    directory = records / name
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"W&B: {error}; the version is registered all the same", file=sys.stderr)
        return
    metrics = cells.read_metrics(store, done.version) or cells.Metrics("", {})
    config = {"model": done.model, "version": done.version.number, "split": metrics.split}
    tracker = open_trackers(
        replace(options, tensorboard=False, jsonl=False), directory,
        config={**config, **done.version.about},
        name=name, resume_step=None, warn=lambda line: print(line, file=sys.stderr), job="push",
    )  # fmt: skip
    step = int((done.version.about.get("run") or {}).get("step") or 0)
    tracker.scalars(step, {"version": float(done.version.number), **metrics.numbers})
    tracker.artifact(done.model, "model", path)
    tracker.close(True)
