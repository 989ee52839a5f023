"""What must hold between the parts of an experiment, checked before a device is touched.

A check is a function of the parts it names; it runs when those parts could be built, so that one
wrong part does not hide what is wrong between the others.
"""

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

import jax
import numpy as np
from flax import nnx

from framework.config import InvalidConfig, Problem, blame, nearest
from framework.data import Data
from framework.data.augment import AcrossExamples
from framework.models.network import Arrays, Network
from framework.parallel import DistributedOptions, MeshOptions, start_here
from framework.train.device_checks import DEVICE_CHECKS
from framework.train.distilling.checks import TEACHER_CHECKS
from framework.train.experiment import Experiment, fitted
from framework.train.options import EvaluationOptions, Trainer
from framework.train.record_checks import RECORD_CHECKS

ANY_DEVICES = 0  # what depends on their number is not checked


def check_parts(parts: Mapping[str, Any], devices: int | None = None) -> list[Problem]:
    """Every problem between the `parts` of an experiment (those of its fields that were built).

    `devices` is how many there will be; None: those that JAX finds; or ANY_DEVICES.
    """
    known = {"teacher": None, **parts}
    problems = _run(CHECKS, known)
    network, found = _network(known)
    problems += found
    if network is not None:
        known["network"] = network
        problems += _run(NETWORK_CHECKS, known)
    if devices == ANY_DEVICES:
        return problems
    if devices is not None:
        return problems + _run(DEVICE_CHECKS, {**known, "devices": devices, "processes": 1})
    alone, found = _alone(parts.get("distributed", DistributedOptions()))
    problems += found
    # Counting accelerators takes hold of them: only a configuration that is right does that, and
    # one of several processes only after it has joined the others.
    if alone and (not problems or os.environ.get("JAX_PLATFORMS") == "cpu"):
        problems += _run(DEVICE_CHECKS, {**known, **_devices()})
    return problems


def check_devices(experiment: Experiment) -> None:
    """What must hold between the experiment and the devices of all its processes.

    Raises:
        InvalidConfig: alike in every process.
    """
    parts = {field.name: getattr(experiment, field.name) for field in fields(experiment)}
    problems = _run(DEVICE_CHECKS, {**parts, "network": experiment.network(), **_devices()})
    if problems:
        raise InvalidConfig(*problems)


def splits_exist(data: Data, evaluation: EvaluationOptions) -> Iterable[Problem]:
    """The splits to train and to evaluate on are there and hold examples."""
    watched = [("evaluation.split", evaluation.split)] if evaluation.every else []
    asked = [("data.splits", "train"), *watched]
    asked += [(f"evaluation.final.{i}", name) for i, name in enumerate(evaluation.final)]
    for key, name in asked:
        if name not in data.splits:
            yield Problem(key, name, "a split of the data", nearest(name, data.splits))
        elif len(data.splits[name]) == 0:
            yield Problem(key, name, "a split that holds examples (this one is empty)")


def slices_are_there(data: Data, evaluation: EvaluationOptions) -> Iterable[Problem]:
    """The columns and functions by which the evaluation is sliced."""
    if not evaluation.analysis.slices:
        return []
    from framework.train.examination import slices_exist  # late: it brings all of evaluation

    return slices_exist(data, evaluation.analysis.slices, "train")


def batch_fits_split(data: Data) -> Iterable[Problem]:
    """A batch is no larger than the training split."""
    size = len(data.splits.get("train", ()))
    if data.batch_size > size:
        yield Problem(
            "data.batch_size", data.batch_size, f"at most the {size} examples of the training split"
        )


def intervals_divide(trainer: Trainer, evaluation: Any, checkpoint: Any) -> Iterable[Problem]:
    """Whoever listens does so at the end of a call of `steps_per_call` steps."""
    size = trainer.steps_per_call
    if size == "auto":
        return
    for key, value in intervals(trainer, evaluation, checkpoint).items():
        if value % size:
            yield Problem(key, value, f"a multiple of trainer.steps_per_call={size}")


def intervals(trainer: Trainer, evaluation: Any, checkpoint: Any) -> dict[str, int]:
    """The numbers of steps at which something happens, by key."""
    every = {
        "trainer.steps": trainer.steps,
        "trainer.log_every": trainer.log_every,
        "evaluation.every": evaluation.every,
        "checkpoint.every": checkpoint.every,
    }
    return {key: value for key, value in every.items() if value is not None}


def schedule_fits(schedule: Any, trainer: Trainer) -> Iterable[Problem]:
    """Warm-up and decay fit into the run."""
    check = getattr(schedule, "check", None)
    return _under("schedule", check(trainer.steps)) if check else ()


def task_fits(task: Any, data: Data) -> Iterable[Problem]:
    """The task can be done with these labels."""
    return _under("task", task.check(data.spec))


def metrics_exist(
    task: Any, data: Data, trainer: Trainer, checkpoint: Any, evaluation: EvaluationOptions
) -> Iterable[Problem]:
    """The named metrics are ones the task gives, and something measures them."""
    names = task.metric_names(data.spec)
    asked = {"checkpoint.metric": checkpoint.metric}
    if trainer.early_stopping is not None:
        asked["trainer.early_stopping.metric"] = trainer.early_stopping.metric
    for key, metric in asked.items():
        if metric is None:
            continue
        if metric not in names:
            plain = [name for name in names if "/" not in name]
            yield Problem(key, metric, "a metric of the task", nearest(metric, plain))
        elif evaluation.every is None and key.startswith("trainer"):
            yield Problem(
                key, metric, "evaluations while training to watch it in", "set evaluation.every"
            )


