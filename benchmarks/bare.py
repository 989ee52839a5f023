"""The training loop that a careful engineer writes by hand: the yardstick of the benchmarks.

It imports nothing of the framework: Flax NNX modules split once into plain dictionaries, Optax's
AdamW, one donated jitted step, NumPy permutations gathered batch by batch, metrics fetched late
and written to TensorBoard and a JSON-lines file. `python benchmarks/bare.py NAME` is the
hand-written script whose start-up is compared: it trains one step.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

HE = nnx.initializers.variance_scaling(2.0, "fan_in", "truncated_normal")
HE_FAN_OUT = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")
SMALL = nnx.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")

Pool = Callable[[jax.Array], jax.Array]
nnx_max_pool: Pool = partial(nnx.max_pool, window_shape=(2, 2), strides=(2, 2))


class MLP(nnx.Module):
    def __init__(self, shape: tuple[int, ...], classes: int, widths=(256, 256), *, rngs: nnx.Rngs):
        sizes = [int(np.prod(shape)), *widths]
        self.layers = nnx.List(
            [nnx.Linear(a, b, kernel_init=HE, rngs=rngs) for a, b in pairwise(sizes)]
        )
        self.head = nnx.Linear(sizes[-1], classes, kernel_init=SMALL, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = x.reshape(len(x), -1)
        for layer in self.layers:
            x = nnx.relu(layer(x))
        return self.head(x)


class CNN(nnx.Module):
    def __init__(
        self, shape: tuple[int, ...], classes: int, channels=(32, 64), convolutions=2, norm=True,
        dense=128, pool: Pool = nnx_max_pool, convolve=jax.lax.conv_general_dilated, *,
        rngs: nnx.Rngs,
    ):  # fmt: skip
        self.pool = pool
        depths = [1, *channels]
        self.stages = nnx.List(
            [Stage(a, b, convolutions, norm, convolve, rngs=rngs) for a, b in pairwise(depths)]
        )
        pixels = (shape[0] >> len(channels)) * (shape[1] >> len(channels))
        self.dense = nnx.Linear(pixels * channels[-1], dense, kernel_init=HE, rngs=rngs)
        self.head = nnx.Linear(dense, classes, kernel_init=SMALL, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        for stage in self.stages:
            x = self.pool(stage(x))
        return self.head(nnx.relu(self.dense(x.reshape(len(x), -1))))


class Stage(nnx.Module):
    def __init__(
        self, depth: int, channels: int, count: int, norm: bool, convolve: Any, *, rngs: nnx.Rngs
    ):
        sizes = [depth] + [channels] * count
        options = {"use_bias": not norm, "kernel_init": HE_FAN_OUT, "rngs": rngs}
        self.convolutions = nnx.List(
            [
                nnx.Conv(a, b, (3, 3), conv_general_dilated=convolve, **options)
                for a, b in pairwise(sizes)
            ]
        )
        self.norms = nnx.List(
            [
                nnx.BatchNorm(channels, momentum=0.9, epsilon=1e-5, rngs=rngs) if norm else None
                for _ in range(count)
            ]
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = convolution(x)
            x = nnx.relu(x if norm is None else norm(x, use_running_average=False))
        return x


class Training:
    """Model and optimizer as pure functions of dictionaries, and the compiled step.

    Args:
        model: `rngs -> nnx.Module`.
        mean, std: of the pixels.
        steps: length of the schedule.
    """

    def __init__(self, model: Any, mean: float, std: float, steps: int, rate: float = 1e-3):
        self.model, self.steps, self.rate = model, steps, rate
        self.graph: Any = None
        decayed = partial(jax.tree.map, lambda array: array.ndim > 1)
        self.optimizer = optax.chain(
            optax.clip_by_global_norm(1.0),
            optax.adamw(self.learning_rate, weight_decay=0.01, mask=decayed),
        )
        self.normalise = lambda images: (images[..., None].astype(jnp.float32) - mean) / std
        self.step = jax.jit(self.update, donate_argnums=0)

    def initialise(self, key: jax.Array) -> tuple:
        self.graph, params, rest = nnx.split(self.model(rngs=nnx.Rngs(key)), nnx.Param, ...)
        params, rest = nnx.to_pure_dict(params), nnx.to_pure_dict(rest)
        return params, rest, self.optimizer.init(params), jnp.int32(0)

    def learning_rate(self, count: jax.Array) -> jax.Array:
        """Warm-up over a twentieth of the steps, then half a cosine down to 0."""
        warmup = max(round(0.05 * self.steps), 1)
        done = jnp.clip((count + 1.0 - warmup) / (self.steps - warmup), 0, 1)
        return self.rate * jnp.minimum(1.0, (count + 1) / warmup) * (1 + jnp.cos(jnp.pi * done)) / 2

    def loss(self, model: Any, images: jax.Array, labels: jax.Array) -> tuple:
        logits = model(self.normalise(images))
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        return loss, {"loss": loss, "accuracy": (logits.argmax(-1) == labels).mean()}

    def update(self, state: tuple, batch: tuple) -> tuple:
        params, rest, opt_state, count = state

        def loss(params: Any) -> tuple:
            model = nnx.merge(self.graph, params, rest)
            value, metrics = self.loss(model, *batch)
            return value, (nnx.to_pure_dict(nnx.split(model, nnx.Param, ...)[2]), metrics)

        gradient, (rest, metrics) = jax.grad(loss, has_aux=True)(params)
        updates, opt_state = self.optimizer.update(gradient, opt_state, params)
        params = optax.apply_updates(params, updates)
        metrics["learning_rate"] = self.learning_rate(count)
        metrics["gradient_norm"] = optax.global_norm(gradient)
        metrics["parameter_norm"] = optax.global_norm(params)
        return (params, rest, opt_state, count + 1), metrics

    def scanned(self) -> Any:
        """The step over stacked batches in one program."""
        return jax.jit(partial(jax.lax.scan, self.update), donate_argnums=0)


class NNXTraining(Training):
    """The same with `nnx.jit` and `nnx.Optimizer`, which split and merge at every call."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.step = nnx.jit(self.update_objects, donate_argnames="state")
        self.wrapped = lambda state, batch: (state, self.step(state, batch))

    def initialise(self, key: jax.Array) -> tuple:
        model = self.model(rngs=nnx.Rngs(key))
        return model, nnx.Optimizer(model, self.optimizer, wrt=nnx.Param)

    def update_objects(self, state: tuple, batch: tuple) -> dict:
        model, optimizer = state
        count = optimizer.step[...]
        gradient, metrics = nnx.grad(self.loss, has_aux=True)(model, *batch)
        optimizer.update(model, gradient)
        metrics["learning_rate"] = self.learning_rate(count)
        metrics["gradient_norm"] = optax.global_norm(gradient)
        metrics["parameter_norm"] = optax.global_norm(nnx.state(model, nnx.Param))
        return metrics


