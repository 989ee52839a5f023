"""A teacher as it is known before a device is touched: what it is, and whether it fits."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from framework.checkpoint.record import finished_steps
from framework.config import InvalidConfig, Problem
from framework.data import Data
from framework.manifest import MANIFEST
from framework.run import RunDirectory
from framework.spec import Labels, Spec

_SHOWN = 12  # names of classes in a message


@dataclass(frozen=True)
class Teacher:
    """A run, at its newest checkpoint, or an artifact.

    Attributes:
        name: what the experiment was called.
        fingerprint: SHA-256 of the manifest of its weights.
        labels: what it predicts.
        inputs: shape of each input, by name; `""` where there is but one. Of a run as the model
            sees it, of an artifact as it is given. A table's columns have their vocabulary too.
    """

    path: Path
    kind: Literal["run", "artifact"]
    name: str
    step: int
    fingerprint: str
    labels: Labels
    inputs: Mapping[str, tuple[int, ...]]

    def json(self) -> dict[str, Any]:
        """Which it is, as `data.json` has it."""
        return {
            "path": str(self.path), "kind": self.kind, "name": self.name, "step": self.step,
            "fingerprint": self.fingerprint,
        }  # fmt: skip

    def misfits(self, data: Data) -> Iterator[Problem]:
        """What keeps it from speaking of these data: other labels, or inputs of another shape."""
        own = data.spec.labels
        if (self.labels.kind, self.labels.width) != (own.kind, own.width) or (
            self.labels.names and self.labels.names != own.names
        ):
            expected = f"a teacher for the labels of {data.name}, {_named(own)}"
            yield Problem("teacher", self.path, expected, f"its own are {_named(self.labels)}")
        wanted = _as_given(data) if self.kind == "artifact" else _shapes(data.spec)
        if self.inputs != wanted:
            expected = f"a teacher for the inputs of {data.name}, {_listed(wanted)}"
            hint = f"its own are {_listed(self.inputs)}"
            if self.kind == "artifact" and len(wanted) > 1:
                hint = "of a table the teacher must be a run, not an artifact"
            yield Problem("teacher", self.path, expected, hint)


def find_teacher(path: Path) -> Teacher:
    """The run or artifact at `path`.

    Raises:
        InvalidConfig: it is neither, or not whole.
    """
    if (path / "config.yaml").is_file():
        return _of_run(path)
    if (path / MANIFEST).is_file():
        return _of_artifact(path)
    hint = "the last lines of a training say where it is" if path.is_dir() else "it is no folder"
    raise InvalidConfig(Problem("teacher", path, "a run directory or an artifact", hint))


def _of_run(path: Path) -> Teacher:
    directory = RunDirectory(path.absolute())
    data = directory.read_json("data.json")
    steps = finished_steps(directory.checkpoints)
    if not data or not steps:
        hint = "it was not saved yet, or checkpoint.every is null"
        raise InvalidConfig(Problem("teacher", path, "a run with a checkpoint", hint))
    try:
        settings = yaml.safe_load((path / "config.yaml").read_text(encoding="utf-8"))
        name, spec = str(settings["name"]), Spec.from_json(data)
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        said = str(error).splitlines()[0]
        expected = "a run whose config.yaml and data.json can be read"
        raise InvalidConfig(Problem("teacher", path, expected, said)) from error
    fingerprint = _hash(directory.checkpoints / str(steps[-1]) / MANIFEST)
    return Teacher(path, "run", name, steps[-1], fingerprint, spec.labels, _shapes(spec))


def _of_artifact(path: Path) -> Teacher:
    from framework.artifact import ArtifactError, inspect  # late, as few runs have one

    try:
        about = inspect(path).about
    except ArtifactError as error:
        raise InvalidConfig(Problem("teacher", path, "a run or an artifact", str(error))) from error
    inputs, outputs = about["signature"]["inputs"], about["signature"]["outputs"]
    main = outputs.get("probabilities") or outputs.get("predictions") or {"shape": [0]}
    names = tuple(main.get("classes") or ())
    return Teacher(
        path, "artifact", str(about["name"]), int(about["run"]["step"]), _hash(path / MANIFEST),
        Labels(about["kind"], names, 0 if names else int(main["shape"][-1])),
        {n if len(inputs) > 1 else "": tuple(one["shape"][1:]) for n, one in inputs.items()},
    )  # fmt: skip


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    fields = spec.inputs if isinstance(spec.inputs, Mapping) else {"": spec.inputs}
    return {name: (*field.shape, *field.vocabulary) for name, field in fields.items()}


def _as_given(data: Data) -> dict[str, tuple[int, ...]]:
    """Shapes of the inputs before preprocessing."""
    inputs = data.splits["train"].gather(np.zeros(1, np.int64))["inputs"]
    arrays = inputs if isinstance(inputs, Mapping) else {"": inputs}
    return {name: array.shape[1:] for name, array in arrays.items()}


def _named(labels: Labels) -> str:
    more = f", … ({labels.width} in all)" if len(labels.names) > _SHOWN else ""
    names = ", ".join(labels.names[:_SHOWN]) or f"{labels.width} without names"
    return f"{labels.kind} {names}{more}"


def _listed(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(
        f"{name or 'one array'} of {' × '.join(map(str, shape)) or 'one number'}"
        for name, shape in shapes.items()
    )
