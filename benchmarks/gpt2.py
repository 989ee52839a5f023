"""Tokens a second and MFU of a GPT-2-sized model on a GPU, against PyTorch's `torch.compile`.

The framework's compiled step on `model=transformer_124m precision=mixed` (parameters float32,
arithmetic bfloat16), and the same model in PyTorch (`gpt2_torch.py`) with flash attention, bfloat16
autocast and fused AdamW: the same shapes and random tokens, in alternating rounds on one GPU,
which both share. MFU counts the matrix products of the traced step, all of a causal score matrix
among them, for both alike. PyTorch is asked for with --torch and must be installed.

    python benchmarks/gpt2.py [--torch] [--batch 32] [--rounds 10] [--smoke]
"""

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

# The two libraries share the memory of one GPU.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import numpy as np
from rich.console import Console
from rich.table import Table
from rounds import compose

from framework.config.build import require
from framework.data.preprocess import Identity
from framework.parallel import MeshOptions, batch_putter, build_mesh
from framework.parallel.chips import chip_of
from framework.parallel.operations import sum_of, traced
from framework.spec import Field, Labels, Spec
from framework.train.experiment import fitted
from framework.train.program import Program
from framework.train.state import Values

TINY = ("model.layers=2", "model.width=64", "model.heads=2")
STEPS = 1000  # of the schedule
BATCHES = 4  # random ones, in turn
OURS, TORCH = "framework", "PyTorch"
SHARE = 0.5  # of the memory that JAX may take, for each of the two


@dataclass(frozen=True)
class Shape:
    """Of a step."""

    batch: int
    length: int = 1024
    vocabulary: int = 50_257

    @property
    def tokens(self) -> int:
        return self.batch * self.length

    def host_batches(self) -> list[dict[str, Any]]:
        """Random tokens, one segment a row."""
        random, rows = np.random.default_rng(0), (self.batch, self.length)
        place = np.arange(self.length, dtype=np.int32)
        found = []
        for _ in range(BATCHES):
            text = random.integers(self.vocabulary, size=(self.batch, self.length + 1))
            text = text.astype(np.int32)
            inputs = {
                "tokens": text[:, :-1].copy(),
                "positions": np.broadcast_to(place, rows).copy(),
                "segments": np.ones(rows, np.int32),
            }
            whole = {"bytes": np.zeros(self.batch, np.int32), "index": place[: self.batch].copy()}
            found.append({"inputs": inputs, "labels": text[:, 1:].copy(), **whole})
        return found


@dataclass
class Framework:
    """The framework's compiled step with random data."""

    program: Program
    values: Values

    @classmethod
    def of(cls, settings: dict[str, Any], shape: Shape) -> "Framework":
        row = (shape.length,)
        tokens = Field(row, "int32", vocabulary=(shape.vocabulary,))
        others = {name: Field(row, "int32") for name in ("positions", "segments")}
        spec = Spec({"tokens": tokens, **others}, Labels("token", count=shape.vocabulary))
        parts = ("task", "model", "optimizer", "schedule", "mesh", "precision")
        task, model, optimizer, schedule, mesh, precision = (
            require(settings[name], name) for name in parts
        )
        assert isinstance(mesh, MeshOptions)
        network = fitted(model, spec.inputs, task.outputs(spec))
        values = Values(task, optimizer, schedule, Identity(), None)
        program = Program(network, precision, mesh, build_mesh(mesh), steps=STEPS, accumulate=1)
        return cls(program, values)

    def bytes_needed(self, shape: Shape) -> int:
        """Of the state and the step, as the compiler plans it."""
        state = self.program.abstract_state(self.values)
        with jax.set_mesh(self.program.mesh):
            step = self.program.call(1, state).lower(state, shape.host_batches()[0]).compile()
        plan = step.memory_analysis()
        return plan.argument_size_in_bytes + plan.temp_size_in_bytes

    def operations(self, shape: Shape) -> float:
        """Floating-point operations of a step."""
        state = self.program.abstract_state(self.values)
        return sum_of(traced(self.program.step, state, shape.host_batches()[0]))

    def contender(self, shape: Shape) -> Callable[[int], float]:
        """A function that makes some steps and returns the last loss."""
        mesh = self.program.mesh
        put = batch_putter(self.program.mesh_options, mesh)
        batches = [put(batch) for batch in shape.host_batches()]
        state = self.program.initial_state(self.values, 0)
        call = self.program.call(1, self.program.abstract_state(self.values))

        def advance(steps: int) -> float:
            nonlocal state
            with jax.set_mesh(mesh):
                for number in range(steps):
                    state, metrics = call(state, batches[number % BATCHES])
            return float(metrics["loss"])

        return advance