def batches(
    images: np.ndarray, labels: np.ndarray, size: int, seed: int = 0
) -> Iterator[tuple[jax.Array, jax.Array]]:
    """Endless shuffled batches on the device; the rest of an epoch is dropped."""
    generator = np.random.default_rng(seed)
    while True:
        order = generator.permutation(len(images))
        for start in range(0, len(images) - size + 1, size):
            chosen = order[start : start + size]
            yield jax.device_put((images[chosen], labels[chosen]))


def stacked(
    images: np.ndarray, labels: np.ndarray, size: int, count: int, seed: int = 0
) -> Iterator[tuple[jax.Array, jax.Array]]:
    """`count` batches at a time, [count, size, …]."""
    generator = np.random.default_rng(seed)
    while True:
        order = generator.permutation(len(images))
        rows = np.resize(order, (count, size))
        yield jax.device_put((images[rows], labels[rows]))


class Log:
    """Every `every` steps the metrics of one interval ago, to TensorBoard and `metrics.jsonl`."""

    def __init__(self, directory: Path, every: int, batch_size: int):
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        directory.mkdir(parents=True, exist_ok=True)
        self.events = EventFileWriter(str(directory / "events"))
        self.lines = (directory / "metrics.jsonl").open("w")
        self.every, self.batch_size = every, batch_size
        self.pending: Any = None
        self.since = time.perf_counter()

    def __call__(self, step: int, metrics: dict[str, jax.Array]) -> None:
        now = time.perf_counter()
        rate = self.every / (now - self.since)
        self.since = now
        speed = {"steps_per_second": rate, "examples_per_second": rate * self.batch_size}
        before, self.pending = self.pending, (step, metrics, speed)
        for value in metrics.values():
            value.copy_to_host_async()
        if before is not None:
            self.write(*before)

    def write(self, step: int, metrics: dict[str, jax.Array], speed: dict[str, float]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = {name: float(np.ravel(value)[-1]) for name, value in metrics.items()} | speed
        entries = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        event = Event(wall_time=time.time(), step=step, summary=Summary(value=entries))
        self.events.add_event(event)
        self.lines.write(json.dumps({"step": step, **values}) + "\n")

    def close(self) -> None:
        self.events.close()
        self.lines.close()


def train(
    step: Any, state: Any, feed: Iterator[Any], log: Log, start: int, steps: int, size: int = 1
) -> Any:
    """`steps` steps from number `start` on, `size` in a call; returns the state."""
    for number in range(start + size, start + steps + 1, size):
        state, metrics = step(state, next(feed))
        if number % log.every == 0:
            log(number, metrics)
    return state


def first_step(name: str, folder: Path, cache: Path | None) -> None:
    """Loads the digits, makes the model and trains one step, both compiled."""
    if cache is not None:
        jax.config.update("jax_compilation_cache_dir", str(cache))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    images, labels = np.load(folder / "images.npy"), np.load(folder / "labels.npy")
    model = partial({"mlp": MLP, "cnn": CNN}[name], images.shape[1:], 10)
    training = Training(model, float(images.mean()), float(images.std()), 400)
    state = jax.jit(training.initialise)(jax.random.key(0))
    feed = batches(images, labels, 256 if name == "mlp" else 64)
    jax.block_until_ready(training.step(state, next(feed)))
    os._exit(0)  # as the other side does


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=("mlp", "cnn"))
    parser.add_argument("folder", type=Path, help="holds images.npy and labels.npy")
    parser.add_argument("--cache", type=Path, help="compiled programs are kept here")
    given = parser.parse_args()
    first_step(given.name, given.folder, given.cache)
