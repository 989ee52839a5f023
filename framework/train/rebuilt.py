"""A run's experiment, built again from its record to look at what it did."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from framework.config import InvalidConfig, Problem
from framework.parallel import MeshOptions
from framework.run import RunDirectory
from framework.train.assemble import assemble
from framework.train.distilling.kept import as_begun
from framework.train.experiment import Experiment

Say = Callable[[str], None]


def rebuilt(
    run: Path, say: Say, data: Mapping[str, Any] | None = None, *, moved: bool = False
) -> tuple[Experiment, RunDirectory]:
    """The run's experiment, on one device where these here do not fit its mesh.

    Args:
        say: told what is not as it was in the run.
        data: arguments of its data set to replace, such as `path`.
        moved: they say where the run's own data are now, and no other data.

    Raises:
        InvalidConfig: there is no run, or it cannot be built today.
    """
    directory = RunDirectory(run.absolute())
    settings = run_settings(directory)
    before = directory.read_json("data.json") or {}
    # Other data are read as the run's were: by their means and categories, not by their own.
    learned = _in(directory, before.get("learned", {})) if data and not moved else {}
    settings["data"] = {**settings["data"], **learned, **(data or {})}
    try:
        experiment = assemble(settings)
    except InvalidConfig as error:
        try:
            experiment = assemble(settings | {"mesh": _single(settings["mesh"])})
        except InvalidConfig:
            # Of other data it is what the command says, not what the run's record does.
            raise (error if data else error.under(f"{run}/config.yaml")) from None
        say("On one device, as the run's mesh does not fit these: numbers differ by rounding.")
    if (moved or not data) and before.get("fingerprint") not in (None, experiment.data.fingerprint):
        say("The data have changed since: the batches are not those of the run.")
    if data and not moved:
        return experiment, directory
    outputs = experiment.task.outputs(experiment.data.spec)
    own = as_begun(experiment.data, directory.path, outputs, say)
    return replace(experiment, data=own), directory


def run_settings(directory: RunDirectory) -> dict[str, Any]:
    """The run's own, but that its directory is where it is found, and one process takes part."""
    file = directory.path / "config.yaml"
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        changes = {"dir": str(directory.path), "resume": "allow_changes"}
        own = {**settings, "run": {**settings["run"], **changes}}
    except OSError:
        hint = "the last lines of a training say where it is"
        raise InvalidConfig(Problem("run", directory.path, "a run directory", hint)) from None
    except (ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        said = str(error).splitlines()[0]
        expected = "a run whose config.yaml can be read"
        raise InvalidConfig(Problem("run", directory.path, expected, said)) from error
    own.pop("distributed", None)
    own.pop("data_schema", None)  # the run has kept one of its own
    own.pop("teacher", None)  # and what that said
    return own


def _in(directory: RunDirectory, learned: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, with files where the run keeps them."""
    return {
        name: {**value, "file": str(directory.path / value["file"])}
        if isinstance(value, Mapping) and "file" in value
        else value
        for name, value in learned.items()
    }


def _single(mesh: Mapping[str, Any]) -> dict[str, Any]:
    """The mesh's rules on one device."""
    sizes = dict.fromkeys(MeshOptions().sizes, 1)
    return {**mesh, **{axis: size for axis, size in sizes.items() if axis in mesh}, "devices": 1}
