"""`experiments.check_data`: what is wrong with data, before training on them or after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from framework.config import InvalidConfig, Problem
from framework.config.build import require
from framework.data import Data, departures, infer
from framework.evaluation.record import replaced
from framework.run import RunDirectory
from framework.train.experiment import Experiment
from framework.train.kept_schema import against_file
from framework.train.quality.examples import looked_at, read_examples
from framework.train.quality.features import simple_features
from framework.train.quality.findings import anomalous, duplicates, suspect_labels
from framework.train.quality.judges import by_run, by_small_model
from framework.train.quality.options import QualityOptions
from framework.train.quality.pictures import illustrated, sheet
from framework.train.quality.words import print_quality
from framework.train.rebuilt import rebuilt
from framework.train.trained import Which

FOLDER = "data_quality"
_OWN = ("run", "step", "out", "schema", "quality")


@dataclass(frozen=True)
class DataCheck:
    """What to look at.

    Attributes:
        out: the folder that is written.
        experiment: of a run; None without one.
        schema: a file to write the data's schema to.
    """

    data: Data
    out: Path
    options: QualityOptions
    experiment: Experiment | None = None
    run: Path | None = None
    step: Which = "latest"
    schema: Path | None = None


@dataclass(frozen=True)
class Request:
    """The command's own settings, beside those of an experiment."""

    quality: QualityOptions
    run: Path | None = None
    step: Which = "latest"
    out: Path | None = None
    schema: Path | None = None


def begin(settings: Mapping[str, Any], overrides: Sequence[str]) -> DataCheck:
    """Builds the data of an experiment's settings, or those of a run.

    Raises:
        InvalidConfig: all that is wrong; with a run, also settings of another experiment; data
            that do not agree with `data_schema`.
    """
    target = f"{Request.__module__}.{Request.__qualname__}"
    request = require({"_target_": target, **{key: settings[key] for key in _OWN}})
    if request.run is not None:
        others = [word for word in overrides if word.split("=")[0].lstrip("+~") not in _names()]
        if others:
            expected = "nothing but run, step, out, schema and quality: the run has its experiment"
            raise InvalidConfig(*(_other(word, expected) for word in others))
        experiment, directory = rebuilt(request.run, print)
        out = request.out or directory.path / FOLDER
        return DataCheck(
            experiment.data, out, request.quality, experiment, directory.path, request.step,
            request.schema,
        )  # fmt: skip
    data = require(settings["data"], "data")
    if settings.get("data_schema") is not None:
        problems = against_file(Path(settings["data_schema"]), data)
        if problems:
            raise InvalidConfig(*problems)
    if not len(data.splits.get("train", ())):
        raise InvalidConfig(Problem("data.splits", "train", "a split that holds examples"))
    return DataCheck(data, request.out or Path(FOLDER), request.quality, schema=request.schema)


def finish(check: DataCheck, console: Console) -> dict[str, Any]:
    """Looks at the data, writes `quality.json` and pictures, prints; returns what was written.

    The file has `name fingerprint run step splits departures duplicates label_errors anomalies`;
    see `framework.train.quality.findings` for the last three, whose `pairs` and `worst` also
    hold each example's `picture` or `values`.
    """
    data, options = check.data, check.options
    features = simple_features(data)
    sources = looked_at(data, options.examples)
    examples = read_examples(data, sources, features)
    labels = data.spec.labels
    if check.experiment is not None and check.run is not None:
        judged = by_run(check.run, check.step, check.experiment, sources, examples)
        measured_in = f"the embedding of {judged.described}"
    else:
        judged = by_small_model(examples, labels.width if labels.kind == "class" else 0)
        measured_in = features.described
    schema = infer(data)
    found = {
        "name": data.name,
        "fingerprint": data.fingerprint,
        "run": None if check.run is None else str(check.run),
        "splits": {
            name: {"examples": len(source), "looked_at": len(sources.get(name, ()))}
            for name, source in data.splits.items()
        },
        "schema": schema.json(),
        "departures": [
            str(problem) for name in sources for problem in departures(schema, data, name)
        ],
        "duplicates": duplicates(examples, features, labels, options),
        "label_errors": suspect_labels(examples, judged, labels, options.shown),
        "anomalies": anomalous(examples, judged, measured_in, options),
    }
    pictures = _illustrate(found, data)
    _write(check.out, found, pictures)
    if check.schema is not None:
        RunDirectory(check.schema.absolute().parent).write_json(check.schema.name, schema.json())
    print_quality(console, found)
    console.print(f"\nNumbers   {check.out / 'quality.json'}", markup=False, soft_wrap=True)
    if check.schema is not None:
        console.print(f"Schema    {check.schema}", markup=False, soft_wrap=True)
    return found


def _illustrate(found: dict[str, Any], data: Data) -> dict[str, np.ndarray]:
    """Adds to each example that is listed what it looks like; returns the contact sheets."""
    suspects, far = found["label_errors"]["worst"], found["anomalies"]["worst"]
    ends = [pair[end] for pair in found["duplicates"]["pairs"] for end in ("first", "second")]
    captions = {
        "suspect_labels": [f"{_where(e)}\n{e['label']}, or {e['suggested']}" for e in suspects],
        "anomalies": [f"{_where(e)}\n{_distance(e)}" for e in far],
        "duplicates": [_where(e) for e in ends],
    }
    sheets = {}
    for name, entries in (("suspect_labels", suspects), ("anomalies", far), ("duplicates", ends)):
        shown = illustrated(data, [(e["split"], e["index"]) for e in entries])
        for entry, one in zip(entries, shown, strict=True):
            entry |= one
        picture = sheet(shown, captions[name])
        if picture is not None:
            sheets[name] = picture
    return sheets


def _where(entry: Mapping[str, Any]) -> str:
    return f"{entry['split']} {entry['index']}"


def _distance(entry: Mapping[str, Any]) -> str:
    return "not finite" if entry["distance"] is None else f"{entry['distance']:.3g} away"


def _write(folder: Path, found: dict[str, Any], pictures: dict[str, np.ndarray]) -> None:
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for name in ("suspect_labels", "anomalies", "duplicates"):
        (folder / f"{name}.png").unlink(missing_ok=True)  # of an earlier look
    for name, picture in pictures.items():
        with replaced(folder / f"{name}.png") as file:
            Image.fromarray(picture).save(file, "PNG")
    # Last: whoever sees the numbers finds the rest.
    RunDirectory(folder).write_json("quality.json", found)


def _names() -> set[str]:
    return {*_OWN, *(f"quality.{name}" for name in QualityOptions.__dataclass_fields__)}


def _other(word: str, expected: str) -> Problem:
    key, _, value = word.partition("=")
    return Problem(key.lstrip("+~"), value, expected)
