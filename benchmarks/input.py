"""Examples a second into the step: 28×28 images in memory, gathered, augmented and put on a device.

The framework's own path, `training_batches` and `on_mesh` into a compiled step that only looks at
each array, and the same with `jax.device_put` in the place of the mesh's own placement; against a
bare NumPy gather (the same order, no loader, no device) and Grain's own DataLoader of single
examples. All take turns in rounds, so that what else the machine does falls on all of them alike.

    python benchmarks/input.py [--smoke] [--rounds 9] [--seconds 1] [--batch-size 256]
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import median
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import grain
import jax
import numpy as np

from framework.data import (
    ArraySource,
    Batch,
    Data,
    Identity,
    RandomFlip,
    RandomShift,
    on_mesh,
    training_batches,
)
from framework.data.order import Order
from framework.parallel import MeshOptions, batch_putter, build_mesh
from framework.spec import Field, Labels, Spec

EXAMPLES, SIDE = 60_000, 28
PLAIN, AUGMENTED = "framework", "framework, shift and flip"
PUT, PUT_AUGMENTED = "framework, device_put", "framework, shift, flip, device_put"
GATHER, LOADER, QUIET = "NumPy gather", "Grain DataLoader", "Grain DataLoader, no threads"
WANTED = {PLAIN: 400_000, AUGMENTED: 150_000, PUT: 400_000, PUT_AUGMENTED: 150_000}


def random_images(examples: int, batch_size: int) -> Data:
    """Uint8 images and ten classes, in memory."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (examples, SIDE, SIDE), dtype=np.uint8)
    source = ArraySource("random", images, random.integers(0, 10, examples).astype(np.int32))
    spec = Spec(Field((SIDE, SIDE, 1), "float32"), Labels("class", tuple("0123456789")))
    return Data("random", spec, {"train": source}, "", batch_size, Identity())


@jax.jit
def step(batch: Batch) -> jax.Array:
    """A step that costs nothing but takes the whole batch."""
    return sum(array.ravel()[0].astype(float) for array in jax.tree.leaves(batch))


def through_framework(data: Data, put: Callable[[Batch], Any] | None = None) -> Iterator[Any]:
    """Batches that a step took, as the training loop reads them."""
    mesh = build_mesh(MeshOptions())
    placed = on_mesh(training_batches(data, seed=0), put or batch_putter(MeshOptions(), mesh))
    for batch in placed:
        yield {**batch, "step": step(batch)}


def by_gather(data: Data) -> Iterator[Batch]:
    """Batches in the same order by two `take`s each."""
    source = data.splits["train"]
    assert isinstance(source, ArraySource)
    assert isinstance(source.inputs, np.ndarray)
    order, size, batch = Order(len(source), 0), data.batch_size, 0
    while True:
        _, indices = order.at(batch * size, size)
        yield {"inputs": source.inputs.take(indices, 0), "labels": source.labels.take(indices)}
        batch += 1


class Singles:
    """The set an example at a time, for Grain's DataLoader."""

    def __init__(self, source: ArraySource) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Batch:
        return {"inputs": self.source.inputs[index], "labels": self.source.labels[index]}


def by_grain(data: Data, read: grain.ReadOptions | None = None) -> Iterator[Batch]:
    """Batches of Grain's DataLoader: shuffled single examples, then batched; no worker."""
    source = data.splits["train"]
    assert isinstance(source, ArraySource)
    sampler = grain.samplers.IndexSampler(len(source), shuffle=True, seed=0)
    operations = [grain.transforms.Batch(data.batch_size)]
    return iter(
        grain.DataLoader(
            data_source=Singles(source), sampler=sampler, operations=operations, read_options=read
        )
    )


def rate(batches: Iterator[Any], seconds: float) -> float:
    """Examples a second over at least `seconds`, the last batch arrived."""
    begun, examples, passed = time.perf_counter(), 0, 0.0
    while passed < seconds:
        batch = next(batches)
        examples += len(batch["labels"])
        passed = time.perf_counter() - begun
    jax.block_until_ready(batch)
    return examples / (time.perf_counter() - begun)


def measure(examples: int, batch_size: int, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Rates of each contender in each round."""
    data = random_images(examples, batch_size)
    augmented = replace(data, augmentations=(RandomShift(2), RandomFlip()))
    contenders: dict[str, Callable[[], Iterator[Any]]] = {
        PLAIN: lambda: through_framework(data),
        AUGMENTED: lambda: through_framework(augmented),
        PUT: lambda: through_framework(data, jax.device_put),
        PUT_AUGMENTED: lambda: through_framework(augmented, jax.device_put),
        GATHER: lambda: by_gather(data),
        LOADER: lambda: by_grain(data),
        QUIET: lambda: by_grain(data, grain.ReadOptions(num_threads=0)),
    }
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, start in contenders.items():
            batches = start()
            next(batches)  # what comes first is set up here
            rates[name].append(rate(batches, seconds))
            close = getattr(batches, "close", None)
            if close is not None:
                close()
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a few seconds, nothing to conclude")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--batch-size", type=int, default=256)
    options = parser.parse_args()
    rounds, seconds, examples = options.rounds, options.seconds, EXAMPLES
    if options.smoke:
        rounds, seconds, examples = 2, 0.1, 4096
    rates = measure(examples, options.batch_size, rounds, seconds)
    middle = {name: median(found) for name, found in rates.items()}
    print(f"examples a second in batches of {options.batch_size}, median of {rounds} rounds")
    for name, found in rates.items():
        wanted = f"   wanted {WANTED[name]:,}" if name in WANTED else ""
        spread = f"{min(found):>11,.0f} to {max(found):,.0f}"
        print(f"{name:<36}{middle[name]:>11,.0f}   ({spread.strip()}){wanted}")
    ratios = {
        f"{ours} / {other}": round(middle[ours] / middle[other], 3)
        for ours in (PLAIN, AUGMENTED)
        for other in (GATHER, LOADER, QUIET)
    }
    result = {"examples_a_second": {name: round(value) for name, value in middle.items()}}
    load = [round(value, 1) for value in os.getloadavg()]
    print(json.dumps({**result, "ratios": ratios, "cores": os.cpu_count(), "load": load}))


if __name__ == "__main__":
    main()
