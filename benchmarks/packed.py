"""Trials as rows of one program against the same trials one after another in a warm process.

For 1, 4, 16 and 64 trials of each model, on an accelerator: seconds of the trials alone (the median
of a few, times their number) over seconds of the pack, everything compiled before, evaluations,
checkpoints and run directories included; and the same for the steps by themselves. With it go the
largest difference of a loss in the first ten steps, and the collectives of the program.

    python benchmarks/packed.py [--trials 1 4 16 64] [--steps 600] [--anyway] [mlp cnn transformer]

On a CPU it says why not; `--anyway` measures there what can be packed.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from framework.config.command import compose_words
from framework.parallel.collectives import collectives
from framework.run import prepare_environment
from framework.tracking import read_metrics
from framework.train import assemble, run
from framework.train.packed import Job, refusal, train_packed
from framework.train.packed.program import PackedProgram

USUAL = (
    "tracker.wandb.enabled=false", "tracker.tensorboard=false", "evaluation.final=[validation]",
    "evaluation.report=false", "evaluation.analysis.depth=none",
)  # fmt: skip
LANGUAGE = (
    "data=random_tokens", "data.vocabulary=256", "data.sequence_length=64", "data.batch_size=16",
    "data.examples=4096", "model=transformer", "model.layers=2", "model.width=64",
    "task=language_modeling", "~data.augmentations", "checkpoint.metric=log_loss",
)  # fmt: skip
MODELS = {
    "mlp": ("model=mlp", "data.augmentations=[]"),
    "cnn": ("model=cnn_small", "data.augmentations=[]"),
    "transformer": LANGUAGE,
}
REPEATS = 3
WHY_NOT = """\
There is no accelerator here. On a CPU a small step already uses all cores: rows of one program were
measured at 0.6 to 1.05 times the speed of the same trials one after another in a warm process, and
convolutions become grouped ones, three times slower. So launch.packed=auto packs on accelerators
only; the ratios for 1, 4, 16 and 64 trials are measured where there is one. (--anyway: here.)"""


@dataclass(frozen=True)
class Measured:
    """Of so many trials: how much faster a pack is, and how near to them.

    Attributes:
        ratio: seconds of the trials alone over those of the pack.
        steps: the same for steps and their data alone.
        difference: largest relative difference of a loss logged in the first ten steps.
        sent: collectives of the packed program.
    """

    trials: int
    alone: float
    packed: float
    steps: float
    difference: float
    sent: int

    @property
    def ratio(self) -> float:
        return self.alone / self.packed


def job(model: str, folder: Path, number: int, steps: int) -> Job:
    """A trial of its own seed and rate."""
    words = (
        *USUAL, *MODELS[model], f"trainer.steps={steps}", "trainer.log_every=10",
        f"evaluation.every={steps // 2}", f"checkpoint.every={steps}", f"seed={number}",
        f"optimizer.learning_rate={1e-3 * (1 + number)}", f"run.dir={folder / str(number)}",
        "mesh=single",
    )  # fmt: skip
    settings = compose_words(words).settings
    return Job(assemble(settings), settings, words)


def alone(jobs: Sequence[Job]) -> list[float]:
    """Seconds of each, one after another."""
    seconds = []
    for each in jobs:
        begun = time.perf_counter()
        assert run(each.experiment, each.config, each.overrides) == 0
        seconds.append(time.perf_counter() - begun)
    return seconds


def packed(jobs: Sequence[Job]) -> float:
    """Seconds of all of them as rows of one program."""
    begun = time.perf_counter()
    ends = train_packed(jobs)
    assert {end.code for end in ends} == {0}, ends
    return time.perf_counter() - begun


def measure(model: str, trials: int, steps: int) -> Measured:
    """Both ways, after a first time that compiles."""
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place) / name for name in ("warm alone", "alone", "warm", "packed")]
        some = min(trials, REPEATS)
        alone([job(model, folders[0], 0, steps)])
        single = alone([job(model, folders[1], n, steps) for n in range(some)])
        packed([job(model, folders[2], n, steps) for n in range(trials)])
        together = packed([job(model, folders[3], n, steps) for n in range(trials)])
        rates = [_rates(folders[k] / "0") for k in (1, 3)]
        losses = [[_losses(folders[k] / str(n)) for n in range(some)] for k in (1, 3)]
    difference = float(np.max(np.abs(np.divide(losses[1], losses[0]) - 1)))
    return Measured(
        trials, statistics.median(single) * trials, together, trials * rates[1] / rates[0],
        difference, _sent(),
    )  # fmt: skip


def _rates(folder: Path) -> float:
    """Steps a second, the median of what was logged."""
    lines = read_metrics(folder / "metrics.jsonl")
    return statistics.median(
        line["steps_per_second"] for line in lines if "steps_per_second" in line
    )


def _losses(folder: Path) -> list[float]:
    """Those of the first ten steps."""
    lines = read_metrics(folder / "metrics.jsonl")
    return [line["loss"] for line in lines if "loss" in line and line["step"] <= 10]


_programs: list[tuple[PackedProgram, object]] = []


def _watch_programs() -> None:
    """Keeps the packed programs that are compiled, whose text tells what devices send."""
    original = PackedProgram.compiled

    def compiled(self: PackedProgram, *arguments: object) -> object:
        found = original(self, *arguments)  # type: ignore[arg-type]
        _programs.append((self, found))
        return found

    PackedProgram.compiled = compiled  # type: ignore[assignment,method-assign]


def _sent() -> int:
    found = {id(program): (own, program) for own, program in _programs}
    _programs.clear()
    return sum(
        len(collectives(program.as_text(), own.mesh))  # type: ignore[attr-defined]
        for own, program in found.values()
    )


def main() -> int:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", choices=[*MODELS, []], default=[])
    parser.add_argument("--trials", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--anyway", action="store_true", help="also where there is no accelerator")
    options = parser.parse_args()
    prepare_environment()
    console = Console(highlight=False, width=110)
    device = jax.devices()[0]
    if device.platform == "cpu" and not options.anyway:
        print(WHY_NOT)
        return 0
    _watch_programs()
    title = f"{len(jax.devices())} × {device.device_kind}, {options.steps} steps a trial"
    table = Table(title=title, title_justify="left", box=None)
    for column in ("", "trials", "alone, s", "packed, s", "ratio", "steps", "loss", "collectives"):
        table.add_column(column, justify="right" if column else "left")
    for model in options.models or MODELS:
        reason = refusal(job(model, Path("nowhere"), 0, options.steps).experiment)
        if reason is not None:
            print(f"{model}: {reason}")
            continue
        for trials in options.trials:
            found = measure(model, trials, options.steps)
            table.add_row(
                model, str(trials), f"{found.alone:.1f}", f"{found.packed:.1f}",
                f"{found.ratio:.2f}", f"{found.steps:.2f}", f"{found.difference:.0e}",
                str(found.sent),
            )  # fmt: skip
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
