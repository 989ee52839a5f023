"""The end of a run: the quick evaluation, its record and pictures, and the report."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from rich.console import Console

from framework.data import evaluation_batches, on_mesh
from framework.evaluation import (
    Evaluation,
    evaluate,
    print_metrics,
    track_evaluation,
    write_evaluation,
    write_report,
)
from framework.parallel import batch_putter, by_first, process_rows
from framework.run import SUMMARY, RunDirectory
from framework.train.loop import Outcome
from framework.train.setting import Setting
from framework.train.state import TrainState


def evaluate_state(setting: Setting, state: TrainState, split: str) -> Evaluation:
    """Predictions of `state` on every example of `split`, and their metrics."""
    experiment, program = setting.experiment, setting.program
    size = experiment.evaluation.batch_size or experiment.data.batch_size
    put = batch_putter(program.mesh_options, program.mesh)
    rows = process_rows(program.mesh_options, program.mesh, size)
    batches = on_mesh(evaluation_batches(experiment.data, split, batch_size=size, rows=rows), put)
    params = state.evaluated_params

    def predict(batch: dict[str, jax.Array]) -> dict[str, jax.Array]:
        setting.watchdog.beat()
        return program.predict(params, state.model_state, state.values, batch)

    return evaluate(predict, batches, experiment.task, experiment.data.spec, split)


def conclude(setting: Setting, outcome: Outcome) -> None:
    """Evaluates the final splits, records them, writes the report and says where to look."""
    step = outcome.step
    state, source = _chosen_weights(setting, outcome.state, step)
    summary = {"step": step, "stopped": outcome.stopped, "weights": source}
    found = [evaluate_state(setting, state, split) for split in setting.experiment.evaluation.final]
    by_first(lambda: _record(setting, step, found, summary))


def _record(
    setting: Setting, step: int, evaluations: Sequence[Evaluation], summary: Mapping[str, Any]
) -> None:
    """What the first process writes."""
    experiment, directory, console = setting.experiment, setting.directory, setting.console
    results: dict[str, float] = {}
    for evaluation in evaluations:
        split = evaluation.split
        gather = experiment.data.splits[split].gather
        pictures = write_evaluation(
            directory.evaluation(split), evaluation, experiment.data.spec, gather
        )
        track_evaluation(setting.tracker, step, evaluation, pictures)
        folder = directory.evaluation(split)
        setting.tracker.artifact(f"evaluation-{split}", "evaluation", folder)
        print_metrics(console, evaluation)
        results |= {f"{split}/{name}": value for name, value in evaluation.metrics.items()}
    overall = {name: value for name, value in results.items() if name.count("/") == 1}
    setting.tracker.hyperparameters(_swept(setting), overall)
    summary = {**summary, "metrics": results}
    directory.write_json(SUMMARY, {"complete": False, **summary})  # which the report reads
    report = write_report(directory.path)
    setting.tracker.artifact("report", "report", report)
    # Last: a run that was killed before this is concluded again.
    directory.write_json(SUMMARY, {"complete": True, **summary})
    say_where(console, directory)


def say_where(console: Console, directory: RunDirectory) -> None:
    """The last lines of a run: what to look at next."""
    console.print(f"\nRun       {directory.path}")
    console.print(f"Report    {directory.report}")
    console.print(f"Curves    tensorboard --logdir {shlex.quote(str(directory.path.parent))}")


def _chosen_weights(setting: Setting, state: TrainState, step: int) -> tuple[TrainState, str]:
    """The state to report: the last one or the best saved one, as configured."""
    asked = setting.experiment.evaluation.weights == "best"
    best = by_first(setting.checkpoints.best) if asked else None
    if best is None or best == step:
        return state, f"step {step}"
    setting.checkpoints.wait()
    abstract = setting.program.abstract_state(setting.experiment.values())
    return setting.checkpoints.restore(best, abstract)[0], f"step {best} (best)"


def _swept(setting: Setting) -> dict[str, object]:
    """The numbers of the experiment by name, for TensorBoard's hyperparameter tab."""
    experiment = setting.experiment
    numbers: dict[str, object] = {
        "seed": experiment.seed,
        "steps": experiment.trainer.steps,
        "batch_size": experiment.data.batch_size,
    }
    for group in ("task", "optimizer", "schedule"):
        for path, leaf in jax.tree_util.tree_leaves_with_path(getattr(experiment, group)):
            if isinstance(leaf, int | float):
                numbers[group + jax.tree_util.keystr(path)] = leaf
    return numbers
