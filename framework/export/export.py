"""An export: a run becomes one directory, whole and compared with the run, or nothing."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from framework.artifact import Contents
from framework.artifact.artifact import opened
from framework.artifact.signing import check_key, sign
from framework.artifact.weights import write_weights
from framework.export.companions import write_card, write_companions
from framework.export.described import describe
from framework.export.exportable import Exportable
from framework.export.forward import exportable
from framework.export.gate import pass_gate
from framework.export.language import (
    about_language,
    decodes,
    of_any_length,
    symbolic_rows,
    write_decoding,
)
from framework.export.options import ExportJob
from framework.export.origin import origin
from framework.export.others import check_formats, write_formats
from framework.export.place import made_beside, target
from framework.export.quantising import ExportPrecision, computation, quantised
from framework.export.stablehlo import SUFFIX, write_program
from framework.export.subject import Subject, open_subject
from framework.manifest import Entry, write_manifest

WEIGHTS = "weights/weights.safetensors"
PROGRAM = f"programs/predict{SUFFIX}"


def export_run(job: ExportJob, console: Console) -> Path:
    """Makes the artifact of a run; returns its directory.

    Raises:
        InvalidConfig: what is asked for cannot be made of this run; nothing is written.
        ExportRefused: the export is not as near to its run as it must be; nothing is left.
        PlaceTaken: another export has written the place meanwhile; nothing is left of this one.
        CheckpointDamaged: a file of the checkpoint is not as it was written.
        OSError: it cannot be written; nothing is left.
    """
    options = job.export
    place = target(job)
    check_formats(options.formats, options.layout, options.precision or "float32")
    if options.sign is not None:
        check_key(options.sign)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False)

    subject = open_subject(job, say)
    trained = subject.trained
    kind = options.precision or _own(trained.precision.compute)
    precision = computation(kind, trained.precision)
    floats = exportable(
        trained, subject.data, subject.experiment.task, subject.temperature, precision
    )
    whole = quantised(floats, trained.network.axes, kind)
    signature = describe(
        whole, subject.data, subject.schema, subject.temperature, subject.compared
    )  # fmt: skip
    with made_beside(place, options.replace) as folder:
        about: dict[str, Any] = {
            "artifact_format": 1,
            **origin(subject, whole, kind),
            "signature": signature.json(),
            "programs": _programs(folder, subject, floats, whole, kind),
            "formats": write_formats(
                folder,
                whole,
                options.formats,
                options.layout,
                subject.experiment.name,
                largest_batch=max(options.batch_sizes),
                storage=options.storage,
            ),
            "weights": [WEIGHTS],
            "batch_sizes": sorted(options.batch_sizes),
        }
        if subject.data.spec.labels.kind == "token":
            about["language"] = about_language(trained, precision)
        write_companions(folder, subject, about)
        artifact = opened(_unverified(folder, about))
        about |= pass_gate(folder, artifact, subject, options, say)
        write_card(folder, subject, about)
        write_manifest(folder, about)
        if options.sign is not None:
            sign(folder, options.sign)
    say(f"\nArtifact  {place}")
    return place


def _own(compute: str) -> ExportPrecision:
    return "bfloat16" if compute == "bfloat16" else "float32"


def _programs(
    folder: Path, subject: Subject, floats: Exportable, whole: Exportable, kind: ExportPrecision
) -> dict[str, Any]:
    """Writes weights and programs; returns what the manifest says of the programs."""
    (folder / WEIGHTS).parent.mkdir()
    write_weights(folder / WEIGHTS, whole.weights)
    text = subject.data.spec.labels.kind == "token"
    inputs = symbolic_rows(whole) if text else whole.symbolic_inputs()
    with of_any_length(subject.directory.path) if text else contextlib.nullcontext():
        told = write_program(folder / PROGRAM, whole.function, whole.weight_shapes, inputs)
        programs = {"predict": {"file": PROGRAM, **told}}
        if text and decodes(subject.trained):
            precision = computation(kind, subject.trained.precision)
            programs |= write_decoding(folder, subject.trained, floats, precision, kind)
    return programs


def _unverified(folder: Path, about: Mapping[str, Any]) -> Contents:
    """The directory as it is being made: there are no hashes yet."""
    names = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return Contents(folder, about, {name: Entry(0, []) for name in names})
