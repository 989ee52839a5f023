"""The state that training begins with: a new one, or the newest saved one."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
from flax import nnx
from rich.console import Console

from framework.checkpoint import Checkpoints
from framework.config import InvalidConfig
from framework.models.dropout import Hyperparameter
from framework.models.network import Network
from framework.parallel import by_first
from framework.run import RunDirectory, another_configuration, differences
from framework.train.bad_steps import BadStep, is_up_to_date, passed_over, read_bad_steps
from framework.train.experiment import Experiment
from framework.train.program import Program
from framework.train.state import TrainState, as_arrays


class Beginning(NamedTuple):
    """A state, the steps it has made, what the listeners remembered, and the bad steps so far."""

    state: TrainState
    step: int
    memory: Mapping[str, Any]
    bad_steps: Sequence[BadStep]


def begin(
    experiment: Experiment,
    config: Mapping[str, Any],
    program: Program,
    checkpoints: Checkpoints,
    directory: RunDirectory,
    console: Console,
) -> Beginning:
    """The newest saved state, with the numbers of today's configuration; or a new state.

    Raises:
        CheckpointMismatch: the saved state has other arrays than this configuration.
        InvalidConfig: it was fetched from a run of another configuration.
    """
    values = experiment.values()
    bad_steps = by_first(lambda: read_bad_steps(directory))
    if by_first(checkpoints.anything):
        abstract = program.abstract_state(values)
        _retire(checkpoints, passed_over(bad_steps))
        _check(experiment, config, directory, by_first(lambda: _said(checkpoints)))
        restored = checkpoints.restore_latest(abstract)
        if restored is not None:
            step, state, memory = restored
            _check(experiment, config, directory, memory)  # it may not be the newest one
            console.print(f"Continuing from step {step} of {directory.path}")
            state = _up_to_date(state, abstract, experiment, program)
            return Beginning(state, step, memory, bad_steps)
    return Beginning(program.initial_state(values, experiment.seed), 0, {}, bad_steps)


def _retire(checkpoints: Checkpoints, left_out: Sequence[int]) -> None:
    """Sets aside what was made with batches that are passed over now."""
    if left_out:
        checkpoints.retire(
            lambda step, extra: not is_up_to_date(step, extra.get("passed_over", ()), left_out)
        )


def _said(checkpoints: Checkpoints) -> Mapping[str, Any]:
    """What the newest checkpoint says of itself, which may be a copy in another place."""
    try:
        return checkpoints.peek()
    except (OSError, ValueError):  # restoring it says what is wrong
        return {}


def _check(
    experiment: Experiment, config: Mapping[str, Any], directory: RunDirectory,
    memory: Mapping[str, Any],
) -> None:  # fmt: skip
    """That a checkpoint is of this run, also where the run directory's own record is lost."""
    settings = memory.get("settings")
    if settings is None or experiment.run.resume == "allow_changes":
        return
    changes = differences(settings, config)
    if changes:
        raise InvalidConfig(another_configuration(directory.path, changes))


def _up_to_date(
    state: TrainState, abstract: TrainState, experiment: Experiment, program: Program
) -> TrainState:
    """The state with the numbers that the configuration gives now: they may have been changed."""

    def put(array: Any, like: Any) -> Any:
        return jax.device_put(array, like.sharding)

    rates = _rates(program.network)
    rates = {name: put(rate, abstract.model_state[name]) for name, rate in rates.items()}
    guard = state.guard
    if guard is not None:
        guard = jax.tree.map(put, guard.thawed(), abstract.guard)
    updated: TrainState = state.replace(  # type: ignore[attr-defined]
        guard=guard,
        values=jax.tree.map(put, as_arrays(experiment.values()), abstract.values),
        model_state=state.model_state | rates,
    )
    return updated


def _rates(network: Network) -> dict[str, jax.Array]:
    """The hyperparameters inside the model, such as dropout rates, by path."""
    names = [
        "/".join(map(str, path))
        for path, variable in nnx.to_flat_state(network.others)
        if isinstance(variable, Hyperparameter)
    ]
    if not names:
        return {}

    def make() -> dict[str, jax.Array]:
        others = network.initialise(jax.random.key(0))[1]
        return {name: others[name] for name in names}

    rates: dict[str, jax.Array] = jax.jit(make)()
    return rates
