"""What the teacher said, in the run's directory: so that a run goes on with the same words."""

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from framework.config import InvalidConfig, Problem
from framework.data import Data, Taught
from framework.run import RunDirectory

FILE = "distillation/outputs.npy"
HASH = "outputs_sha256"


def with_words(data: Data, said: np.ndarray, about: Mapping[str, Any]) -> Data:
    """The data whose training split carries what was said of each of its examples."""
    source = data.splits["train"]
    if isinstance(source, Taught):
        source = source.source
    return replace(data, splits={**data.splits, "train": Taught(source, said, about)})


def speechless(data: Data, outputs: int, about: Mapping[str, Any] | None = None) -> Data:
    """The same before anything is said: NaN, so that what was forgotten is not learnt."""
    nothing = np.broadcast_to(np.float32(np.nan), (len(data.splits["train"]), outputs))
    return with_words(data, nothing, about or {})


def taught_by(data: Data) -> dict[str, Any]:
    """`{"teacher": …}` for `data.json`; empty where the data have none."""
    train = data.splits["train"]
    return {"teacher": dict(train.about)} if isinstance(train, Taught) else {}


def kept_teacher(run: Path) -> Mapping[str, Any] | None:
    """Whose words the run in this directory began with; None where there are none."""
    data: Mapping[str, Any] = RunDirectory(run).read_json("data.json") or {}
    return data.get("teacher")


def kept_data(run: Path) -> str | None:
    """Fingerprint of the data whose examples they are about; None where there are none."""
    data: Mapping[str, Any] = RunDirectory(run).read_json("data.json") or {}
    return data.get("fingerprint")


def read_words(run: Path, about: Mapping[str, Any]) -> np.ndarray | None:
    """float32 [n, outputs] as they were kept; None where they are missing or damaged."""
    try:
        content = (run / FILE).read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest() != about.get(HASH):
        return None
    words: np.ndarray = np.load(io.BytesIO(content), allow_pickle=False)
    return words


def keep_words(run: Path, said: np.ndarray) -> str:
    """Writes them whole or not at all; returns their hash."""
    content = as_bytes(said)
    file = run / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".part")
    beside.write_bytes(content)
    beside.replace(file)
    return hashlib.sha256(content).hexdigest()


def as_bytes(said: np.ndarray) -> bytes:
    """As the file has them."""
    buffer = io.BytesIO()
    np.save(buffer, said, allow_pickle=False)
    return buffer.getvalue()


def said_again(run: Path, before: Mapping[str, Any], said: np.ndarray) -> None:
    """Refuses to go on with other words than the run began with, whose file is damaged.

    Raises:
        InvalidConfig: the teacher says something else today.
    """
    if hashlib.sha256(as_bytes(said)).hexdigest() != before.get(HASH):
        expected = f"a run whose {FILE} is as it was written"
        hint = "it is damaged, and the teacher's outputs differ today; choose another directory"
        raise InvalidConfig(Problem("run.dir", run, expected, hint))


def as_begun(data: Data, run: Path, outputs: int, say: Callable[[str], None]) -> Data:
    """The data as a run had them, to look at what it did; its teacher need not be there."""
    about = kept_teacher(run)
    if about is None:
        return data
    said = read_words(run, about)
    if said is None or said.shape != (len(data.splits["train"]), outputs):
        say(f"{run / FILE} is missing or damaged: no step of the training can be made again.")
        return speechless(data, outputs, about)
    return with_words(data, said, about)
