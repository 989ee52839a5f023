"""That a run's data and code are still what it was trained with, before anything is made of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from framework.config import InvalidConfig, Problem
from framework.data import Data
from framework.evaluation import Evaluation
from framework.run import SUMMARY, RunDirectory
from framework.train.trained import Trained

NEAR = {"float32": 1e-3}
"""How far numbers that are recomputed may be, on another machine too; of 16 bits, a twentieth."""
_COARSE = 0.05
_COMPARED = ("probabilities", "predictions", "log_likelihood")


def summary_step(summary: Mapping[str, Any]) -> int | None:
    """Of the weights that a run was concluded with; its last or its best."""
    words = str(summary.get("weights", "")).split()  # step 10 (best)
    return int(words[1]) if words[1:] and words[1].isdecimal() else None


def require_same_data(directory: RunDirectory, data: Data) -> None:
    """Raises InvalidConfig where the data's fingerprint is not the run's."""
    before = (directory.read_json("data.json") or {}).get("fingerprint")
    if before in (None, data.fingerprint):
        return
    hint = f"their content has changed (fingerprint {before[:8]} → {data.fingerprint[:8]})"
    raise InvalidConfig(
        Problem("data.path", data.name, "the data that the run was trained on", hint)
    )


def require_as_recorded(directory: RunDirectory, trained: Trained, found: Evaluation) -> None:
    """Raises InvalidConfig where the model says otherwise than the run wrote down when it ended.

    A model of a user's own is built from today's code: what it was trained as, only its
    predictions tell. A checkpoint that the run did not end with has none.
    """
    file = directory.evaluation(found.split) / "predictions.npz"
    summary = directory.read_json(SUMMARY) or {}
    if summary_step(summary) != trained.step or not file.exists():
        return
    with np.load(file) as arrays:
        order = np.argsort(arrays["index"], kind="stable")
        names = [n for n in _COMPARED if n in arrays and n in found.predictions]
        recorded = {name: arrays[name][order].astype(np.float64) for name in names}
    allowed = NEAR.get(trained.precision.compute, _COARSE)
    for name, before in recorded.items():
        now = found.predictions[name].astype(np.float64)
        before = before[: len(now)]
        off = np.abs(now - before) / np.maximum(1, np.abs(before))
        if name == "log_likelihood":
            off = np.where(found.predictions["labels"] >= 0, off, 0)
        place = np.unravel_index(int(np.nan_to_num(off, nan=np.inf).argmax()), off.shape)
        if off[place] <= allowed:
            continue
        commit = (directory.read_json("environment.json") or {}).get("commit")
        hint = f"its code has changed since; the run's commit is {commit or 'not known'}"
        expected = (
            f"a model that says what it said when the run ended: {name} of example "
            f"{place[0]} of {found.split} was {before[place]:.4g} and is {now[place]:.4g}"
        )
        raise InvalidConfig(Problem("run", directory.path, expected, hint))
