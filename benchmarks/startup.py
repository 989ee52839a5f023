"""Seconds from the command to the first finished step, against a script written by hand.

`python -m experiments.run` with its default experiment (checks, run directory, checkpoints,
trackers and all) against `python benchmarks/bare.py`: the imports of JAX, Flax and Optax, the same
data, the same network, and the same two compilations. Cold: the compile cache is empty. Warm: it
is full. The digits are prepared before. In alternating runs.

    python benchmarks/startup.py [--smoke] [--rounds 5] [mlp cnn]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from framework.data import digits

HERE = Path(__file__).resolve().parent
WANTED = 1.5
CASES = {"mlp": ("model=mlp", "data.batch_size=256"), "cnn": ()}


@dataclass(frozen=True)
class Place:
    """The folder of one measurement: the data, and a compile cache for each of the two."""

    folder: Path

    @property
    def framework(self) -> Path:
        return self.folder / "framework"

    @property
    def by_hand(self) -> Path:
        return self.folder / "by-hand"

    def prepare(self) -> Path:
        """Prepares the digits where the framework finds them; returns the folder of the arrays."""
        digits(batch_size=1, cache=str(self.framework))
        return next(self.framework.glob("digits-*/images.npy")).parent

    def forget(self) -> None:
        """Empties both compile caches."""
        for cache in (self.framework / "programs", self.by_hand):
            shutil.rmtree(cache, ignore_errors=True)


def seconds(command: list[str], cache: Path) -> float:
    """How long the command takes; it ends with its first finished step."""
    environment = {"JAX_PLATFORMS": "cpu", **os.environ}
    environment |= {"FRAMEWORK_CACHE": str(cache), "PYTHONPATH": str(HERE.parent)}
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, *command], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - begun


def measure(name: str, rounds: int, folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Pairs of seconds (by hand, framework), with a cold and with a warm compile cache."""
    place = Place(folder)
    arrays = place.prepare()
    bare = [str(HERE / "bare.py"), name, str(arrays), "--cache", str(place.by_hand)]

    def pair(number: int) -> tuple[float, float]:
        run = f"run.dir={folder / 'runs' / str(number)}"
        ours = [str(HERE / "first_step.py"), *CASES[name], run]
        return seconds(bare, place.framework), seconds(ours, place.framework)

    if rounds > 1:
        pair(0)  # the first of all reads the files from the disk
    cold, warm = [], []
    for number in range(rounds):
        place.forget()
        cold.append(pair(2 * number + 1))
        warm.append(pair(2 * number + 2))
    return {"cold": cold, "warm": warm}


def main() -> None:
    """Measures the cases that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; all of them by default")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--smoke", action="store_true", help="one round: does it still run?")
    given = parser.parse_args()
    unknown = set(given.cases) - set(CASES)
    if unknown:
        parser.error(f"no case named {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    table = Table(title="seconds to the first finished step", title_justify="left", box=None)
    for column in ("", "by hand", "framework", "ratio", "quartiles", "wanted"):
        table.add_column(column, justify="left" if not column else "right")
    for name in given.cases or (["mlp"] if given.smoke else CASES):
        with tempfile.TemporaryDirectory() as folder:
            found = measure(name, 1 if given.smoke else given.rounds, Path(folder))
        for kind, pairs in found.items():
            hand, ours = ([pair[i] for pair in pairs] for i in (0, 1))
            ratios = [b / a for a, b in pairs]
            low, high = np.quantile(ratios, (0.25, 0.75))
            table.add_row(
                f"{name}, {kind} compile cache", f"{median(hand):.2f}", f"{median(ours):.2f}",
                f"{median(ratios):.2f}", f"{low:.2f} to {high:.2f}", f"≤ {WANTED}",
            )  # fmt: skip
    Console(width=100, highlight=False).print(table)


if __name__ == "__main__":
    main()
