"""Every format and platform that this machine can run, held against the run before it is kept."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from framework.artifact import Artifact, Signature
from framework.artifact.artifact import opened
from framework.export.agreement import cost, violations
from framework.export.client import as_client
from framework.export.companions import METRICS, arguments, write_examples
from framework.export.formats import Predict, open_format
from framework.export.measured import measure
from framework.export.options import Bounds, ExportOptions
from framework.export.parity import Difference, ExportRefused, compare, require
from framework.export.step_by_step import decoded
from framework.export.subject import Subject

Say = Callable[[str], None]
Said = Callable[[Any], Mapping[str, np.ndarray]]


def pass_gate(
    folder: Path, artifact: Artifact, subject: Subject, options: ExportOptions, say: Say
) -> dict[str, Any]:
    """Compares, measures and writes `metrics.json` and `examples/`; returns what is to be said.

    Raises:
        ExportRefused: something is farther from the run than its bound.
    """
    kind = artifact.about["precision"]
    bounds = _bounds(subject, options, kind)
    parity: list[dict[str, Any]] = []
    told: dict[str, Any] = {"parity": parity}
    for platform in _platforms():
        with jax.default_device(jax.devices(platform)[0]):
            there = opened(artifact.contents)
            difference = compare(_asked(there), subject.compared)
        own = platform == jax.default_backend()
        bound = bounds.difference
        if not own and bound is not None:
            bound = options.parity.across_platforms
        parity.append(_entry(difference, "stablehlo", kind, platform, bound))
        _tell(parity[-1], say)
        require(difference, bound, f"The program in {kind} on {platform}")
        written = decoded(there, subject)
        if written is not None:
            parity.append(_entry(written, "stablehlo, token by token", kind, platform, bound))
            _tell(parity[-1], say)
            require(written, bound, f"What is written token by token in {kind} on {platform}")
        if own:
            told["cost"] = _cost(subject, difference, bounds, kind)
            _tell_cost(told["cost"], say)
            _write(folder, there, subject, difference, options)
        else:
            _cost(subject, difference, bounds, f"{kind} on {platform}")
    for form, where in artifact.about["formats"].items():
        predict = open_format(form, (folder / where["path"]).parent)
        difference = compare(_given(predict, artifact.signature), subject.compared)
        parity.append(_entry(difference, form, kind, "cpu", bounds.difference))
        _tell(parity[-1], say)
        require(difference, bounds.difference, f"{form} in {kind}")
        _cost(subject, difference, bounds, f"{kind} as {form}")
    return told


def _cost(subject: Subject, difference: Difference, bounds: Bounds, kind: str) -> dict[str, Any]:
    """What the precision costs in accuracy, calibration and answers, with intervals.

    Raises:
        ExportRefused: more than its bounds allow.
    """
    labels = subject.data.spec.labels
    if not all(part.found.is_usual(labels) for part in subject.compared):
        return {}
    run = [part.found.predictions for part in subject.compared]
    export = [difference.found[part.split] for part in subject.compared]
    found = cost(labels.kind, run, export, [arrays["labels"] for arrays in run])
    wrong = violations(found, bounds)
    if wrong:
        worst = difference.json()["worst_example"]
        raise ExportRefused(
            f"In {kind} {'; '.join(wrong)}; the farthest is example {worst['index']} of "
            f"{worst['split']}: {worst['output']} {worst['export']:.6g}, the run's "
            f"{worst['run']:.6g}"
        )
    return {name: estimate.json() for name, estimate in found.items()}


def _write(
    folder: Path, artifact: Artifact, subject: Subject, difference: Difference,
    options: ExportOptions,
) -> None:  # fmt: skip
    first = subject.compared[0]
    numbers = measure(subject, first, difference.found[first.split])
    finite = {name: value if np.isfinite(value) else None for name, value in numbers.items()}
    text = json.dumps({"split": first.split, **finite}, indent=1, allow_nan=False)
    (folder / METRICS).write_text(text + "\n", encoding="utf-8")
    batch = first.source.gather(np.arange(min(options.examples, len(first.source))))
    if len(batch["labels"]):
        given = arguments(batch["inputs"], batch["labels"], artifact.signature)
        write_examples(folder, given, artifact.run(given))


def _bounds(subject: Subject, options: ExportOptions, kind: str) -> Bounds:
    """Of the coarser of both precisions: that of the run and that of the export."""
    run = subject.trained.precision
    coarse = kind == "float32" and {run.compute, run.output} != {"float32"}
    found: Bounds = getattr(options.parity, "bfloat16" if coarse else kind)
    return found


def _platforms() -> list[str]:
    """Those that this process has: its own, and the CPU."""
    return list(dict.fromkeys([jax.default_backend(), "cpu"]))


def _asked(artifact: Artifact) -> Said:
    """The artifact as a client asks it; of packed rows of tokens its program."""
    signature = artifact.signature
    if "labels" in signature.arguments:
        return lambda batch: artifact.run(arguments(batch["inputs"], batch["labels"], signature))
    return lambda batch: artifact.predict(as_client(batch["inputs"], signature))


def _given(predict: Predict, signature: Signature) -> Said:
    """Another format's program, given what that of the artifact is given."""
    return lambda batch: predict(arguments(batch["inputs"], batch["labels"], signature))


def _entry(
    difference: Difference, form: str, kind: str, platform: str, bound: float | None
) -> dict[str, Any]:
    about = {"format": form, "precision": kind, "platform": platform, "bound": bound}
    return {**about, **difference.json()}


def _tell_cost(cost: Mapping[str, Any], say: Say) -> None:
    """What a coarser precision costs in what counts; nothing where it is all the same."""
    if "agreement" in cost and cost["agreement"]["value"] < 1:
        say(
            f"  the same answers {cost['agreement']['value']:.2%}, accuracy lower by "
            f"{cost['accuracy_drop']['value']:.4f}, log loss higher by "
            f"{cost['loss_increase']['value']:.4f}"
        )


def _tell(entry: Mapping[str, Any], say: Say) -> None:
    bound = "" if entry["bound"] is None else f" (at most {entry['bound']:g})"
    say(
        f"{entry['format']} {entry['precision']} on {entry['platform']}: within "
        f"{entry['largest_difference']:.2g} of the run on {entry['examples']:,} examples{bound}"
    )
