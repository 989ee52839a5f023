"""What is found out about a trained model beside its metrics, and what that rests on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from framework.config import InvalidConfig, Problem
from framework.data import Batch, Data, Source, Subset
from framework.evaluation import Evaluation
from framework.evaluation.analysis import abstaining, brier_decomposition, by_slice, estimates
from framework.evaluation.columns import Columns, input_columns
from framework.evaluation.movement import accuracy_without_labels, movement
from framework.evaluation.outcomes import outcomes
from framework.evaluation.reference import EMBEDDING, FOLDER, Reference
from framework.evaluation.remedies import log_probabilities, prediction_sets, recalibration
from framework.evaluation.shift.suite import Bench, false_alarms, shift_suite
from framework.evaluation.slicing import slice_values, slicings
from framework.run import RunDirectory
from framework.stats import TemperatureScaling
from framework.stats.analysis import Analysis
from framework.train.predictor import Predictor

CALIBRATION = "calibration.json"
_CHUNK = 4096  # examples gathered at a time


@dataclass(frozen=True)
class Grounds:
    """What every analysis of a run is measured against.

    Attributes:
        reference: the data and the model at the end of the training.
        validation: predictions, with embeddings, of the run's own split for calibration; None
            where the run's data are not there.
        held_out: the examples of that split.
        temperature: that makes the model as unsure as it should be; None of other tasks.
    """

    reference: Reference
    validation: Evaluation | None
    held_out: Source | None
    temperature: float | None


def lay_grounds(predictor: Predictor, options: Analysis, step: int) -> Grounds | None:
    """At the end of a training; None where a split that is needed is not there or empty.

    Args:
        step: of the predictor's weights.
    """
    data = predictor.data
    validation = data.splits.get(options.calibration)
    if validation is None or not len(validation):
        return None
    train = data.splits["train"]
    rows = np.random.default_rng(0).permutation(len(train))[: options.profile_examples]
    part = Subset("reference", train, np.sort(rows))
    trained = predictor.on("reference", part)("reference", embed=True)
    validated = predictor(options.calibration, embed=True)
    reference = Reference.of(
        (source_columns(part, data), trained),
        (source_columns(validation, data), validated),
        data.spec.labels,
        options.profile_bins,
        step,
    )
    return Grounds(reference, validated, validation, _temperature(validated, data))


def find_grounds(
    own: Predictor | None, directory: RunDirectory, options: Analysis, step: int
) -> Grounds | None:
    """Those of a run that has ended; None where it kept none.

    Args:
        own: predicts the run's own data, whatever is evaluated; None where they are not there.
        step: of its weights; of other weights than the profile's only the inputs are compared.
    """
    reference = Reference.read(directory.path / FOLDER)
    if reference is None:
        return None
    kept = (directory.read_json(CALIBRATION) or {}).get("temperature")
    if reference.step != step:
        reference, kept = reference.of_inputs(), None
    held_out = own.data.splits.get(options.calibration) if own is not None else None
    if own is None or held_out is None or not len(held_out):
        return Grounds(reference, None, None, kept)
    validated = own(options.calibration, embed=True)
    return Grounds(reference, validated, held_out, _temperature(validated, own.data))


def keep(grounds: Grounds, directory: RunDirectory, split: str) -> None:
    """Writes the reference and the temperature, fitted on `split`, into the run directory."""
    grounds.reference.write(directory.path / FOLDER)
    if grounds.temperature is not None:
        kept = {"method": "temperature", "temperature": grounds.temperature}
        directory.write_json(CALIBRATION, {**kept, "fitted_on": split})


def examine(
    found: Evaluation, split: str, predictor: Predictor, grounds: Grounds | None,
    options: Analysis, others: Mapping[str, Source] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The analysis of predictions, with embeddings, of a whole split, as plain data.

    Args:
        others: data of the same kind that the shift suite mixes in, by name.
    """
    data, labels = predictor.data, predictor.data.spec.labels
    source = data.splits[split]
    told: dict[str, Any] = {
        "split": found.split,
        "examples": len(found.predictions["index"]),
        "level": options.level,
        "depth": options.depth,
        "estimates": {n: e.json() for n, e in estimates(found, labels, options).items()},
        "brier_parts": brier_decomposition(found, labels),
        "abstaining": abstaining(found, labels, options),
    }
    asked = options.slices
    if asked:
        own = slicings(asked, chunks(source), data.spec, data.categories)
        told |= by_slice(found, labels, own, options)
    if grounds is None:
        return {**told, "not_measured": {"drift": "the run kept no reference profile"}}
    columns = grounds.reference.columns(source_columns(source, data), found, labels)
    told |= movement(grounds.reference, columns, found, options)
    if grounds.temperature is not None:
        told["temperature"] = grounds.temperature
    if grounds.temperature is not None and grounds.validation is not None:
        told["estimated_accuracy"] = accuracy_without_labels(
            grounds.validation, found, labels, grounds.temperature, options.level
        )
    return told | _in_full(found, source, columns, predictor, grounds, options, others or {})


