"""A sweep of short trials against other ways to train the same trials, in one run.

Trials differ in values alone, learning rates and seeds, of the digits MLP and of a small CNN:

    sweep      `--multirun` as it comes: hydra/sweeper=grid hydra/launcher=local
    workers    the same with launch.workers=2
    basic      Hydra's own launcher: hydra/sweeper=basic hydra/launcher=basic
    joblib     hydra-joblib-launcher with two jobs, where it is installed
    processes  a fresh `python -m experiments.run` for each

All have the same words and the same compile cache, which is full. It prints one line of JSON:
seconds of each, ratios over the sweep's, and of joblib over the workers' (medians over rounds), how
often the sweep's worker compiled, the largest relative difference of a loss between the ways, and,
in watched runs besides, seconds from the command to the first finished step: of the sweep's first
trial, of a plain run, and what the sweep takes more. The exit code is 1 where a program was
compiled twice, or losses differ.

    python benchmarks/sweep.py [--smoke] [--trials 16] [--steps 100] [--rounds 3] [mlp cnn]
"""

import argparse
import importlib.util
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import yaml

from framework.tracking import read_metrics

HERE = Path(__file__).resolve().parent
MODELS = {"mlp": "model=mlp", "cnn": "model=cnn_small"}
RUN = ("-m", "experiments.run")
STEP = "jit(step)"  # as JAX names the training's program
RATES = (1e-3, 3e-4, 3e-3, 1e-4)
LAUNCHERS = {
    "sweep": ("hydra/sweeper=grid", "hydra/launcher=local"),
    "workers": ("hydra/sweeper=grid", "hydra/launcher=local", "launch.workers=2"),
    "basic": ("hydra/sweeper=basic", "hydra/launcher=basic"),
    "joblib": ("hydra/sweeper=basic", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
}
WANTED = {"processes": 3.0, "joblib": 1.5, "first_step": 0.5}
NO_JOBLIB = "left out: hydra-joblib-launcher is not installed (pip install hydra-joblib-launcher)"

Losses = dict[tuple[float, int], list[float]]


@dataclass(frozen=True)
class Trials:
    """What is trained.

    Attributes:
        fixed: words of every trial.
    """

    fixed: tuple[str, ...]
    rates: tuple[float, ...]
    seeds: tuple[int, ...]

    @classmethod
    def of(cls, model: str, count: int, steps: int) -> "Trials":
        """Of as many rates as divide the count, and seeds for the rest."""
        rates = next(n for n in range(len(RATES), 0, -1) if count % n == 0)
        half = max(1, steps // 2)
        words = (
            MODELS[model], f"trainer.steps={steps}", "trainer.steps_per_call=1",
            "trainer.log_every=1", f"evaluation.every={half}", f"checkpoint.every={steps}",
            "evaluation.final=[validation]", "evaluation.report=false",
            "evaluation.analysis.depth=none", "tracker.wandb.enabled=false",
        )  # fmt: skip
        return cls(words, RATES[:rates], tuple(range(count // rates)))

    def several(self, way: str, folder: Path) -> list[str]:
        """The words of `--multirun` for all of them."""
        rates, seeds = (",".join(map(str, values)) for values in (self.rates, self.seeds))
        swept = (f"optimizer.learning_rate={rates}", f"seed={seeds}")
        return ["--multirun", *LAUNCHERS[way], *self.fixed, *swept, f"hydra.sweep.dir={folder}"]

    def single(self, folder: Path) -> list[list[str]]:
        """The words of each by itself, in the same order."""
        return [
            [*self.fixed, f"optimizer.learning_rate={rate}", f"seed={seed}",
             f"run.dir={folder / 'trials' / str(number)}"]
            for number, (rate, seed) in enumerate(itertools.product(self.rates, self.seeds))
        ]  # fmt: skip


def start(words: Sequence[str], noted: Path | None = None) -> tuple[float, float]:
    """Runs Python with these words; returns the moments before and after it.

    Args:
        noted: file for what a watched run notes.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    own = {"JAX_PLATFORMS": "cpu", **os.environ, "NOTED": str(noted)}
    own["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), str(HERE)])
    begun = time.time()
    ended = subprocess.run(
        [sys.executable, *words], env=own, cwd=HERE.parent, capture_output=True, text=True
    )
    after = time.time()
    if ended.returncode:
        said = (ended.stdout + ended.stderr)[-2000:]
        raise RuntimeError(f"{' '.join(words)} ended with exit code {ended.returncode}:\n{said}")
    return begun, after


def seconds(way: str, trials: Trials, folder: Path) -> float:
    """How long all trials take, from the start of the first command to the end of the last."""
    if way == "processes":
        commands = [[*RUN, *words] for words in trials.single(folder)]
    else:
        commands = [[*RUN, *trials.several(way, folder)]]
    moments = [start(command) for command in commands]
    return moments[-1][1] - moments[0][0]


@dataclass(frozen=True)
class Watched:
    """What a sweep and a plain run noted.

    Attributes:
        sweep, plain: seconds from the command to the first finished step.
        compiled: names of functions that the sweep's worker compiled for its first trial, and for
            all others.
    """

    sweep: float
    plain: float
    compiled: tuple[list[str], list[str]]


def watch(trials: Trials, place: Path) -> Watched:
    """One after the other."""
    folders = place / "sweep", place / "plain"
    words = trials.several("sweep", folders[0]), trials.single(folders[1])[0]
    begun, lines = [], []
    for folder, each in zip(folders, words, strict=True):
        noted = folder.with_suffix(".noted")
        begun.append(start([str(HERE / "watched.py"), *each], noted)[0])
        lines.append([json.loads(line) for line in noted.read_text(encoding="utf-8").splitlines()])
    steps = [[line["first_step"] for line in found if "first_step" in line] for found in lines]
    compiled: tuple[list[str], list[str]] = ([], [])
    for line in lines[0]:
        if "compiled" in line:
            compiled[not line["run"].endswith("/trials/0")].append(line["compiled"])
    return Watched(min(steps[0]) - begun[0], min(steps[1]) - begun[1], compiled)


def losses(folder: Path) -> Losses:
    """Those of every trial in the folder."""
    found = {}
    for run in (folder / "trials").iterdir():
        config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
        lines = read_metrics(run / "metrics.jsonl")
        key = float(config["optimizer"]["learning_rate"]), int(config["seed"])
        found[key] = [line["loss"] for line in lines if "loss" in line]
    return found


def measure(model: str, count: int, steps: int, rounds: int, place: Path) -> dict[str, Any]:
    """All ways, in another order each round."""
    trials = Trials.of(model, count, steps)
    ways = [*LAUNCHERS, "processes"]
    if (os.cpu_count() or 1) < 2:
        ways.remove("workers")
    if importlib.util.find_spec("hydra_plugins.hydra_joblib_launcher") is None:
        ways.remove("joblib")
    start([*RUN, *trials.several("sweep", place / "first")])  # fills the cache
    watched: list[Watched] = []
    spent: dict[str, list[float]] = {way: [] for way in ways}
    apart: list[float] = []
    for number in range(rounds):
        watched.append(watch(trials, place / f"watched-{number}"))
        for way in ways[number % len(ways) :] + ways[: number % len(ways)]:
            spent[way].append(seconds(way, trials, place / f"{way}-{number}"))
        found = {way: losses(place / f"{way}-{number}") for way in ways}
        apart += [difference(found["sweep"], other) for other in found.values()]
    return {**compared(spent), "loss_difference": float(np.max(apart)), **told(watched)}


def compared(spent: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Medians over the rounds; ratios are taken round by round."""
    absent = {} if "joblib" in spent else {"joblib": NO_JOBLIB}
    ratios = {way: np.divide(each, spent["sweep"]) for way, each in spent.items() if way != "sweep"}
    if {"joblib", "workers"} <= spent.keys():
        ratios["joblib_over_workers"] = np.divide(spent["joblib"], spent["workers"])
    return {
        "seconds": {way: round(median(each), 2) for way, each in spent.items()} | absent,
        "ratios": {way: round(float(median(each)), 2) for way, each in ratios.items()},
    }


def told(watched: Sequence[Watched]) -> dict[str, Any]:
    """Of the watched runs: medians of the first step, and compilations, the most of any."""
    first, others = zip(*(each.compiled for each in watched), strict=True)
    return {
        "compilations": {
            "step": max((a + b).count(STEP) for a, b in zip(first, others, strict=True)),
            "first_trial": max(map(len, first)),
            "other_trials": max(map(len, others)),
        },
        "first_step": {
            "sweep": round(median(each.sweep for each in watched), 2),
            "plain": round(median(each.plain for each in watched), 2),
            "more": round(median(each.sweep - each.plain for each in watched), 2),
        },
    }


def difference(ours: Losses, theirs: Losses) -> float:
    """The largest relative one, of any trial at any step; not a number where a loss is none."""
    assert ours.keys() == theirs.keys(), "not the same trials"
    return float(np.max([np.abs(np.divide(theirs[key], ours[key]) - 1) for key in ours]))


def main() -> int:
    """Measures and prints a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("models", nargs="*", choices=[*MODELS, []], default=[])
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--smoke", action="store_true", help="3 trials of 10 steps: does it run?")
    given = parser.parse_args()
    if min(given.trials, given.steps, given.rounds) < 1:
        parser.error("--trials, --steps and --rounds: expected at least 1 of each")
    if given.smoke:
        given.models, given.trials, given.steps, given.rounds = ["mlp"], 3, 10, 1
    result: dict[str, Any] = {
        "trials": given.trials, "steps": given.steps, "rounds": given.rounds,
        "cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 1), "wanted": WANTED,
    }  # fmt: skip
    for model in given.models or MODELS:
        with tempfile.TemporaryDirectory() as place:
            result[model] = measure(model, given.trials, given.steps, given.rounds, Path(place))
    print(json.dumps(result))
    found = [result[model] for model in given.models or MODELS]
    right = all(
        each["compilations"]["step"] == 1
        and each["compilations"]["other_trials"] == 0
        and each["loss_difference"] == 0
        for each in found
    )
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
