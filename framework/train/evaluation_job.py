"""An evaluation as a job of its own: any checkpoint of any run, on any split of its data."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

from framework.config import FolderPath, InvalidConfig, Problem, nearest
from framework.data import Data, Joined, Source
from framework.evaluation import print_metrics, write_model_card, write_report
from framework.parallel import build_mesh
from framework.run import RunDirectory
from framework.stats.analysis import Analysis
from framework.tracking import TrackerOptions, open_trackers
from framework.train.examination import find_grounds, slices_exist
from framework.train.examined import track_examined, write_examined
from framework.train.experiment import Experiment
from framework.train.kept_schema import tell_departures
from framework.train.options import EvaluationOptions
from framework.train.predictor import Predictor
from framework.train.rebuilt import Say, rebuilt
from framework.train.run import configure_jax
from framework.train.trained import Trained, Which, open_run

ALL = "all"


@dataclass(frozen=True)
class JobData:
    """What to evaluate on.

    Attributes:
        split: of the run's data, or of the data at `path`; `all`: every example.
        path: other data of the same kind.
        other: a split, or the path of data, that the shift suite mixes in by and by: another
            author, a later year.
    """

    split: str = "test"
    path: str | None = None
    other: str | None = None


@dataclass(frozen=True)
class EvaluationJob:
    """One evaluation.

    Attributes:
        run: the directory of a run.
        step: its newest or best checkpoint, or that of a step.
    """

    run: FolderPath
    data: JobData
    evaluation: EvaluationOptions
    tracker: TrackerOptions
    step: Which = "latest"


def evaluate_run(job: EvaluationJob, config: Mapping[str, Any], console: Console) -> Path:
    """Evaluates, writes `evaluation/<name>/` and the report of the run; returns the folder.

    Raises:
        InvalidConfig: there is no such run, checkpoint, split or slice.
        CheckpointDamaged: a file of the checkpoint is not as it was written.
    """
    say = partial(console.print, markup=False)
    options = job.evaluation.analysis
    experiment, directory = rebuilt(job.run, say, _path(job.data.path))
    experiment = replace(experiment, data=_with_all(experiment.data))
    _check(experiment, job.data.split, options)
    others = _others(job, experiment, say)
    tell_departures(directory, experiment.data, job.data.split, say)
    trained = open_run(job.run, job.step)
    configure_jax(experiment.trainer)
    mesh = build_mesh(experiment.mesh)
    folder = directory.evaluation(_name(job, trained, directory))
    deep = options.depth != "none"
    with jax.set_mesh(mesh):
        predictor = Predictor.of(experiment, trained, mesh, job.evaluation.batch_size)
        own = _own(job, predictor, say) if deep else None
        grounds = find_grounds(own, directory, options, trained.step) if deep else None
        found = replace(predictor(job.data.split, embed=deep), split=folder.name)
        shown = write_examined(folder, found, job.data.split, predictor, grounds, options, others)
    tracker = open_trackers(
        _linked(job.tracker, directory),
        folder,
        config={**config, "training_run": _wandb_id(directory)},
        name=f"{experiment.name}/{directory.path.name}/{folder.name}",
        resume_step=None,
        warn=lambda text: print(text, file=sys.stderr),
        job="evaluation",
    )
    track_examined(tracker, trained.step, shown, folder)
    print_metrics(console, shown)
    report = write_report(directory.path)
    tracker.artifact("report", "report", report)
    tracker.artifact("model-card", "report", write_model_card(directory.path))
    tracker.close(True)
    say(f"\nEvaluated step {trained.step}: {folder}\nReport    {report}")
    return folder


def _own(job: EvaluationJob, predictor: Predictor, say: Say) -> Predictor | None:
    """Of the run's own data: what is calibrated on must not be what is evaluated."""
    if job.data.path is None:
        return predictor
    try:
        own, _ = rebuilt(job.run, say)
    except InvalidConfig:
        say("The run's own data are not there: nothing is calibrated, drift is of its profile.")
        return None
    return replace(predictor, data=own.data)


def _name(job: EvaluationJob, trained: Trained, directory: RunDirectory) -> str:
    """The folder's: the split, and what is not as at the end of the run."""
    final = (directory.read_json("summary.json") or {}).get("step")
    other = f"-{Path(job.data.path).stem}" if job.data.path else ""
    return job.data.split + other + ("" if trained.step == final else f"-step-{trained.step}")


def _check(experiment: Experiment, split: str, options: Analysis) -> None:
    """What is asked for is there, before anything is predicted."""
    known = experiment.data.splits
    if split not in known:
        expected = f"one of {', '.join(known)}"
        raise InvalidConfig(Problem("data.split", split, expected, nearest(split, known)))
    if not len(known[split]):
        raise InvalidConfig(Problem("data.split", split, "a split that holds examples"))
    problems = slices_exist(experiment.data, options.slices, split)
    if problems:
        raise InvalidConfig(*problems)


def _with_all(data: Data) -> Data:
    """The data with a split of all examples, which other data may have no splits for."""
    parts = {name: source for name, source in data.splits.items() if len(source)}
    return replace(data, splits={ALL: Joined(parts), **data.splits})


def _others(job: EvaluationJob, experiment: Experiment, say: Say) -> dict[str, Source]:
    """What the shift suite mixes in, by the name that it has in the report."""
    other = job.data.other
    if other is None:
        return {}
    if other in experiment.data.splits:
        return {f"more of {other}": experiment.data.splits[other]}
    found, _ = rebuilt(job.run, say, _path(other))
    if found.data.spec != experiment.data.spec:
        expected = "data of the same kind as the run's"
        raise InvalidConfig(Problem("data.other", other, expected))
    return {f"more of {Path(other).stem}": found.data.splits[job.data.split]}


def _path(path: str | None) -> dict[str, str]:
    return {} if path is None else {"path": path}


def _linked(options: TrackerOptions, directory: RunDirectory) -> TrackerOptions:
    """W&B groups the job with the training run; `metrics.json` has the numbers of jsonl."""
    group = options.wandb.group or _wandb_id(directory)
    return replace(options, jsonl=False, wandb=replace(options.wandb, group=group))


def _wandb_id(directory: RunDirectory) -> str | None:
    file = directory.path / "wandb" / "run_id"
    return file.read_text(encoding="utf-8").strip() if file.exists() else None
