"""The framework's own `train`, and loops by hand that take turns with it."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import bare
import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from framework.checkpoint import Checkpoints
from framework.config.command import compose_words
from framework.data import training_batches
from framework.parallel import build_mesh
from framework.run import RunDirectory
from framework.tracking import open_trackers
from framework.train import Experiment, assemble
from framework.train.setting import Setting
from framework.train.state import TrainState
from framework.train.training import train

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


@dataclass
class Contender:
    """A loop by hand that goes on where it stopped."""

    step: Any
    state: Any
    feed: Iterator[Any]
    log: bare.Log
    size: int = 1
    at: int = 0

    def advance(self, steps: int) -> None:
        self.state = bare.train(
            self.step, self.state, self.feed, self.log, self.at, steps, self.size
        )
        jax.block_until_ready(jax.tree.leaves(self.state))
        self.at += steps


@dataclass
class Rounds:
    """Listener that lets the contenders run after each round of the framework's own.

    Attributes:
        steps: of one round.
        first: round's step, before which nothing is measured.
        clock: `time.process_time` counts what all threads of the process work, which is what is
            left to compare by where other programs take the cores.
        rates: steps a second of each round.
    """

    contenders: dict[str, Contender]
    steps: int
    first: int
    clock: Callable[[], float] = time.perf_counter
    rates: dict[str, list[float]] = field(default_factory=dict)
    size: int = 0
    _begun: float | None = None
    # Their programs know nothing of the mesh, which is set for the framework's thread.
    _outside: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    def on_step(self, moment: Any) -> None:
        if moment.step < self.first or moment.step % self.steps:
            return
        jax.block_until_ready(moment.state)
        if self._begun is not None:
            self._note("framework", self._begun)
        for name, contender in self.contenders.items():
            begun = self.clock()
            self._outside.submit(contender.advance, self.steps).result()
            if self._begun is not None:  # the first round compiles
                self._note(name, begun)
        self.size = moment.size
        self._begun = self.clock()

    def _note(self, name: str, begun: float) -> None:
        self.rates.setdefault(name, []).append(self.steps / (self.clock() - begun))

    def ratios(self, contender: str) -> list[float]:
        """The framework's rate over the contender's, round by round."""
        pairs = zip(self.rates["framework"], self.rates[contender], strict=True)
        return [ours / theirs for ours, theirs in pairs]


def compose(overrides: Sequence[str]) -> dict[str, Any]:
    """The settings that a command line with these overrides would have."""
    return compose_words(overrides).settings


def only_training(
    overrides: Sequence[str], directory: Path, steps: int, log_every: int
) -> tuple[Experiment, dict[str, Any]]:
    """The experiment that a command line would compose, which evaluates and saves nothing."""
    overrides = [
        *overrides, "data.augmentations=[]", "evaluation.every=null", "evaluation.final=[]",
        "checkpoint.every=null", "checkpoint.metric=null", "tracker.wandb.enabled=false",
        f"trainer.steps={steps}", f"trainer.log_every={log_every}", f"run.dir={directory}",
    ]  # fmt: skip
    settings = compose(overrides)
    return assemble(settings), settings


def take_turns(
    experiment: Experiment,
    settings: dict[str, Any],
    rounds: Rounds,
    check: Callable[[Setting, TrainState], float],
) -> float:
    """Runs the framework's `train` with the contenders between its rounds.

    Returns what `check` says, which is asked with the first state.
    """
    mesh = build_mesh(experiment.mesh)
    directory = RunDirectory(Path(settings["run"]["dir"]))
    directory.path.mkdir()
    with (directory.path / "output.txt").open("w") as output, jax.set_mesh(mesh):
        program = experiment.program(experiment.network(), mesh)
        state = program.initial_state(experiment.values(), experiment.seed)
        tracker = open_trackers(
            experiment.tracker, directory.path, config=settings, name="benchmark",
            resume_step=None, warn=print,
        )  # fmt: skip
        checkpoints = Checkpoints(directory.checkpoints, experiment.checkpoint)
        console = Console(file=output)
        setting = Setting(experiment, directory, program, checkpoints, tracker, console)
        found = check(setting, state)
        train(setting, state, 0, [rounds])
        tracker.close(True)
    return found


def worst_difference(
    setting: Setting,
    state: TrainState,
    others: Any,
    step: Callable[[Any, tuple], tuple],
    *,
    steps: int,
    tolerance: float,
) -> float:
    """The framework's step and that of the `others`, from the same start on the same batches.

    Returns the largest relative difference of their losses.

    Raises:
        AssertionError: it is more than the tolerance.
    """
    ours, worst = jax.jit(setting.program.step), 0.0
    batches = training_batches(setting.experiment.data, seed=setting.experiment.seed)
    for _, batch in zip(range(steps), batches, strict=False):
        state, mine = ours(state, batch)
        others, theirs = step(others, (batch["inputs"], batch["labels"]))
        worst = max(worst, abs(float(mine["loss"]) / float(theirs["loss"]) - 1))
    assert worst < tolerance, f"not the same training: losses differ by {worst:.1e}"
    return worst


def report(console: Console, title: str, rounds: Rounds, wanted: dict[str, float]) -> None:
    """A table of medians; ratios are taken round by round."""
    table = Table(title=title, title_justify="left", box=None)
    for column in ("", "steps/s", "framework is", "quartiles", "wanted"):
        table.add_column(column, justify="left" if not column else "right")
    ours = rounds.rates["framework"]
    label = f"framework, {rounds.size} step{'s' if rounds.size > 1 else ''} a call"
    table.add_row(label, f"{median(ours):.4g}", "", "", "")
    for contender, rates in rounds.rates.items():
        if contender == "framework":
            continue
        ratios = rounds.ratios(contender)
        low, high = np.quantile(ratios, (0.25, 0.75))
        least = wanted.get(contender)
        table.add_row(contender, f"{median(rates):.4g}", f"{median(ratios):.3f}",
                      f"{low:.3f} to {high:.3f}", f"≥ {least}" if least else "")  # fmt: skip
    console.print(table)
