"""Steps a second of the framework against a loop written by hand, in alternating rounds.

Both train the same network on the same data with the same batch size and logging (TensorBoard and
metrics.jsonl). The framework runs its real `train`; a listener stops it after every round until
the others have had theirs. Compilation and the choice of `steps_per_call` come before.

    python benchmarks/step_overhead.py [--smoke] [--rounds 15] [mlp cnn images]
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import bare
import jax
import numpy as np
from rich.console import Console
from rounds import Contender, Rounds, only_training, report, take_turns, worst_difference

from framework.data import ArraySource, Data
from framework.models.convolve import convolve
from framework.models.pool import max_pool
from framework.train import Experiment
from framework.train.setting import Setting
from framework.train.state import TrainState

SAME_STEPS, TOLERANCE = 20, 1e-4
LOG_EVERY = 20


@dataclass(frozen=True)
class Case:
    """One network in both worlds.

    Attributes:
        overrides: of the framework's config.
        model: the same network by hand, from the same layers.
        batch_size: examples in a step.
        round_steps: in one round of each contender.
        pixels: side of synthetic images; None takes the digits.
        warm: steps before the first round, in which the framework chooses how many a call makes:
            at most 30 intervals of logging, or two where a step is too slow for more than one.
        wanted: contender to the least ratio that the framework should reach.
    """

    overrides: tuple[str, ...]
    model: Callable[..., Any]
    batch_size: int
    round_steps: int
    wanted: dict[str, float]
    pixels: int | None = None
    warm: int = 30 * LOG_EVERY


PLAIN = ("model.channels=[32,64]", "model.convolutions=1", "model.norm=none")
BY_HAND, OTHER_POOL = "by hand", "by hand, nnx.max_pool"
LAYERS = {"pool": partial(max_pool, window=2), "convolve": convolve}
CASES = {
    "mlp": Case(("model=mlp",), bare.MLP, 256, 600, {BY_HAND: 1.0}),
    "cnn": Case(("model=cnn",), bare.CNN, 64, 40, {BY_HAND: 0.98}),
    "images": Case(
        ("model=cnn", *PLAIN), partial(bare.CNN, convolutions=1, norm=False), 128, 20,
        {BY_HAND: 0.98, OTHER_POOL: 1.5}, pixels=28, warm=2 * LOG_EVERY,
    ),
}  # fmt: skip


def experiment_of(case: Case, directory: Path, steps: int) -> tuple[Experiment, dict[str, Any]]:
    """The framework's experiment, as a command line would compose it."""
    overrides = (*case.overrides, f"data.batch_size={case.batch_size}")
    experiment, settings = only_training(overrides, directory, steps, LOG_EVERY)
    if case.pixels is not None:
        experiment = replace(experiment, data=synthetic(experiment.data, case.pixels))
    return experiment, settings


def synthetic(like: Data, side: int) -> Data:
    """Random images of `side`×`side` pixels in the place of those of `like`."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (4096, side, side), dtype=np.uint8)
    source = ArraySource("random", images, random.integers(0, 10, 4096).astype(np.int32))
    shape = (side, side, 1)
    spec = replace(like.spec, inputs=replace(like.spec.inputs, shape=shape))
    preprocess = replace(like.preprocess, mean=images.mean(), std=images.std())
    return replace(like, splits={"train": source}, spec=spec, preprocess=preprocess)


def by_hand(
    case: Case, experiment: Experiment, kind: Any = bare.Training, **layers: Any
) -> bare.Training:
    """The same network, numbers and schedule in the loop written by hand.

    The layers are the framework's as well, so that the loops are compared; but for `layers`.
    """
    data = experiment.data
    layers = {} if case.model is bare.MLP else LAYERS | layers
    model = partial(case.model, data.spec.inputs.shape, data.spec.labels.width, **layers)
    mean, std = (float(np.ravel(v)[0]) for v in (data.preprocess.mean, data.preprocess.std))
    return kind(model, mean, std, experiment.trainer.steps)


def check_same(setting: Setting, state: TrainState, training: bare.Training) -> float:
    """The largest relative difference of losses from the same start on the same batches."""
    params, rest, opt_state, count = jax.jit(training.initialise)(jax.random.key(0))
    theirs = (_filled(params, state.params), _filled(rest, state.model_state), opt_state, count)
    return worst_difference(
        setting, state, theirs, training.step, steps=SAME_STEPS, tolerance=TOLERANCE
    )


def _filled(tree: Any, arrays: dict[str, jax.Array]) -> Any:
    """The nested dictionaries of NNX with the framework's arrays of the same path."""

    def take(path: Any, _: Any) -> jax.Array:
        return arrays["/".join(str(part.key) for part in path)].copy()

    return jax.tree_util.tree_map_with_path(take, tree)


