"""Formats that are written beside StableHLO, each where its server looks for it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from framework.config import InvalidConfig, Problem
from framework.export.exportable import Exportable
from framework.export.formats import lacking, open_format, write_format
from framework.export.layout import served, write_configuration
from framework.export.options import ExportOptions

STABLEHLO = "stablehlo"
Predict = Callable[[dict[str, np.ndarray]], Mapping[str, np.ndarray]]


def check_formats(options: ExportOptions) -> list[Problem]:
    """Packages that are missing, and a layout whose server runs none of the formats."""
    problems = [problem for name in others(options) for problem in lacking(name)]
    if options.layout is not None:
        try:
            served(options.layout, others(options), "model")
        except InvalidConfig as error:
            problems += error.problems
    return problems


def others(options: ExportOptions) -> list[str]:
    """The formats but StableHLO, which is always written."""
    return [name for name in dict.fromkeys(options.formats) if name != STABLEHLO]


def write_others(
    folder: Path, exported: Exportable, options: ExportOptions, name: str
) -> dict[str, Any]:
    """Writes them; returns what the manifest says of each: its `path`, and its `layout`.

    Raises:
        InvalidConfig: a format has no words for this model.
        OSError: it cannot be written.
    """
    told: dict[str, Any] = {}
    place = None
    if options.layout is not None:
        place = served(options.layout, others(options), name)
    for form in others(options):
        here = place is not None and place.format == form
        where = folder / (place.folder if place is not None and here else f"programs/{form}")
        where.parent.mkdir(parents=True, exist_ok=True)
        file = write_format(form, exported, where)
        told[form] = {"path": file.relative_to(folder).as_posix()}
        if place is not None and here:
            largest = max(options.batch_sizes)
            write_configuration(folder, place, exported, largest_batch=largest)
            told[form] |= {"layout": place.layout, "root": place.models.as_posix()}
    return told


def open_other(folder: Path, form: str, told: Mapping[str, Any]) -> Predict:
    """A format that was written, run by its own runtime."""
    return open_format(form, (folder / told["path"]).parent)
