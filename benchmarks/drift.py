"""What it costs to compare a day of data with a profile: all count-based scores of 64 columns.

    python benchmarks/drift.py [--rows 100000] [--columns 64] [--rounds 5] [--smoke]

Rows of float32 are counted over the frozen edges of a profile of as many rows, and all scores
are taken with their p-values. In turns with it, in one process: SciPy's `ks_2samp` of every
column of both arrays, and where it can be imported (with pandas < 3) evidently's PSI, alone and
as its report. Prints one JSON line: seconds (medians over the rounds), `ratio`s to ours (how many
times as long they took), and `memory`, the peak in MiB of processes that count one and four times
as many rows in batches (Linux only).
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from framework.stats.drift import Profile, drift

BATCH = 10_000


def rows_of(seed: int, rows: int, columns: int, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, columns), np.float32) + np.float32(shift)


def by_scipy(reference: np.ndarray, current: np.ndarray) -> Callable[[], Any]:
    from scipy.stats import ks_2samp

    return lambda: [
        ks_2samp(first, second, method="asymp")
        for first, second in zip(reference.T, current.T, strict=True)
    ]


def by_evidently(reference: np.ndarray, current: np.ndarray) -> dict[str, Callable[[], Any]]:
    """Its PSI of all columns alone, and the report that makes; ImportError where it cannot."""
    import pandas
    from evidently import Report
    from evidently.legacy.calculations.stattests import psi_stat_test
    from evidently.legacy.core import ColumnType
    from evidently.presets import DataDriftPreset

    names = [f"column_{number}" for number in range(reference.shape[1])]
    first, second = (pandas.DataFrame(rows, columns=names) for rows in (reference, current))
    return {
        "evidently_psi": lambda: [
            psi_stat_test(first[name], second[name], ColumnType.Numerical, 0.1) for name in names
        ],
        "evidently_report": lambda: Report([DataDriftPreset(method="psi")]).run(second, first),
    }


def seconds(function: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def peak_memory(rows: int, columns: int) -> float:
    """Peak MiB of a process that counts so many rows in batches."""
    command = [sys.executable, __file__, "--memory", "--rows", str(rows)]
    done = subprocess.run(
        [*command, "--columns", str(columns)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def count_in_batches(rows: int, columns: int) -> float:
    profile = Profile.of(rows_of(0, BATCH, columns))
    current = profile.empty()
    for number in range(max(1, rows // BATCH)):
        current += profile.count(rows_of(1 + number, BATCH, columns))
    drift(profile, current)
    # Not getrusage, whose peak a child has from its parent.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(rows: int, columns: int, rounds: int) -> dict[str, Any]:
    reference, current = rows_of(0, rows, columns), rows_of(1, rows, columns, 0.01)
    profile = Profile.of(reference)
    turns: dict[str, Callable[[], Any]] = {
        "ours": lambda: drift(profile, profile.count(current)),
        "scipy_ks": by_scipy(reference, current),
    }
    evidently = "measured"
    try:
        turns |= by_evidently(reference, current)
    except ImportError as error:
        evidently = f"left out: {error}"
    times: dict[str, list[float]] = {name: [] for name in turns}
    turns["ours"]()
    for _ in range(rounds):
        for name, function in turns.items():
            times[name].append(seconds(function))
    ours = np.array(times["ours"])
    others = {name: np.array(taken) for name, taken in times.items() if name != "ours"}
    memory = {str(n): round(peak_memory(n, columns), 1) for n in (rows, 4 * rows)}
    return {
        "rows": rows,
        "columns": columns,
        "seconds": {name: round(float(np.median(taken)), 4) for name, taken in times.items()},
        "ratio": {n: round(float(np.median(taken / ours)), 2) for n, taken in others.items()},
        "evidently": evidently,
        "memory": memory,
        "rounds": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--smoke", action="store_true", help="a few rows and columns")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(count_in_batches(options.rows, options.columns))
        return
    size = (2_000, 4, 2) if options.smoke else (options.rows, options.columns, options.rounds)
    print(json.dumps(measure(*size)))


if __name__ == "__main__":
    main()