def best_can_be_known(checkpoint: Any, evaluation: EvaluationOptions) -> Iterable[Problem]:
    """Checkpoints are made where the metric that ranks them is measured."""
    if evaluation.weights == "best":
        needed = {
            "checkpoint.metric": checkpoint.metric,
            "checkpoint.every": checkpoint.every,
            "checkpoint.keep_best": checkpoint.keep_best,
            "evaluation.every": evaluation.every,
        }
        for key, value in needed.items():
            if not value:
                expected = "a metric's name" if key.endswith("metric") else "a positive number"
                yield Problem(key, value, expected, "evaluation.weights=best needs it")
    ranked = checkpoint.metric is not None and checkpoint.keep_best > 0
    if ranked and checkpoint.every and evaluation.every and checkpoint.every % evaluation.every:
        yield Problem(
            "checkpoint.every",
            checkpoint.every,
            f"a multiple of evaluation.every={evaluation.every}",
            f"checkpoint.metric={checkpoint.metric} is measured there",
        )


def augmentations_fit(data: Data) -> Iterable[Problem]:
    """Every augmentation runs on this data's examples."""
    rows = np.arange(min(2, len(data.splits.get("train", ()))))
    if not data.augmentations or not len(rows):
        return
    batch: dict[str, Any] = {**data.splits["train"].gather(rows), "index": rows.astype(np.int32)}
    for place, augmentation in enumerate(data.augmentations):
        key = f"data.augmentations.{place}"
        try:
            if isinstance(augmentation, AcrossExamples):
                augmentation = augmentation.bind(data.spec)
            batch = augmentation(batch, rows.astype(np.uint64))
        except InvalidConfig as error:
            yield from error.under(key).problems
            return
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            name = getattr(augmentation, "__qualname__", type(augmentation).__qualname__)
            yield Problem(key, name, "an augmentation that runs on these data", blame(error))
            return


def mesh_is_sound(mesh: MeshOptions) -> Iterable[Problem]:
    """What can be said of the mesh whatever the devices."""
    return mesh.check()


def optimizer_fits(optimizer: Any, network: Network) -> Iterable[Problem]:
    """Patterns on parameter paths match something."""
    check = getattr(optimizer, "check", None)
    return _under("optimizer", check(tuple(network.shapes))) if check else ()


def outputs_fit(
    network: Network, data: Data, task: Any, model: Callable[..., nnx.Module]
) -> Iterable[Problem]:
    """The model runs on a batch of this data and gives as many outputs as the task wants."""
    train = data.splits["train"]
    batch = train.gather(np.arange(2) % max(len(train), 1))["inputs"]

    def forward(params: Arrays, others: Arrays, inputs: Any) -> Any:
        module: Any = network.bind(params, others)
        return module(data.preprocess(inputs), train=False)

    name = getattr(model, "func", model).__qualname__
    try:
        outputs = jax.eval_shape(forward, network.shapes, network.other_shapes, batch)
    except InvalidConfig as error:
        yield from error.under("model").problems
        return
    except (TypeError, ValueError, LookupError, AttributeError, ZeroDivisionError) as error:
        yield Problem("model", name, "a model that runs on this data's inputs", blame(error))
        return
    wanted = task.outputs(data.spec)
    given = getattr(outputs, "shape", (None,))[-1]
    if given != wanted:
        yield Problem(
            "model.outputs",
            given,
            f"{wanted}, one for each of the data's {data.spec.labels.kind} labels",
            "leave model.outputs out",
        )


CHECKS: tuple[Callable[..., Iterable[Problem]], ...] = (
    splits_exist, batch_fits_split, intervals_divide, schedule_fits, task_fits, metrics_exist,
    mesh_is_sound, best_can_be_known, augmentations_fit, slices_are_there, *RECORD_CHECKS,
    *TEACHER_CHECKS,
)  # fmt: skip
NETWORK_CHECKS: tuple[Callable[..., Iterable[Problem]], ...] = (optimizer_fits, outputs_fit)


def _run(
    checks: Iterable[Callable[..., Iterable[Problem]]], parts: Mapping[str, Any]
) -> list[Problem]:
    problems: list[Problem] = []
    for check in checks:
        needed = inspect.signature(check).parameters
        if all(name in parts for name in needed):
            problems += check(**{name: parts[name] for name in needed})
    return problems


def _alone(options: DistributedOptions) -> tuple[bool, list[Problem]]:
    """Whether this is the run's only process, as far as can be told without JAX."""
    try:
        return start_here(options) is None, []
    except InvalidConfig as error:
        return False, list(error.problems)


def _devices() -> dict[str, int]:
    return {"devices": jax.device_count(), "processes": jax.process_count()}


def _network(parts: Mapping[str, Any]) -> tuple[Network | None, list[Problem]]:
    if not all(name in parts for name in ("model", "data", "task")):
        return None, []
    model, data, task = parts["model"], parts["data"], parts["task"]
    if task.check(data.spec):
        return None, []  # the number of outputs would be a guess
    try:
        return fitted(model, data.spec.inputs, task.outputs(data.spec)), []
    except InvalidConfig as error:
        return None, list(error.under("model").problems)
    except (TypeError, ValueError, ZeroDivisionError, AttributeError) as error:
        name = getattr(getattr(model, "func", model), "__qualname__", model)
        hint = blame(error)
        if inspect.isclass(type(model)) and isinstance(model, nnx.Module):
            hint = "add `_partial_: true` to its file: the framework gives it its sizes"
        return None, [Problem("model", name, "a model for this data's inputs", hint)]


def _under(prefix: str, problems: Iterable[Problem]) -> Iterable[Problem]:
    return InvalidConfig(*problems).under(prefix).problems
