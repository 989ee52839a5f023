"""What a model and the detectors do as the data move away: every shift at every strength."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.data import Source, Subset
from framework.evaluation.columns import Columns
from framework.evaluation.evaluate import Evaluation
from framework.evaluation.movement import drift_of
from framework.evaluation.outcomes import outcomes
from framework.evaluation.reference import EMBEDDING, Reference
from framework.evaluation.shift.mixed import Mixed
from framework.evaluation.shift.shifts import (
    LABELS,
    STRENGTHS,
    Shifted,
    shifts_for,
    with_label_shift,
)
from framework.spec import Labels, Spec
from framework.stats import reliability_table
from framework.stats.analysis import Analysis
from framework.stats.drift import maximum_mean_discrepancy

QUICK = 99  # permutations of a p-value that is only plotted


@dataclass(frozen=True)
class Bench:
    """What the suite works with.

    Attributes:
        look: predictions with embeddings of a source, and its columns as the reference has them.
        reference: what drift is measured from.
    """

    look: Callable[[Source], tuple[Evaluation, Columns]]
    reference: Reference
    spec: Spec
    options: Analysis


def shift_suite(
    bench: Bench, source: Source, labels: Sequence[int] | None, others: Mapping[str, Source]
) -> dict[str, Any]:
    """For each shift and strength 0 (none) to 5: accuracy, loss, calibration error and drift.

    Args:
        source: a split.
        labels: the class of each of its examples, for the shift of labels; None: there is none.
        others: by name, data of the same kind of which 20 to 100 % are mixed in.
    """
    count = min(len(source), bench.options.shift_examples)
    rows = np.sort(np.random.default_rng(0).permutation(len(source))[:count])
    part = Subset("shift", source, rows)
    still = _measured(bench, part)
    told: dict[str, Any] = {"examples": count, "shifts": {}}
    for shift in shifts_for(bench.spec):
        moved = [_measured(bench, Shifted(part, shift, strength)) for strength in STRENGTHS]
        told["shifts"][shift.name] = _by_strength([still, *moved])
    for name, other in others.items():
        moved = [_measured(bench, Mixed(part, other, 0.2 * strength)) for strength in STRENGTHS]
        told["shifts"][name] = _by_strength([still, *moved])
    if labels is not None and len(np.unique(np.asarray(labels)[rows])) > 1:
        own = np.asarray(labels)[rows]
        random = np.random.default_rng(1)
        moved = [
            _measured(bench, Subset("labels", part, with_label_shift(own, strength, random)))
            for strength in STRENGTHS
        ]
        told["shifts"][LABELS] = _by_strength([still, *moved])
    return told


def _measured(bench: Bench, source: Source) -> dict[str, float]:
    found, columns = bench.look(source)
    each = outcomes(found, bench.spec.labels)
    drift = drift_of(bench.reference, columns, bench.options, resamples=QUICK)
    excess = [f.excess for f in drift.features if f.excess == f.excess]
    numbers = {
        "alarms": float(len(drift.alarms)),
        "largest_population_stability_index": max(excess, default=float("nan")),
        "major": float(drift.verdict == "major"),
    }
    projected = bench.reference.basis.project(found.predictions[EMBEDDING])
    if min(len(projected), len(bench.reference.sample)) > 20:
        distance = maximum_mean_discrepancy(
            bench.reference.sample, projected, largest=500, permutations=QUICK
        )
        numbers["maximum_mean_discrepancy"] = distance.value
    if each is not None:
        numbers["loss"] = float(each.losses.mean())
        numbers |= _of_classes(each.correct, each.confidence)
    return numbers


def _of_classes(correct: np.ndarray | None, confidence: np.ndarray | None) -> dict[str, float]:
    if correct is None or confidence is None:
        return {}
    table = reliability_table(confidence, correct)
    return {
        "accuracy": float(correct.mean()),
        "mean_confidence": float(confidence.mean()),
        "expected_calibration_error": table.expected_calibration_error,
    }


def _by_strength(measured: Sequence[dict[str, float]]) -> dict[str, list[float | None]]:
    """Each number's list over the strengths 0 to 5; None where it is not defined."""
    return {
        name: [float(m[name]) if np.isfinite(m[name]) else None for m in measured]
        for name in measured[0]
    }


def false_alarms(
    pools: Sequence[tuple[Columns, Columns]], labels: Labels, options: Analysis
) -> dict[str, Any]:
    """How often the verdict is an alarm where nothing has moved.

    Reference rows and rows to be judged are shuffled together and dealt out anew, so that both
    are of one distribution, whatever the data are.

    Args:
        pools: pairs of reference columns and columns to be judged: of the inputs, and of what
            the model makes of them.
    """
    from framework.stats.drift import Profile, Rule, drift

    random = np.random.default_rng(0)
    alarms = significant = 0
    rule = Rule(options.drift_rate, resamples=QUICK)
    for _ in range(options.shift_resamples):
        tables: dict[str, Any] = {}
        columns: dict[str, Any] = {}
        for reference, current in pools:
            n = len(next(iter(reference.values()), ()))
            order = random.permutation(n + len(next(iter(current.values()), ())))
            both = {k: np.concatenate([reference[k], current[k]])[order] for k in reference}
            known: dict[str, Any] = {
                k: np.arange(labels.width) for k in ("predicted", "label") if k in both
            }
            tables |= Profile.of({k: v[:n] for k, v in both.items()}, 64, known).tables
            columns |= {k: v[n:] for k, v in both.items()}
        expected = Profile(tables)
        counts = {k: Profile({k: t}).count({k: columns[k]}).tables[k] for k, t in tables.items()}
        found = drift(expected, Profile(counts), rule)
        alarms += bool(found.alarms)
        significant += any(feature.significant for feature in found.features)
    return {
        "resamples": options.shift_resamples,
        "promised": options.drift_rate,
        "alarms": alarms / max(options.shift_resamples, 1),
        "significant": significant / max(options.shift_resamples, 1),
    }