def contenders(case: Case, experiment: Experiment, folder: Path) -> dict[str, Contender]:
    """The loops by hand: the yardstick and, for the record, other ways to write it."""
    source: Any = experiment.data.splits["train"]
    raw = source.gather(np.arange(len(source)))
    images, labels = raw["inputs"], raw["labels"]
    size = case.batch_size

    def contender(training: bare.Training, name: str, count: int = 1) -> Contender:
        if isinstance(training, bare.NNXTraining):
            step, state = training.wrapped, training.initialise(jax.random.key(0))
        else:
            step = training.step if count == 1 else training.scanned()
            state = jax.jit(training.initialise)(jax.random.key(0))
        feed = (
            bare.batches(images, labels, size)
            if count == 1
            else bare.stacked(images, labels, size, count)
        )
        return Contender(step, state, feed, bare.Log(folder / name, LOG_EVERY, size), count)

    found = {BY_HAND: contender(by_hand(case, experiment), "hand")}
    if case.model is bare.MLP:
        found["by hand, a scan of 20"] = contender(by_hand(case, experiment), "scan", 20)
    if OTHER_POOL in case.wanted:
        other = by_hand(case, experiment, pool=bare.nnx_max_pool)
        found[OTHER_POOL] = contender(other, "pool")
    if case.model is not bare.MLP:
        plain = {"pool": bare.nnx_max_pool, "convolve": jax.lax.conv_general_dilated}
        found["by hand, Flax's layers"] = contender(by_hand(case, experiment, **plain), "flax")
    found["by hand, nnx.jit"] = contender(by_hand(case, experiment, bare.NNXTraining), "nnx")
    return found


def measure(case: Case, rounds: int, folder: Path) -> tuple[Rounds, float]:
    """The rounds, and by how much the losses of both differ."""
    warm = -(-case.warm // case.round_steps) * case.round_steps
    steps = warm + (rounds + 1) * case.round_steps
    experiment, settings = experiment_of(case, folder / "run", steps)
    turns = Rounds(contenders(case, experiment, folder), case.round_steps, warm)
    difference = take_turns(
        experiment,
        settings,
        turns,
        lambda setting, state: check_same(setting, state, by_hand(case, experiment)),
    )
    return turns, difference


def main() -> None:
    """Measures the cases that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; all of them by default")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--smoke", action="store_true", help="a few seconds: does it still run?")
    given = parser.parse_args()
    unknown = set(given.cases) - set(CASES)
    if unknown:
        parser.error(f"no case named {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    console = Console(width=100, highlight=False)
    for name in given.cases or (["mlp"] if given.smoke else CASES):
        case, rounds = CASES[name], given.rounds
        if given.smoke:
            case, rounds = replace(case, round_steps=LOG_EVERY, warm=2 * LOG_EVERY), 2
        with tempfile.TemporaryDirectory() as folder:
            result, difference = measure(case, rounds, Path(folder))
        report(console, f"{name}: batch {case.batch_size}", result, case.wanted)
        console.print(
            f"{rounds} rounds of {case.round_steps} steps; losses of {SAME_STEPS} steps "
            f"agree within {difference:.1e}\n"
        )


if __name__ == "__main__":
    main()
