"""Size, load time and latency of artifacts in every precision, as Markdown."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from exported import ROOT, asked, calls_in, exported, seconds

from framework.artifact import Artifact, load

PRECISIONS = ("float32", "bfloat16", "int8", "int8_dynamic")
_LOAD = """
import json, sys
sys.path.insert(0, sys.argv[1])
from framework.artifact import load
print(json.dumps(load(sys.argv[2]).load_seconds))
"""


def table(runs: list[Path], folder: Path, batches: list[int], rounds: int, wanted: float) -> str:
    """A table with a row for each run and precision; prints rows to stderr as they are made."""
    sizes = [f"{size}" for size in batches]
    head = ["model", "precision", "weights", "program", "load, cold", "load, kept", *sizes, "cost"]
    lines = [_row(head), _row(["---", "---", *["---:"] * (len(head) - 3), "---"])]
    for number, run in enumerate(runs):
        made = {}
        for precision in PRECISIONS:
            print(f"{run.name}: {precision}", file=sys.stderr)
            words = [f"export.batch_sizes=[{','.join(sizes)}]"]
            made[precision] = exported(run, folder / f"{number}_{precision}", precision, *words)
        artifacts = {name: load(path) for name, path in made.items()}
        latencies = _latencies(artifacts, batches, rounds, wanted)
        for name, path in made.items():
            cold, kept = _load_seconds(path, folder)
            about = artifacts[name].about
            program = path / about["programs"]["predict"]["file"]
            told = [
                _model(about) if name == PRECISIONS[0] else "",
                name,
                _bytes(about["model"]["weight_bytes"]),
                _bytes(program.stat().st_size),
                f"{cold:.2f} s",
                f"{kept:.2f} s",
                *(f"{1e3 * latencies[name][size]:.3g} ms" for size in batches),
                _cost(about),
            ]
            lines.append(_row(told))
            print(lines[-1], file=sys.stderr)
    return "\n".join(lines)


def _latencies(
    artifacts: dict[str, Artifact], batches: list[int], rounds: int, wanted: float
) -> dict[str, dict[int, float]]:
    """Median seconds of `predict`, by precision and batch; precisions take turns."""
    found: dict[str, dict[int, float]] = {name: {} for name in artifacts}
    for size in batches:
        turns = {}
        for name, artifact in artifacts.items():
            batch = asked(artifact, size)
            turns[name] = lambda a=artifact, x=batch: a.predict(x)
        counts = {name: calls_in(call, wanted) for name, call in turns.items()}
        taken: dict[str, list[float]] = {name: [] for name in turns}
        for _ in range(rounds):
            for name, call in turns.items():
                taken[name].append(seconds(call, counts[name]))
        for name, times in taken.items():
            found[name][size] = float(np.median(times))
    return found


def _load_seconds(path: Path, folder: Path, times: int = 2) -> tuple[float, float]:
    """Of `load` in new processes, all batch sizes compiled: without and with kept compilations."""
    kept = Path(tempfile.mkdtemp(dir=folder))
    first = [_loaded(path, Path(tempfile.mkdtemp(dir=folder))) for _ in range(times)]
    _loaded(path, kept)
    again = [_loaded(path, kept) for _ in range(times)]
    return float(np.median(first)), float(np.median(again))


def _loaded(path: Path, cache: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, str(ROOT), str(path)],
        env={**os.environ, "FRAMEWORK_CACHE": str(cache)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(json.loads(done.stdout.splitlines()[-1])["total"])


def _model(about: Any) -> str:
    name = about["model"]["target"].rpartition(".")[2]
    data = about["data"]["name"]
    return f"{name} on {data}, {about['model']['parameters']:,} parameters"


def _cost(about: Any) -> str:
    """What the precision costs on the compared examples, as the manifest says."""
    cost = about.get("cost")
    if not cost:
        return ""
    told = []
    if "agreement" in cost:
        gained = 0.0 - cost["accuracy_drop"]["value"]
        told = [f"same answers {cost['agreement']['value']:.1%}", f"accuracy {gained:+.4f}"]
    return ", ".join([*told, f"loss {cost['loss_increase']['value']:+.4f}"])


def _bytes(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{count / 1e3:.0f} kB"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
