"""What it would take to break it: the shift suite as small curves over the strength."""

from collections.abc import Mapping, Sequence
from typing import Any

from framework.evaluation.formats import count, decimals, rate, share, some, span, title, value
from framework.evaluation.sections.pieces import Block, Cell, Panel, Row, Table, identifier
from framework.stats import proportion

MEASURES = {
    "accuracy": "accuracy",
    "loss": "loss",
    "expected_calibration_error": "calibration error",
    "alarms": "drift alarms",
    "largest_population_stability_index": "largest PSI",
    "maximum_mean_discrepancy": "MMD",
}
_ERROR = "expected_calibration_error"
WIDTH, HEIGHT = 100, 40  # of a small curve


def shift(analysis: Mapping[str, Any]) -> Block | None:
    """None where the suite was not run, which takes `evaluation=full`."""
    found = analysis.get("shift")
    if not found or not found["shifts"]:
        return None
    shifts = found["shifts"]
    shown = measures(shifts)
    rows = [
        (name, [_panel(m, numbers[m], _range(shifts, m)) for m in shown if m in numbers])
        for name, numbers in shifts.items()
    ]
    said = [
        f"{count(found['examples'])} examples of the split, moved away by degrees: strength 0 is "
        "the data as they are, 5 the strongest. The curves of one measure share a scale.",
        *warning_sentences(shifts, analysis["estimates"].get("accuracy")),
        *false_alarm_sentences(found),
    ]  # fmt: skip
    return Block(
        identifier("shift", analysis["split"]), "Shift suite", "What it would take to break it",
        said, panels=rows, folded=[_table(m, shifts) for m in shown],
    )  # fmt: skip


def measures(shifts: Mapping[str, Mapping[str, Sequence[float | None]]]) -> list[str]:
    """The measures to show; a loss only where there is no accuracy."""
    known = {name for numbers in shifts.values() for name in numbers}
    return [m for m in MEASURES if m in known and (m != "loss" or "accuracy" not in known)]


def false_alarm_sentences(found: Mapping[str, Any]) -> list[str]:
    """How often the detector cried wolf, and when it first cried with reason."""
    quiet = found.get("without_shift")
    if not quiet:
        return []
    n = quiet["resamples"]
    measured = proportion(round(quiet["significant"] * n), n)
    return [
        f"False alarms: where nothing had moved, {share(quiet['significant'])} of {count(n)} looks "
        f"({span('accuracy', measured.low, measured.high)}) found a feature significant, where "
        f"{rate(quiet['promised'])} are promised; {share(quiet['alarms'])} raised an alarm."
    ]


def warning_sentences(shifts: Mapping[str, Any], accuracy: Mapping[str, Any] | None) -> list[str]:
    """Whether the alarm comes no later than the harm."""
    if not accuracy or accuracy["low"] is None:
        return []
    harmed = {
        name: next(i for i, a in enumerate(numbers["accuracy"]) if i and _below(a, accuracy))
        for name, numbers in shifts.items()
        if any(_below(a, accuracy) for a in numbers.get("accuracy", ())[1:])
    }
    if not harmed:
        return [f"None of {some(len(shifts), 'shift')} brings the accuracy below its interval."]
    warned = sum(any(shifts[name]["alarms"][1 : at + 1]) for name, at in harmed.items())
    return [
        f"Of {some(len(shifts), 'shift')} {count(len(harmed))} bring the accuracy below its "
        f"interval ({share(accuracy['low'])}); in {count(warned)} of them drift is alarmed at that "
        "strength or before."
    ]


def _below(accuracy: float | None, estimate: Mapping[str, Any]) -> bool:
    return accuracy is not None and accuracy < estimate["low"]


def _range(shifts: Mapping[str, Any], measure: str) -> tuple[float, float]:
    known = [v for numbers in shifts.values() for v in numbers.get(measure, ()) if v is not None]
    if measure == "accuracy":
        return 0.0, 1.0
    return min([0.0, *known]), max([1e-9, *known])


def _panel(measure: str, numbers: Sequence[float | None], scale: tuple[float, float]) -> Panel:
    step, span = WIDTH / max(len(numbers) - 1, 1), scale[1] - scale[0]
    points = [
        f"{i * step:.1f},{HEIGHT * (1 - (v - scale[0]) / span):.1f}"
        for i, v in enumerate(numbers) if v is not None
    ]  # fmt: skip
    return Panel(
        MEASURES[measure], " ".join(points), _read(measure, numbers[0]), _read(measure, numbers[-1])
    )


def _read(measure: str, found: float | None) -> str:
    if measure == "alarms" and found is not None:
        return count(found)
    return value(measure, found) if measure in ("accuracy", _ERROR) else decimals(found)


def _table(measure: str, shifts: Mapping[str, Any]) -> Table:
    rows = [
        Row(title(name), [Cell(_read(measure, v)) for v in numbers[measure]])
        for name, numbers in shifts.items() if measure in numbers
    ]  # fmt: skip
    strengths = max(len(row.cells) for row in rows)
    return Table(MEASURES[measure].capitalize().replace("psi", "PSI").replace("Mmd", "MMD"),
                 ["Shift", *map(str, range(strengths))], rows, shown=40)  # fmt: skip
