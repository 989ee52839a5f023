"""What an artifact costs: beside the Flax model it came from, ONNX Runtime and SavedModel.

    python benchmarks/artifact.py [RUN] [--batches 1 8 32 128] [--rounds 40] [--cores]
                                  [--smoke]
    python benchmarks/artifact.py --table RUN… [--rounds 20]

RUN is the directory of a classifier's run; without one digits are learned first. All predict in
turns in one process, in the order A B C C B A, from NumPy arrays to NumPy arrays, batches of the
same examples. Prints one JSON line. `flax` is predictions a second of `artifact.predict`, which
also checks its input, over those of the jitted model (wanted at the largest batch: at least 0.98),
`onnx` over those of ONNX Runtime on the same network; medians over the rounds, with quartiles.
`load` is the time from a new process' first line to its first prediction, in fresh processes that
take turns: of the artifact with and without kept compilations, over a SavedModel's of the same
network. What is not installed is left out, and said. With `--cores` predictions are compared by
the time that all threads work, which other programs disturb less; XLA's threads look out for more
work for a while before they sleep, which counts against whoever spends time in Python.

With `--table` the same runs' artifacts in every precision are measured instead, and a table in
Markdown is printed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from artifact_table import table
from exported import ROOT, Origin, asked, calls_in, exported, seconds, trained

from framework.artifact import load
from framework.export.formats import lacking, open_format, write_format

BATCHES = (1, 8, 32, 128)
_ARTIFACT = """
import time; begun = time.perf_counter()
import json, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from framework.artifact import load
artifact = load(sys.argv[2], batch_sizes=[int(sys.argv[3])])
artifact.predict(dict(np.load(sys.argv[4])))
print(time.perf_counter() - begun)
"""
_SAVED_MODEL = """
import time; begun = time.perf_counter()
import sys
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[2])
serve = model.signatures["serving_default"]
found = serve(**{name: tf.constant(array) for name, array in np.load(sys.argv[4]).items()})
{name: array.numpy() for name, array in found.items()}
print(time.perf_counter() - begun)
"""


def predictions(
    run: Path, artifact: Path, folder: Path, batches: list[int], rounds: int, wanted: float,
    clock: Callable[[], float],
) -> dict[str, Any]:  # fmt: skip
    """Ratios of predictions a second, by contender and batch."""
    origin = Origin.of(run)
    loaded = load(artifact, batch_sizes=batches)
    contenders: dict[str, Any] = {"artifact": loaded.predict, "flax": origin.call}
    found: dict[str, Any] = {}
    if problems := lacking("onnx"):
        found["onnx"] = f"left out: {problems[0]}"
    else:
        write_format("onnx", origin.exportable, folder / "onnx")
        contenders["onnx"] = open_format("onnx", folder / "onnx")
    for size in batches:
        given = dict.fromkeys(contenders, asked(loaded, size, origin.rows))
        given["flax"] = origin.rows(size)
        turns = {n: (lambda c=call, x=given[n]: c(x)) for n, call in contenders.items()}
        _agree(turns)
        taken = _turns(turns, rounds, wanted, clock)
        found.setdefault("ms", {})[size] = {
            n: round(1e3 * float(np.median(t)), 4) for n, t in taken.items()
        }
        for name in list(turns)[1:]:
            ratios = np.quantile(taken[name] / taken["artifact"], (0.5, 0.25, 0.75))
            found.setdefault(name, {})[size] = [round(float(r), 3) for r in ratios]
    return found


def _turns(
    turns: dict[str, Any], rounds: int, wanted: float, clock: Callable[[], float]
) -> dict[str, np.ndarray]:
    """Seconds of one call in each round, by contender."""
    counts = {name: calls_in(call, wanted) for name, call in turns.items()}
    order = [*turns, *reversed(turns)]
    taken: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(rounds):
        once: dict[str, float] = dict.fromkeys(turns, 0.0)
        for name in order:
            once[name] += seconds(turns[name], counts[name], clock) / 2
        for name, took in once.items():
            taken[name].append(took)
    return {name: np.array(times) for name, times in taken.items()}


def _agree(turns: dict[str, Any]) -> None:
    """They are of the same network."""
    said = {name: np.asarray(call()["probabilities"]) for name, call in turns.items()}
    for name, one in said.items():
        same = (one.argmax(1) == said["artifact"].argmax(1)).mean()
        assert same > 0.99, f"{name} and the artifact answer alike only in {same:.0%}"


def loads(run: Path, artifact: Path, folder: Path, times: int) -> dict[str, Any]:
    """Medians of seconds from the start of a program to its first prediction."""
    origin = Origin.of(run)
    (name,) = origin.exportable.inputs
    batch = folder / "batch.npz"
    np.savez(batch, **{name: origin.rows(8)})
    cache = folder / "kept"
    turns: dict[str, Any] = {
        "artifact": lambda: _process(
            _ARTIFACT, artifact, batch, Path(tempfile.mkdtemp(dir=folder))
        ),
        "artifact_kept": lambda: _process(_ARTIFACT, artifact, batch, cache),
    }
    found: dict[str, Any] = {}
    if problems := lacking("savedmodel"):
        found["saved_model"] = f"left out: {problems[0]}"
    else:
        write_format("savedmodel", origin.exportable, folder / "saved_model")
        turns["saved_model"] = lambda: _process(_SAVED_MODEL, folder / "saved_model", batch, cache)
    taken: dict[str, list[float]] = {name: [] for name in turns}
    for call in turns.values():
        call()  # files are in the page cache, and compilations are kept
    for _ in range(times):
        for name, call in turns.items():
            taken[name].append(call())
    seconds_ = {name: round(float(np.median(t)), 3) for name, t in taken.items()}
    if "saved_model" in taken:
        theirs = np.array(taken["saved_model"])
        for name in ("artifact", "artifact_kept"):
            found[f"saved_model/{name}"] = round(float(np.median(theirs / taken[name])), 2)
    return found | {"seconds": seconds_, "processes": times}


def _process(code: str, path: Path, batch: Path, cache: Path) -> float:
    from os import environ

    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), str(path), "8", str(batch)],
        env={**environ, "FRAMEWORK_CACHE": str(cache)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="*", help="directories of runs")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--cores", action="store_true", help="processor time, and no loading")
    parser.add_argument("--table", action="store_true", help="every precision of every run")
    parser.add_argument("--smoke", action="store_true", help="a short training and a few rounds")
    options = parser.parse_args()
    batches, rounds, wanted, processes = list(options.batches), options.rounds, 0.05, 3
    if options.smoke:
        batches, rounds, wanted, processes = [1, 8], 3, 0.005, 1
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        steps = ("trainer.steps=20",) if options.smoke else ()
        runs = [run.absolute() for run in options.runs]
        runs = runs or [trained(folder / "run", "experiment=digits", *steps)]
        if options.table:
            print(table(runs, folder, batches, rounds, wanted))
            return
        artifact = exported(runs[0], folder / "artifact", "float32")
        clock = time.process_time if options.cores else time.perf_counter
        found = predictions(runs[0], artifact, folder, batches, rounds, wanted, clock)
        if not options.cores:
            found["load"] = loads(runs[0], artifact, folder, processes)
        print(json.dumps({**found, "rounds": rounds}))


if __name__ == "__main__":
    main()
