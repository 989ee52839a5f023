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
from framework.evaluation import print_metrics, write_report
from framework.parallel import build_mesh
from framework.run import RunDirectory
from framework.tracking import TrackerOptions, open_trackers
from framework.train.examination import find_grounds
from framework.train.examined import track_examined, write_examined
from framework.train.experiment import Experiment
from framework.train.kept_schema import tell_departures
from framework.train.options import EvaluationOptions
from framework.train.predictor import Predictor
from framework.train.rebuilt import rebuilt
from framework.train.run import configure_jax
from framework.train.state import as_arrays
from framework.train.trained import Trained, Which, open_run


@dataclass(frozen=True)
class JobData:
    """What to evaluate on: a split of the run's data, or of other data that `path` names."""

    split: str = "test"
    path: str | None = None


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
        InvalidConfig: there is no such run, checkpoint or split.
        CheckpointDamaged: a file of the checkpoint is not as it was written.
    """
    data = {} if job.data.path is None else {"path": job.data.path}
    experiment, directory = rebuilt(job.run, console.print, data)
    _check_split(experiment, job.data.split)
    tell_departures(
        directory, experiment.data, job.data.split, partial(console.print, markup=False)
    )
    trained = open_run(job.run, job.step)
    configure_jax(experiment.trainer)
    mesh = build_mesh(experiment.mesh)
    folder = directory.evaluation(_name(job, trained, directory))
    with jax.set_mesh(mesh):
        program = experiment.program(trained.network, mesh)
        values = as_arrays(experiment.values())
        lie = program.abstract_state(experiment.values())
        predictor = Predictor(
            program, experiment.data, experiment.task, values,
            _placed_like(trained.params, lie.params), _placed_like(trained.others, lie.model_state),
            job.evaluation.batch_size or experiment.data.batch_size,
        )  # fmt: skip
        deep = job.evaluation.analysis.depth != "none"
        grounds = find_grounds(predictor, directory, job.evaluation.analysis) if deep else None
        found = replace(predictor(job.data.split, embed=deep), split=folder.name)
        shown = write_examined(
            folder, found, job.data.split, predictor, grounds, job.evaluation.analysis
        )
    folder.mkdir(parents=True, exist_ok=True)
    tracker = open_trackers(
        replace(job.tracker, jsonl=False),  # metrics.json has the numbers
        folder,
        config=config,
        name=f"{experiment.name}/{directory.path.name}/{folder.name}",
        resume_step=None,
        warn=lambda text: print(text, file=sys.stderr),
        job="evaluation",
    )
    track_examined(tracker, trained.step, shown, folder)
    print_metrics(console, shown)
    report = write_report(directory.path)
    tracker.artifact("report", "report", report)
    tracker.close(True)
    console.print(f"\nEvaluated step {trained.step}: {folder}\nReport    {report}", markup=False)
    return folder


def _placed_like(arrays: Mapping[str, jax.Array], like: Mapping[str, Any]) -> dict[str, jax.Array]:
    """The arrays where the program wants them."""
    return {name: jax.device_put(array, like[name].sharding) for name, array in arrays.items()}


def _name(job: EvaluationJob, trained: Trained, directory: RunDirectory) -> str:
    """The folder's: the split, and what is not as at the end of the run."""
    final = (directory.read_json("summary.json") or {}).get("step")
    other = f"-{Path(job.data.path).stem}" if job.data.path else ""
    return job.data.split + other + ("" if trained.step == final else f"-step-{trained.step}")


def _check_split(experiment: Experiment, split: str) -> None:
    known = experiment.data.splits
    if split not in known:
        expected = f"one of {', '.join(known)}"
        raise InvalidConfig(Problem("data.split", split, expected, nearest(split, known)))
