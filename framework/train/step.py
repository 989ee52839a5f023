"""One update of the model: a pure function of the state and a batch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from framework.models.embedding import with_embedding
from framework.models.network import Network
from framework.parallel import Precision, cast
from framework.train.guard import BAD_STEPS, FROZEN, Guard
from framework.train.state import TrainState, Values

Batch = dict[str, Any]
Metrics = dict[str, jax.Array]
Mean = Callable[[jax.Array, jax.Array | None], jax.Array]
Step = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]


def make_step(network: Network, precision: Precision, *, steps: int, accumulate: int = 1) -> Step:
    """The training step of `network` in a run of `steps`, over `accumulate` microbatches."""

    axes = network.axes
    gradients = make_gradients(network, precision, accumulate)

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        optimizer = state.values.optimizer
        grads, model_state, metrics = gradients(
            state, batch, jax.random.fold_in(state.key, state.step)
        )
        factor = state.values.schedule(state.step, steps)
        transformation = optimizer.transformation(factor, state.params, axes)
        updates, opt_state = transformation.update(grads, state.opt_state, state.params)
        metrics |= {
            "learning_rate": optimizer.learning_rate * factor,
            "gradient_norm": optax.tree.norm(grads),
        }
        guard, held = _judged(state, metrics)
        params = _kept(held, state.params, optax.apply_updates(state.params, updates))
        # Of what is kept, not of what was made: else XLA makes the update twice.
        metrics |= {"parameter_norm": optax.tree.norm(params)}
        number = state.step + 1
        if guard is not None and state.guard is not None:
            number = jnp.where(guard.frozen, state.step, number)
            metrics |= {BAD_STEPS: guard.count, FROZEN: state.guard.frozen}
        return state.replace(  # type: ignore[attr-defined]
            step=number,
            params=params,
            model_state=_kept(held, state.model_state, model_state),
            opt_state=_kept(held, state.opt_state, opt_state),
            average=_kept(held, state.average, _averaged(state, params)),
            guard=guard,
        ), metrics

    return step


def make_loss(network: Network, precision: Precision) -> Callable[..., Any]:
    """The loss of a batch, `mean` over its examples: what the step differentiates."""

    auxiliary = network.auxiliary

    def loss_function(
        params: dict[str, jax.Array], model_state: dict[str, jax.Array], values: Values,
        batch: Batch, key: jax.Array, mean: Mean,
    ) -> tuple[jax.Array, tuple[dict[str, jax.Array], Metrics]]:  # fmt: skip
        model: Any = network.bind(cast(params, precision.compute), model_state)
        inputs = cast(values.preprocess(batch["inputs"]), precision.compute)
        outputs = model(inputs, train=True, rngs=nnx.Rngs(dropout=key))
        losses, metrics = values.task.loss(cast(outputs, precision.output), batch)
        weights = values.task.weights(batch)
        means = {name: mean(value, weights) for name, value in metrics.items()}
        loss = mean(losses, weights)
        means["loss"] = loss
        model_state = network.unbind(model)[1]
        if auxiliary:
            means["auxiliary_loss"] = jnp.stack([model_state[n].sum() for n in auxiliary]).sum()
            loss += means["auxiliary_loss"]
        return loss, (model_state, means)

    return loss_function


def make_gradients(
    network: Network, precision: Precision, accumulate: int
) -> Callable[[TrainState, Batch, jax.Array], Any]:
    """The first half of the step, up to the optimizer."""

    loss_function = make_loss(network, precision)

    def gradients(state: TrainState, batch: Batch, key: jax.Array) -> Any:
        """Gradient of the mean loss, the model's other variables, and the metrics."""
        gradient = jax.grad(loss_function, has_aux=True)
        mean = _mean_over(state.values.task.weights(batch), accumulate)
        if accumulate == 1:
            grads, (model_state, metrics) = gradient(
                state.params, state.model_state, state.values, batch, key, mean
            )
            return cast(grads, precision.gradient), model_state, metrics

        def add(carry: Any, microbatch: Any) -> Any:
            total, model_state, number = carry
            grads, (model_state, metrics) = gradient(
                state.params, model_state, state.values, microbatch,
                jax.random.fold_in(key, number), mean,
            )  # fmt: skip
            total = jax.tree.map(jnp.add, total, cast(grads, precision.gradient))
            return (total, model_state, number + 1), metrics

        microbatches = jax.tree.map(
            # Interleaved, so that each device keeps the examples it has.
            lambda a: a.reshape(-1, accumulate, *a.shape[1:]).swapaxes(0, 1),
            batch,
        )
        zeros = jax.tree.map(jnp.zeros_like, cast(state.params, precision.gradient))
        start = (zeros, state.model_state, jnp.int32(0))
        (total, model_state, _), metrics = jax.lax.scan(add, start, microbatches)
        mean = jax.tree.map(lambda a: a / accumulate, total)
        return mean, model_state, jax.tree.map(jnp.mean, metrics)

    return gradients


def _judged(state: TrainState, metrics: Metrics) -> tuple[Guard | None, jax.Array | None]:
    """What is known of bad steps after this one, and whether it is not to be made."""
    options = state.values.bad_steps
    if options is None or state.guard is None:
        return None, None
    return state.guard.judge(options, metrics["loss"], metrics["gradient_norm"])


def _kept(held: jax.Array | None, old: Any, new: Any) -> Any:
    """The old arrays where the step is held back."""
    if held is None:
        return new
    return jax.tree.map(lambda before, after: jnp.where(held, before, after), old, new)


def make_predict(
    network: Network, precision: Precision, *, embed: bool = False
) -> Callable[[dict[str, jax.Array], dict[str, jax.Array], Values, Batch], dict[str, jax.Array]]:
    """The evaluation's forward pass: predictions of the task on a batch.

    With `embed`, and `embedding` [batch, width].
    """

    def predict(
        params: dict[str, jax.Array], model_state: dict[str, jax.Array], values: Values,
        batch: Batch,
    ) -> dict[str, jax.Array]:  # fmt: skip
        model: Any = network.bind(cast(params, precision.compute), model_state)
        inputs = cast(values.preprocess(batch["inputs"]), precision.compute)
        if embed:
            outputs, embedding = with_embedding(model, inputs)
        else:
            outputs = model(inputs, train=False)
        predictions: dict[str, jax.Array] = values.task.predict(
            cast(outputs, precision.output), batch
        )
        return {**predictions, "embedding": embedding} if embed else predictions

    return predict


def _mean_over(weights: jax.Array | None, microbatches: int) -> Mean:
    """A mean within a microbatch, such that the mean over all of them is that of the batch whose
    `weights` are given: also where they have unequal shares of what counts.
    """
    if weights is None:
        return lambda values, _: values.mean()
    total = jnp.maximum(weights.sum(), 1e-9) / microbatches

    def mean(values: jax.Array, own: jax.Array | None) -> jax.Array:
        assert own is not None
        return (values * own).sum() / total

    return mean


def _averaged(state: TrainState, params: dict[str, jax.Array]) -> dict[str, jax.Array] | None:
    """Exponential moving average, nearer to the parameters in the first steps.

    The decay grows as (1 + t) / (10 + t) to its value, as in TensorFlow's
    `ExponentialMovingAverage(num_updates)`: the random start is soon forgotten.
    """
    if state.average is None or state.values.average_decay is None:
        return None
    count = state.step.astype(jnp.float32)
    decay = jnp.minimum(state.values.average_decay, (1 + count) / (10 + count))
    average: dict[str, jax.Array] = optax.incremental_update(params, state.average, 1 - decay)
    return average
