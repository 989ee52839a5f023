"""A language model and its training, written by hand in one file: the yardstick of ours.

It imports nothing of the framework: parameters are a dictionary, its layers stacked, Optax's
AdamW, one donated jitted step, rows of bytes gathered by NumPy permutations. The equations are
those of Llama (RMSNorm, rotary positions, SwiGLU, no biases, tied embeddings); the matrices that
write into the residual stream start smaller by 1 / sqrt(2 layers), as in GPT-2.

    python benchmarks/by_hand.py --path ../shared/data/shakespeare --steps 1000 --json out.json
"""

import argparse
import json
import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
import optax

END = 256  # the token before and after each document; the others are its bytes
Params = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """Of the model."""

    layers: int = 4
    width: int = 128
    heads: int = 4
    mlp: int = 384
    vocabulary: int = 257
    epsilon: float = 1e-6
    base: float = 10_000.0


@dataclass(frozen=True)
class Recipe:
    """Of the training: AdamW behind clipping, warm-up and half a cosine down to 0."""

    steps: int
    batch: int = 32
    warmup: int = 100
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    b1: float = 0.9
    b2: float = 0.95
    clip: float = 1.0


class State(NamedTuple):
    params: Params
    moments: optax.OptState
    count: jax.Array


def initialise(key: jax.Array, size: Size) -> Params:
    keys = iter(jax.random.split(key, 8))

    def normal(deviation: float, *shape: int) -> jax.Array:
        return deviation * jax.random.normal(next(keys), shape)

    count, width, heads, mlp = size.layers, size.width, size.heads, size.mlp
    head, residual = width // heads, 1 / math.sqrt(2 * count)
    layers = {
        "attention_norm": jnp.ones((count, width)),
        "query": normal(width**-0.5, count, width, heads, head),
        "key": normal(width**-0.5, count, width, heads, head),
        "value": normal(width**-0.5, count, width, heads, head),
        "output": normal(residual * width**-0.5, count, heads, head, width),
        "mlp_norm": jnp.ones((count, width)),
        "gate": normal(width**-0.5, count, width, mlp),
        "up": normal(width**-0.5, count, width, mlp),
        "down": normal(residual * mlp**-0.5, count, mlp, width),
    }
    table = normal(0.02, size.vocabulary, width)
    return {"table": table, "layers": layers, "norm": jnp.ones(width)}


def normalised(x: jax.Array, scale: jax.Array, epsilon: float) -> jax.Array:
    return x * jax.lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + epsilon) * scale


def logits(params: Params, inputs: dict[str, jax.Array], size: Size) -> jax.Array:
    """`tokens`, `positions` and `segments` int [batch, length] to [batch, length, vocabulary]."""
    head = size.width // size.heads
    frequencies = size.base ** -(jnp.arange(0, head, 2) / head)
    angles = inputs["positions"][:, :, None, None] * frequencies
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    segments = inputs["segments"]
    before = jnp.tri(segments.shape[1], dtype=bool)
    mask = (before & (segments[:, :, None] == segments[:, None, :]))[:, None]

    def turned(x: jax.Array) -> jax.Array:
        a, b = jnp.split(x, 2, -1)
        return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    def layer(x: jax.Array, w: Params) -> jax.Array:
        y = normalised(x, w["attention_norm"], size.epsilon)
        q, k, v = (jnp.einsum("bse,ehd->bshd", y, w[name]) for name in ("query", "key", "value"))
        scores = jnp.einsum("bqhd,bkhd->bhqk", turned(q), turned(k)) * head**-0.5
        seen = jax.nn.softmax(jnp.where(mask, scores, -1e30))
        y = jnp.einsum("bhqk,bkhd->bqhd", seen, v)
        x = x + jnp.einsum("bshd,hde->bse", y, w["output"])
        y = normalised(x, w["mlp_norm"], size.epsilon)
        return x + (jax.nn.silu(y @ w["gate"]) * (y @ w["up"])) @ w["down"]

    x = params["table"][inputs["tokens"]]
    for number in range(size.layers):  # on two cores a scan takes an eighth more
        x = layer(x, jax.tree.map(itemgetter(number), params["layers"]))
    return normalised(x, params["norm"], size.epsilon) @ params["table"].T


