"""A run, its artifacts, and the jitted Flax model that they came from."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from framework.artifact import Artifact
from framework.export.client import as_client
from framework.export.exportable import Exportable
from framework.export.forward import exportable
from framework.train.rebuilt import rebuilt
from framework.train.state import Values, as_arrays
from framework.train.step import make_predict
from framework.train.trained import open_run

ROOT = Path(__file__).resolve().parent.parent
Call = Callable[[Any], Mapping[str, np.ndarray]]
QUICK = ("tracker=none", "evaluation.analysis.depth=none", "evaluation.every=null")


def command(*words: str) -> None:
    """Runs one of the framework's commands, and stops with what it printed where it fails."""
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def trained(folder: Path, *words: str) -> Path:
    """A run in `folder`, of `experiment=digits` or what the words say."""
    command(
        "-m", "experiments.run", *(words or ("experiment=digits",)), *QUICK, f"run.dir={folder}"
    )
    return folder


def exported(run: Path, folder: Path, precision: str, *words: str) -> Path:
    """The artifact of a run in one precision, whatever that costs: here only time is measured."""
    bounds = ("accuracy_drop", "calibration_increase", "agreement", "loss_increase")
    bounds = bounds if precision != "float32" else ("difference",)
    free = [f"export.parity.{precision}.{name}=null" for name in bounds]
    where = [f"run={run}", f"export.precision={precision}", f"export.dir={folder}"]
    command("scripts/export.py", *where, "export.parity.examples=64", *free, *words)
    return folder


@dataclass(frozen=True)
class Origin:
    """What an artifact came from.

    Attributes:
        call: the jitted Flax model, from raw inputs [n, …] to NumPy arrays.
        exportable: the function that the formats are made of.
        rows: raw inputs of `count` examples, as the data set gives them.
    """

    call: Call
    exportable: Exportable
    rows: Callable[[int], Any]

    @classmethod
    def of(cls, run: Path) -> "Origin":
        """Opens the run; its weights are put on the device once."""
        experiment, _ = rebuilt(run, print)
        made = open_run(run)
        values = as_arrays(Values(experiment.task, None, None, experiment.data.preprocess, None))
        held = jax.device_put((made.params, made.others, values))
        predict = jax.jit(make_predict(made.network, made.precision, embed=True))

        def call(inputs: Any) -> dict[str, np.ndarray]:
            found = predict(*held, {"inputs": inputs})
            return {name: np.asarray(array) for name, array in found.items()}

        def rows(count: int) -> Any:
            source = experiment.data.splits["test"]
            return source.gather(np.arange(count) % len(source))["inputs"]

        whole = exportable(made, experiment.data, experiment.task, None, made.precision)
        return cls(call, whole, rows)


def asked(artifact: Artifact, count: int, rows: Callable[[int], Any] | None = None) -> Any:
    """`count` examples as a client sends them: of its own kept ones where no rows are given.

    A language model gets texts of 64 tokens.
    """
    if artifact.about["kind"] == "token":
        tokens = artifact.examples()[0]["tokens"][:, :64]
        return {"tokens": [tokens[i % len(tokens)].tolist() for i in range(count)]}
    if rows is not None:
        return as_client(rows(count), artifact.signature)
    kept = artifact.examples()[0]
    return {
        name: array[np.arange(count) % len(array)]
        for name, array in as_client(_alone(kept, artifact), artifact.signature).items()
    }


def _alone(kept: Mapping[str, np.ndarray], artifact: Artifact) -> Any:
    stacked = any(one.stacked for one in artifact.signature.arguments.values())
    return kept if stacked or len(kept) > 1 else next(iter(kept.values()))


def seconds(
    call: Callable[[], Any], calls: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Of one call, the mean of so many."""
    begun = clock()
    for _ in range(calls):
        call()
    return (clock() - begun) / calls


def calls_in(call: Callable[[], Any], wanted: float) -> int:
    """How many calls take about `wanted` seconds, after one to compile and one to warm up."""
    call()
    call()
    return max(1, round(wanted / max(seconds(call, 2), 1e-6)))
