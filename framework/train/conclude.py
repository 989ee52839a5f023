"""The end of a run: the quick evaluation, its record and pictures, and the report."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from rich.console import Console

from framework.evaluation import Evaluation, print_metrics, write_model_card, write_report
from framework.parallel import by_first
from framework.run import SUMMARY, RunDirectory
from framework.train.distilling.comparison import FILE as COMPARISON
from framework.train.distilling.comparison import compare
from framework.train.examination import Grounds, keep, lay_grounds
from framework.train.examined import track_examined, write_examined
from framework.train.loop import Outcome
from framework.train.predictor import Predictor
from framework.train.setting import Setting
from framework.train.state import TrainState

_WATCHING = ("run.", "tracker", "evaluation", "checkpoint", "distributed", "hydra", "debug")


def evaluate_state(setting: Setting, state: TrainState, split: str) -> Evaluation:
    """Predictions of `state` on every example of `split`, and their metrics."""
    return predictor_of(setting, state)(split)


def predictor_of(setting: Setting, state: TrainState) -> Predictor:
    """The weights of `state` that evaluation uses."""
    experiment = setting.experiment
    return Predictor(
        setting.program, experiment.data, experiment.task, state.values, state.evaluated_params,
        state.model_state, experiment.evaluation.batch_size or experiment.data.batch_size,
        setting.watchdog.beat,
    )  # fmt: skip


def conclude(setting: Setting, outcome: Outcome) -> None:
    """Evaluates the final splits, records them, writes the report and says where to look."""
    step = outcome.step
    options = setting.experiment.evaluation
    with setting.clock.during("evaluation"):
        state, used, source = _chosen_weights(setting, outcome.state, step)
        predictor = predictor_of(setting, state)
        deep = options.analysis.depth != "none" and bool(options.final)
        grounds = lay_grounds(predictor, options.analysis, used) if deep else None
        found = [predictor(split, embed=deep) for split in options.final]
        if setting.experiment.teacher is not None and found:
            compared = compare(setting, predictor, found[0])
            by_first(lambda: setting.directory.write_json(COMPARISON, compared))
    summary = {"step": step, "stopped": outcome.stopped, "weights": source}
    with setting.clock.during("report"):  # may take longer than a step or a batch
        by_first(lambda: _record(setting, step, predictor, grounds, found, summary))


def _record(
    setting: Setting, step: int, predictor: Predictor, grounds: Grounds | None,
    evaluations: Sequence[Evaluation], summary: Mapping[str, Any],
) -> None:  # fmt: skip
    """What the first process writes."""
    directory, console = setting.directory, setting.console
    options = setting.experiment.evaluation
    if grounds is not None:
        keep(grounds, directory, options.analysis.calibration)
    results: dict[str, float] = {}
    for found in evaluations:
        evaluation = write_examined(
            directory.evaluation(found.split), found, found.split, predictor, grounds,
            options.analysis, draw=options.report,
        )  # fmt: skip
        track_examined(setting.tracker, step, evaluation, directory.evaluation(found.split))
        print_metrics(console, evaluation)
        results |= {f"{found.split}/{name}": value for name, value in evaluation.metrics.items()}
    overall = {name: value for name, value in results.items() if name.count("/") == 1}
    setting.tracker.hyperparameters(_swept(setting), overall)
    summary = {**summary, "metrics": results}
    directory.write_json(SUMMARY, {"complete": False, **summary})  # which the report reads
    if options.report:
        report = write_report(directory.path)
        setting.tracker.artifact("report", "report", report)
        setting.tracker.artifact("model-card", "report", write_model_card(directory.path))
    # Last: a run that was killed before this is concluded again.
    directory.write_json(SUMMARY, {"complete": True, **summary})
    say_where(console, directory)


def say_where(console: Console, directory: RunDirectory) -> None:
    """The last lines of a run: what to look at next."""
    console.print(f"\nRun       {directory.path}")
    if directory.report.exists():
        console.print(f"Report    {directory.report}")
    console.print(f"Curves    tensorboard --logdir {shlex.quote(str(directory.path.parent))}")
    console.print(f"Export    python -m scripts.export run={shlex.quote(str(directory.path))}")


def _chosen_weights(setting: Setting, state: TrainState, step: int) -> tuple[TrainState, int, str]:
    """The state to report, its step, and which it is: the last or the best, as configured."""
    asked = setting.experiment.evaluation.weights == "best"
    best = by_first(setting.checkpoints.best) if asked else None
    if best is None or best == step:
        return state, step, f"step {step}"
    setting.checkpoints.wait()
    abstract = setting.program.abstract_state(setting.experiment.values())
    return setting.checkpoints.restore(best, abstract)[0], best, f"step {best} (best)"


def _swept(setting: Setting) -> dict[str, object]:
    """The numbers of the experiment by name, and what the command line gave, for TensorBoard's
    hyperparameter tab.
    """
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
    return {**_given(setting.directory.overrides()), **numbers}


def _given(words: Sequence[str]) -> dict[str, object]:
    """Keys and values of the words that say what is trained, not where and how it is watched."""
    pairs = (word.lstrip("+").partition("=") for word in words if not word.startswith("~"))
    return {key: _plain(value) for key, _, value in pairs if not key.startswith(_WATCHING)}


def _plain(word: str) -> object:
    try:
        return float(word)
    except ValueError:
        return word