def measured(
    params: Params, inputs: dict[str, jax.Array], labels: jax.Array, size: Size
) -> dict[str, jax.Array]:
    """Sums over the tokens that have a next one: nats, right guesses, and how many they are."""
    scores, counts = logits(params, inputs, size), labels >= 0
    nats = optax.softmax_cross_entropy_with_integer_labels(scores, jnp.maximum(labels, 0))
    right = scores.argmax(-1) == labels
    sums = {"nats": nats, "right": right, "tokens": counts}
    return {name: (value * counts).sum() for name, value in sums.items()}


class Training:
    """The optimizer and the compiled step."""

    def __init__(self, size: Size, recipe: Recipe):
        self.size, self.recipe = size, recipe
        self.optimizer = optax.chain(
            optax.clip_by_global_norm(recipe.clip),
            optax.adamw(
                self.learning_rate, recipe.b1, recipe.b2, weight_decay=recipe.weight_decay,
                mask=partial(jax.tree_util.tree_map_with_path, lambda p, _: "norm" not in str(p)),
            ),
        )  # fmt: skip
        self.step = jax.jit(self.update, donate_argnums=0)
        self.measure = jax.jit(partial(measured, size=size))

    def begin(self, params: Params) -> State:
        return State(params, self.optimizer.init(params), jnp.int32(0))

    def learning_rate(self, count: jax.Array) -> jax.Array:
        """Of the update that follows `count` others; the first is not wasted, the last is 0."""
        steps, warmup = self.recipe.steps, self.recipe.warmup
        rise = jnp.minimum(1.0, (count + 1) / max(warmup, 1))
        done = jnp.clip((count + 1 - warmup) / max(steps - warmup, 1), 0, 1)
        return self.recipe.learning_rate * rise * (1 + jnp.cos(jnp.pi * done)) / 2

    def update(self, state: State, batch: tuple) -> tuple[State, dict[str, jax.Array]]:
        def loss(params: Params) -> tuple:
            sums = measured(params, *batch, self.size)
            value = sums["nats"] / sums["tokens"]
            return value, {"loss": value, "accuracy": sums["right"] / sums["tokens"]}

        gradient, metrics = jax.grad(loss, has_aux=True)(state.params)
        updates, moments = self.optimizer.update(gradient, state.moments, state.params)
        params = optax.apply_updates(state.params, updates)
        metrics["learning_rate"] = self.learning_rate(state.count)
        metrics["gradient_norm"] = optax.tree.norm(gradient)
        metrics["parameter_norm"] = optax.tree.norm(params)
        return State(params, moments, state.count + 1), metrics

    def evaluate(self, params: Params, rows: dict[str, np.ndarray]) -> float:
        """Mean nats a token over all rows."""
        nats = tokens = 0.0
        size, count = self.recipe.batch, len(rows["labels"])
        for start in range(0, count, size):
            chosen = np.arange(start, start + size)
            inputs, labels = taken(rows, np.minimum(chosen, count - 1))
            labels[chosen >= count] = -1  # the last batch is filled up
            sums = self.measure(params, inputs, labels)
            nats, tokens = nats + float(sums["nats"]), tokens + float(sums["tokens"])
        return nats / tokens


