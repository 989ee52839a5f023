"""Everything that a training run carries from step to step, as one pytree of arrays."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from framework.models.network import Network
from framework.parallel import Precision, cast
from framework.train.guard import BadSteps, Guard


@struct.dataclass
class Values:
    """The numbers of an experiment: inputs of the compiled step, not constants in it.

    Each field is a pytree whose leaves are what a user may sweep (rates, weights, decays) and
    whose structure is the program, so that another value compiles nothing.
    """

    task: Any
    optimizer: Any
    schedule: Any
    preprocess: Any
    average_decay: float | None
    bad_steps: BadSteps | None = None


@struct.dataclass
class TrainState:
    """The state of training.

    Attributes:
        step: int32 [], steps made; also the position in the data, but for batches passed over.
        key: random key of the run; each step folds its number in.
        params: parameter path to array.
        model_state: other variables of the model (batch statistics, dropout rates) by path.
        opt_state: Optax's.
        average: exponential moving average of `params`, or None.
        values: the experiment's numbers.
        guard: what is known of bad steps, or None.
    """

    step: jax.Array
    key: jax.Array
    params: dict[str, jax.Array]
    model_state: dict[str, jax.Array]
    opt_state: Any
    average: dict[str, jax.Array] | None
    values: Values
    guard: Guard | None = None

    @property
    def evaluated_params(self) -> dict[str, jax.Array]:
        """The parameters that evaluation uses: the average where there is one."""
        return self.params if self.average is None else self.average


def as_arrays(values: Values) -> Values:
    """The numbers as arrays (floats as float32), inputs of a program; touches no device."""

    def convert(leaf: Any) -> Any:
        if isinstance(leaf, jax.Array):
            return leaf
        return np.asarray(leaf, np.float32 if isinstance(leaf, float) else None)

    arrays: Values = jax.tree.map(convert, values)
    return arrays


def initialiser(
    network: Network, precision: Precision
) -> Callable[[jax.Array | np.uint32, Values], TrainState]:
    """A pure function `(seed, values) -> state`; jit it with the state's shardings."""

    def initialise(seed: jax.Array | np.uint32, values: Values) -> TrainState:
        model_key, step_key = jax.random.split(jax.random.key(seed))
        params, model_state = network.initialise(model_key)
        params = cast(params, precision.parameter)
        transformation = values.optimizer.transformation(jnp.float32(1), params, network.axes)
        return TrainState(
            step=jnp.int32(0),
            key=step_key,
            params=params,
            model_state=model_state,
            opt_state=transformation.init(params),
            # A copy: the step donates both, and one buffer cannot be given away twice.
            average=None if values.average_decay is None else jax.tree.map(jnp.copy, params),
            values=values,
            guard=Guard.new(values.bad_steps),
        )

    return initialise
