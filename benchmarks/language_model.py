"""Step time of `experiment=shakespeare` against the loop by hand, in alternating rounds.

Both train the same transformer on the same documents with the same batch size and logging
(TensorBoard and metrics.jsonl). The framework runs its real `train`; a listener stops it after
every round until the other has had its own. Their losses from the same start are compared first.

    python benchmarks/language_model.py [--path ../shared/data/shakespeare] [--rounds 15]
        [--smoke] [--cores] [key=value …]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import bare
import by_hand
import jax
import numpy as np
from rich.console import Console
from rounds import Contender, Rounds, only_training, report, take_turns, worst_difference

from framework.data import Data, PackedText
from framework.train.setting import Setting
from framework.train.state import TrainState

SHAKESPEARE = Path(__file__).resolve().parents[2] / "shared" / "data" / "shakespeare"
SAME_STEPS, TOLERANCE = 3, 1e-4
WANTED = 1.02
BY_HAND = "by hand"
TINY = (
    "model.layers=2", "model.width=32", "model.heads=2", "data.sequence_length=32",
    "data.batch_size=4",
)  # fmt: skip


@dataclass(frozen=True)
class Length:
    """Of the measurement: in the first `warm` steps the framework chooses how many a call makes."""

    rounds: int = 15
    round_steps: int = 4
    warm: int = 16
    log_every: int = 4


def size_of(settings: Mapping[str, Any]) -> by_hand.Size:
    """The model of a composed experiment, whose text is bytes."""
    model = settings["model"]
    return by_hand.Size(
        layers=model["layers"],
        width=model["width"],
        heads=model["heads"],
        mlp=model["mlp_width"] or -(-8 * model["width"] // (3 * 64)) * 64,
        epsilon=model["norm_epsilon"],
        base=model["rope_base"],
    )


def recipe_of(settings: Mapping[str, Any]) -> by_hand.Recipe:
    """The training of a composed experiment: AdamW and a cosine down to 0."""
    steps, warmup = settings["trainer"]["steps"], settings["schedule"]["warmup"]
    optimizer = settings["optimizer"]
    return by_hand.Recipe(
        steps=steps,
        batch=settings["data"]["batch_size"],
        warmup=round(warmup * steps) if warmup < 1 else warmup,
        learning_rate=optimizer["learning_rate"],
        weight_decay=optimizer["weight_decay"],
        b1=optimizer["rule"]["b1"],
        b2=optimizer["rule"]["b2"],
        clip=optimizer["clip_norm"],
    )


def as_by_hand(arrays: Mapping[str, Any]) -> by_hand.Params:
    """Copies of the framework's parameters under the names of those by hand."""
    kernels = {
        **{name: f"attention/{name}" for name in ("query", "key", "value", "output")},
        **{name: f"feed_forward/{name}" for name in ("gate", "up", "down")},
    }
    paths = {name: f"blocks/{path}/kernel" for name, path in kernels.items()}
    paths |= {"attention_norm": "blocks/attention_norm/scale"}
    paths |= {"mlp_norm": "blocks/feed_forward_norm/scale"}
    layers = {name: arrays[path].copy() for name, path in paths.items()}
    table, norm = arrays["embedding/table"].copy(), arrays["norm/scale"].copy()
    return {"table": table, "layers": layers, "norm": norm}


def files_of_splits(data: Data, folder: Path, pattern: str = "**/*.txt") -> dict[str, list[Path]]:
    """Which files under `folder` are the documents of each split of `data`, found by content.

    Raises:
        AssertionError: a document of `data` is no file.
    """
    splits: dict[bytes, str] = {}
    for name, source in data.splits.items():
        assert isinstance(source, PackedText)
        ends = np.flatnonzero(np.asarray(source.tokens) == by_hand.END)
        for begin, end in pairwise(ends):
            splits[np.asarray(source.tokens[begin + 1 : end]).astype(np.uint8).tobytes()] = name
    found: dict[str, list[Path]] = {name: [] for name in data.splits}
    for file in sorted(folder.glob(pattern)):
        found[splits.pop(file.read_bytes())].append(file)
    assert not splits, f"{len(splits)} documents are no files under {folder}"
    return found


def measure(
    path: Path, overrides: Sequence[str], length: Length, clock: Any, folder: Path
) -> tuple[Rounds, float]:
    """The rounds, and by how much the losses of both differ."""
    steps = length.warm + (length.rounds + 1) * length.round_steps
    experiment, settings = only_training(
        ("experiment=shakespeare", f"data.path={path}", "schedule.warmup=0.1", *overrides),
        folder / "run", steps, length.log_every,
    )  # fmt: skip
    size, recipe = size_of(settings), recipe_of(settings)
    files = files_of_splits(experiment.data, path)["train"]
    rows = by_hand.packed(files, settings["data"]["sequence_length"])
    training = by_hand.Training(size, recipe)
    contender = Contender(
        training.step,
        training.begin(by_hand.initialise(jax.random.key(0), size)),
        by_hand.batches(rows, recipe.batch),
        bare.Log(folder / "hand", length.log_every, recipe.batch),
    )
    rounds = Rounds({BY_HAND: contender}, length.round_steps, length.warm, clock)

    def check(setting: Setting, state: TrainState) -> float:
        again = by_hand.Training(size, recipe)
        theirs = again.begin(as_by_hand(state.params))
        return worst_difference(
            setting, state, theirs, again.step, steps=SAME_STEPS, tolerance=TOLERANCE
        )

    return rounds, take_turns(experiment, settings, rounds, check)


def some_text(folder: Path) -> Path:
    """A folder with documents of random words, for a smoke test."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(12):
        letters = random.integers(ord("a"), ord("z") + 1, (random.integers(100, 300), 4), np.uint8)
        (folder / f"{number}.txt").write_bytes(b" ".join(map(bytes, letters)))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("overrides", nargs="*", help="of the experiment")
    parser.add_argument("--path", type=Path, default=SHAKESPEARE, help="a folder of text files")
    parser.add_argument("--rounds", type=int, default=Length.rounds)
    parser.add_argument("--smoke", action="store_true", help="a tiny model: does it still run?")
    parser.add_argument(
        "--cores", action="store_true",
        help="count the work of all threads instead of time: where other programs take the cores",
    )  # fmt: skip
    given = parser.parse_args()
    console = Console(width=100, highlight=False)
    clock = time.process_time if given.cores else time.perf_counter
    with tempfile.TemporaryDirectory() as temporary:
        folder, path, length = Path(temporary), given.path, Length(given.rounds)
        overrides = given.overrides
        if given.smoke:
            path, length = some_text(folder / "text"), Length(rounds=2)
            overrides = [*TINY, *overrides]
        elif not path.is_dir():
            parser.error(f"no folder {path}: give the one of the texts as --path")
        rounds, difference = measure(path, overrides, length, clock, folder)
    report(console, "experiment=shakespeare", rounds, {BY_HAND: round(1 / WANTED, 3)})
    console.print(
        f"step time: {1 / median(rounds.ratios(BY_HAND)):.3f} of the loop by hand, "
        f"wanted at most {WANTED}\n{length.rounds} rounds of {length.round_steps} steps; losses of "
        f"{SAME_STEPS} steps agree within {difference:.1e}"
    )


if __name__ == "__main__":
    main()