def torch_contender(settings: dict[str, Any], shape: Shape) -> Callable[[int], float]:
    """The same of PyTorch."""
    import gpt2_torch

    training = gpt2_torch.Training(
        shape.vocabulary, shape.length, settings["model"], settings["optimizer"]
    )
    batches = [
        (training.put(batch["inputs"]["tokens"]), training.put(batch["labels"]))
        for batch in shape.host_batches()
    ]

    def advance(steps: int) -> float:
        for number in range(steps):
            loss = training.step(*batches[number % BATCHES])
        training.wait()
        return float(loss)

    return advance


def largest(settings: dict[str, Any], make: Callable[[int], Shape], most: int = 128) -> Shape:
    """The largest power of two as the batch whose step takes no more than its share of memory."""
    limit = SHARE * jax.devices()[0].memory_stats()["bytes_limit"]
    batch = most
    while batch > 1:
        shape = make(batch)
        if Framework.of(settings, shape).bytes_needed(shape) <= limit:
            break
        batch //= 2
    return make(batch)


def rates(
    contenders: dict[str, Callable[[int], float]], shape: Shape, rounds: int, steps: int
) -> dict[str, list[float]]:
    """Tokens a second, round by round; compilation and the first steps come before."""
    for name, advance in contenders.items():
        print(f"{name}: loss {advance(3):.3f} after 3 steps", flush=True)
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, advance in contenders.items():
            begun = time.perf_counter()
            advance(steps)
            found[name].append(steps * shape.tokens / (time.perf_counter() - begun))
    return found


def report(found: dict[str, list[float]], shape: Shape, operations: float, kind: str) -> None:
    """Medians; the ratio is taken round by round."""
    chip, each = chip_of(kind), operations / shape.tokens
    title = f"{kind}: {shape.batch} × {shape.length} tokens a step"
    table = Table(title=title, title_justify="left", box=None)
    for column in ("", "tokens/s", "MFU", "framework is", "quartiles"):
        table.add_column(column, justify="left" if not column else "right")
    for name, values in found.items():
        rate = median(values)
        mfu = f"{each * rate / chip.peak['bfloat16']:.1%}" if chip else ""
        if name == OURS:
            table.add_row(name, f"{rate:,.0f}", mfu, "", "")
            continue
        ratios = [a / b for a, b in zip(found[OURS], values, strict=True)]
        low, high = np.quantile(ratios, (0.25, 0.75))
        table.add_row(
            name, f"{rate:,.0f}", mfu, f"{median(ratios):.3f}", f"{low:.3f} to {high:.3f}"
        )
    Console(width=100, highlight=False).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--torch", action="store_true", help="compare with PyTorch")
    parser.add_argument("--batch", type=int, help="rows in a step; by default what memory holds")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=10, help="in a round")
    parser.add_argument("--smoke", action="store_true", help="a tiny model on any device")
    given = parser.parse_args()
    device = jax.devices()[0]
    if device.platform != "gpu" and not given.smoke:
        print(f"no GPU here (JAX has {device.device_kind}): nothing to measure; see --smoke")
        return
    if given.torch and importlib.util.find_spec("torch") is None:
        sys.exit("--torch: PyTorch is not installed; pip install torch")
    overrides = ["model=transformer_124m", "task=language_modeling", "precision=mixed"]
    overrides += ["mesh=single", *(TINY if given.smoke else ())]
    settings = compose(overrides)
    rounds, steps = (2, 2) if given.smoke else (given.rounds, given.steps)
    if given.smoke:
        shape = Shape(given.batch or 2, length=32, vocabulary=101)
    elif given.batch:
        shape = Shape(given.batch)
    else:
        shape = largest(settings, Shape)
    framework = Framework.of(settings, shape)
    makers = {OURS: partial(framework.contender, shape)}
    if given.torch:
        makers[TORCH] = partial(torch_contender, settings, shape)
    contenders = {name: make() for name, make in makers.items()}
    try:
        found = rates(contenders, shape, rounds, steps)
    except RuntimeError as error:  # of both libraries
        if "memory" not in str(error).lower():
            raise
        sys.exit(f"not enough memory: give --batch {shape.batch // 2}")
    report(found, shape, framework.operations(shape), device.device_kind)


if __name__ == "__main__":
    main()
