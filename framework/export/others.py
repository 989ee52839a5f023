"""The formats beside StableHLO, each written where it is to stand."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from framework.config import InvalidConfig, Problem
from framework.export.exportable import Exportable
from framework.export.formats import FORMATS, lacking, write_format
from framework.export.layout import Layout, served, write_configuration


def check_formats(formats: Sequence[str], layout: Layout | None, precision: str) -> None:
    """What can be said before a run is opened.

    Raises:
        InvalidConfig: packages are missing, a format cannot hold the precision, or no server of
            `layout` runs a format.
    """
    others = [name for name in formats if name in FORMATS]
    problems = [problem for name in others for problem in lacking(name)]
    for name in others:
        held = FORMATS[name].PRECISIONS
        if precision not in held:
            expected = f"a format that can hold export.precision={precision}"
            hint = f"{name} holds {', '.join(held)}; stablehlo holds every precision"
            problems.append(Problem("export.formats", name, expected, hint))
    if problems:
        raise InvalidConfig(*problems)
    if layout is not None:
        served(layout, formats, "model")


def write_formats(
    artifact: Path,
    exportable: Exportable,
    formats: Sequence[str],
    layout: Layout | None,
    name: str,
    *,
    largest_batch: int,
    storage: str | None = None,
) -> dict[str, dict[str, str]]:
    """Writes all of `formats` that are others than StableHLO; returns what the manifest says.

    Args:
        name: of the model, for servers.
        largest_batch: that a server makes of requests.
        storage: KServe's `storageUri`; see `write_configuration`.

    Raises:
        InvalidConfig: a format cannot hold this model, or no server of `layout` runs any.
        OSError: it cannot be written.
    """
    place = None if layout is None else served(layout, formats, name)
    told = {}
    for form in dict.fromkeys(formats):
        if form not in FORMATS:
            continue
        own = PurePosixPath("programs", form)
        folder = place.folder if place and place.format == form else own
        path = write_format(form, exportable, artifact / folder)
        told[form] = {"path": path.relative_to(artifact).as_posix()}
    if place is not None:
        write_configuration(
            artifact, place, exportable, largest_batch=largest_batch, storage=storage
        )
    return told
