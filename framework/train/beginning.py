"""The state that training begins with: a new one, or the newest saved one."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
from flax import nnx
from rich.console import Console

from framework.checkpoint import Checkpoints
from framework.models.dropout import Hyperparameter
from framework.models.network import Network
from framework.parallel import by_first
from framework.train.experiment import Experiment
from framework.train.program import Program
from framework.train.state import TrainState, as_arrays


class Beginning(NamedTuple):
    """A state, the steps it has made, and what the listeners remembered when it was saved."""

    state: TrainState
    step: int
    memory: Mapping[str, Any]


def begin(
    experiment: Experiment, program: Program, checkpoints: Checkpoints, console: Console
) -> Beginning:
    """The newest saved state, with the numbers of today's configuration; or a new state.

    Raises:
        CheckpointMismatch: the saved state has other arrays than this configuration.
    """
    values = experiment.values()
    if by_first(checkpoints.directory.is_dir):
        abstract = program.abstract_state(values)
        restored = checkpoints.restore_latest(abstract)
        if restored is not None:
            step, state, memory = restored
            console.print(f"Continuing from step {step} of {checkpoints.directory.parent}")
            return Beginning(_up_to_date(state, abstract, experiment, program), step, memory)
    return Beginning(program.initial_state(values, experiment.seed), 0, {})


def _up_to_date(
    state: TrainState, abstract: TrainState, experiment: Experiment, program: Program
) -> TrainState:
    """The state with the numbers that the configuration gives now: they may have been changed."""

    def put(array: Any, like: Any) -> Any:
        return jax.device_put(array, like.sharding)

    rates = _rates(program.network)
    rates = {name: put(rate, abstract.model_state[name]) for name, rate in rates.items()}
    updated: TrainState = state.replace(  # type: ignore[attr-defined]
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