def _in_full(
    found: Evaluation, source: Source, columns: Columns, predictor: Predictor, grounds: Grounds,
    options: Analysis, others: Mapping[str, Source],
) -> dict[str, Any]:  # fmt: skip
    """What takes minutes: remedies, the shift suite, alarms where nothing has moved."""
    if options.depth != "full":
        return {}
    data, labels, reference = predictor.data, predictor.data.spec.labels, grounds.reference

    def look(moved: Source) -> tuple[Evaluation, Columns]:
        seen = predictor.on("moved", moved)("moved", embed=True)
        return seen, reference.columns(source_columns(moved, data), seen, labels)

    each = outcomes(found, labels)
    classes = None if each is None or each.labels is None else each.labels.tolist()
    told: dict[str, Any] = {
        "shift": shift_suite(Bench(look, reference, data.spec, options), source, classes, others),
    }
    before, held_out = grounds.validation, grounds.held_out
    if before is None or held_out is None:
        return told
    told["recalibration"] = recalibration(before, found, labels, options)
    told["prediction_sets"] = prediction_sets(before, found, labels, options)
    if options.shift_resamples:
        validation = source_columns(held_out, data)
        known = reference.columns(validation, before, labels)
        pools = [
            ({k: known[k] for k in names}, {k: columns[k] for k in names})
            for names in (list(validation), [k for k in known if k not in validation])
            if names
        ]
        told["shift"]["without_shift"] = false_alarms(pools, labels, options)
    return told


def slices_exist(data: Data, asked: Sequence[str], split: str) -> list[Problem]:
    """The slices that the data do not have, asked of a few examples."""
    source = data.splits.get(split)
    if not asked or source is None or not len(source):
        return []
    batch = source.gather(np.arange(min(4, len(source))))
    try:
        slice_values(asked, batch, data.spec, data.categories)
    except InvalidConfig as error:
        return list(error.under("evaluation.analysis.slices").problems)
    return []


def without_embedding(found: Evaluation) -> Evaluation:
    """What is written: an embedding is large, and can be made again."""
    kept = {name: a for name, a in found.predictions.items() if name != EMBEDDING}
    return replace(found, predictions=kept)


def flat_numbers(analysis: Mapping[str, Any]) -> dict[str, float]:
    """Of an analysis what belongs among a split's metrics: `accuracy/low`, `drift/alarms`, …."""
    numbers: dict[str, float] = {}
    for name, estimate in analysis["estimates"].items():
        for part in ("low", "high", "under_calibration"):
            if estimate[part] is not None:
                numbers[f"{name}/{part}"] = estimate[part]
        if estimate["value"] is not None:
            numbers[name] = estimate["value"]
    abstained = analysis["abstaining"].get("area_under_risk_coverage")
    if abstained and abstained["value"] is not None:
        numbers["area_under_risk_coverage"] = abstained["value"]
    for one in analysis.get("slices", ()):
        for name, estimate in one["metrics"].items():
            own = f"slice/{one['name']}/{name}"
            parts = {own: "value", f"{own}/low": "low", f"{own}/high": "high"}
            numbers |= {n: estimate[p] for n, p in parts.items() if estimate[p] is not None}
    if "drift" in analysis:
        numbers["drift/alarms"] = float(len(analysis["drift"]["alarms"]))
    if analysis.get("temperature") is not None:
        numbers["temperature"] = analysis["temperature"]
    return numbers


def source_columns(source: Source, data: Data) -> Columns:
    """The input columns of every example of a source, gathered a part at a time."""
    parts = [input_columns(batch["inputs"], data.spec, data.categories) for batch in chunks(source)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def chunks(source: Source) -> Iterator[Batch]:
    """The raw examples in order."""
    for start in range(0, len(source), _CHUNK):
        yield source.gather(np.arange(start, min(start + _CHUNK, len(source))))


def _temperature(found: Evaluation, data: Data) -> float | None:
    each = outcomes(found, data.spec.labels)
    if each is None or each.labels is None:
        return None
    logs = log_probabilities(found.predictions["probabilities"])
    return TemperatureScaling.fit(logs, each.labels).temperature