def packed(files: Iterable[Path], length: int) -> dict[str, np.ndarray]:
    """Documents as rows of `length`: whole pieces, then the remainders, first fit decreasing.

    The arrays are int32 [rows, length]. Each piece is a segment, counted from 1 in its row, with
    positions from 0; a document begins and ends with END, and each of its bytes and its END is a
    label once. Padding has segment 0 and label -1.
    """
    pieces: list[np.ndarray] = []
    for file in files:
        text = np.frombuffer(file.read_bytes(), np.uint8).astype(np.int32)
        document = np.concatenate([[END], text, [END]])
        starts = range(0, len(document) - 1, length)
        pieces += [document[start : start + length + 1] for start in starts]
    rows: list[list[np.ndarray]] = []
    room: list[int] = []
    for piece in sorted(pieces, key=len, reverse=True):
        needed = len(piece) - 1
        row = len(rows)
        if needed < length:
            row = next((number for number, free in enumerate(room) if free >= needed), row)
        if row == len(rows):
            rows.append([])
            room.append(length)
        rows[row].append(piece)
        room[row] -= needed
    found = {
        name: np.full((len(rows), length), fill, np.int32)
        for name, fill in (("tokens", 0), ("positions", 0), ("segments", 0), ("labels", -1))
    }
    for row, parts in enumerate(rows):
        at = 0
        for number, piece in enumerate(parts, 1):
            place = slice(at, at + len(piece) - 1)
            found["tokens"][row, place], found["labels"][row, place] = piece[:-1], piece[1:]
            found["positions"][row, place] = np.arange(len(piece) - 1)
            found["segments"][row, place] = number
            at += len(piece) - 1
    return found


def taken(rows: dict[str, np.ndarray], chosen: np.ndarray) -> tuple[dict, np.ndarray]:
    """Inputs and labels of the chosen rows."""
    batch = {name: array[chosen] for name, array in rows.items()}
    labels = batch.pop("labels")
    return batch, labels


def batches(rows: dict[str, np.ndarray], size: int, seed: int = 0) -> Iterator[tuple]:
    """Endless shuffled batches on the device; the rest of an epoch is dropped."""
    generator = np.random.default_rng(seed)
    count = len(rows["labels"])
    while True:
        order = generator.permutation(count)
        for start in range(0, count - size + 1, size):
            yield jax.device_put(taken(rows, order[start : start + size]))


def train(
    train_files: Sequence[Path],
    validation_files: Sequence[Path],
    recipe: Recipe,
    *,
    size: Size = Size(),
    length: int = 256,
    log_every: int = 20,
    evaluate_every: int | None = None,
    seed: int = 0,
) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """(step, loss of its batch) every so often, and (step, nats a token of the validation files).

    The last step is evaluated in any case.
    """
    rows, held = packed(train_files, length), packed(validation_files, length)
    training = Training(size, recipe)
    state = training.begin(jax.jit(initialise, static_argnums=1)(jax.random.key(seed), size))
    feed = batches(rows, recipe.batch, seed)
    curve, validation = [], []
    for step in range(1, recipe.steps + 1):
        state, metrics = training.step(state, next(feed))
        if step % log_every == 0:
            curve.append((step, float(metrics["loss"])))
        if step == recipe.steps or (evaluate_every and step % evaluate_every == 0):
            validation.append((step, training.evaluate(state.params, held)))
            print(f"step {step}: {validation[-1][1]:.4f} nats a token", flush=True)
    return curve, validation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--path", type=Path, required=True, help="a folder of text files")
    parser.add_argument("--validation", nargs="*", help="their names; by default every tenth file")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=Recipe.batch)
    parser.add_argument("--warmup", type=int, default=Recipe.warmup)
    parser.add_argument("--learning-rate", type=float, default=Recipe.learning_rate)
    parser.add_argument("--evaluate-every", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="curves are written here")
    given = parser.parse_args()
    files = sorted(given.path.rglob("*.txt"))
    chosen = given.validation
    held = files[9::10] if chosen is None else [f for f in files if f.name in chosen]
    recipe = Recipe(given.steps, given.batch, given.warmup, given.learning_rate)
    begun = time.perf_counter()
    curve, validation = train(
        [file for file in files if file not in held], held, recipe,
        evaluate_every=given.evaluate_every, seed=given.seed,
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    print(f"{given.steps} steps in {seconds:.1f} s")
    if given.json:
        found = {"curve": curve, "validation": validation, "seconds": seconds}
        given.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
