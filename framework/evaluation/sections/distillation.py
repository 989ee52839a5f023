"""What the student lost and what it saves: it and its teacher side by side."""

from collections.abc import Mapping
from typing import Any

from framework.evaluation.formats import (
    count,
    decimals,
    is_share,
    number,
    points,
    share,
    size,
    span,
    title,
)
from framework.evaluation.sections.pieces import Block, Cell, Row, Table

_METRICS = {
    "accuracy": "Accuracy",
    "log_loss": "Log loss",
    "brier_score": "Brier score",
    "expected_calibration_error": "Calibration error",
    "mean_absolute_error_in_deviations": "Mean absolute error, in deviations",
}
_BOTH = ("teacher", "student")


def distillation(found: Mapping[str, Any] | None) -> Block | None:
    """None where nothing was distilled; `found` is `distillation.json`."""
    if not found:
        return None
    return Block(
        "distillation", "Teacher", "Teacher and student", comparison_sentences(found),
        tables=[_table(found)],
    )  # fmt: skip


def comparison_sentences(found: Mapping[str, Any]) -> list[str]:
    """What was lost, then what is saved."""
    return [_lost(found), _saved(found)]


def teacher_sentence(teacher: Mapping[str, Any]) -> str:
    """Who taught, for the model card."""
    which = f"{teacher['kind']} {teacher['fingerprint'][:8]}"
    return f"{teacher['name']}, step {count(teacher['step'])} ({which})"


def _lost(found: Mapping[str, Any]) -> str:
    """The main difference, and whether it can be told from chance."""
    differences = found["differences"]
    if not differences:
        return "Their predictions are not of a kind that can be compared."
    name = "accuracy" if "accuracy" in differences else next(iter(differences))
    one, subject = differences[name], title(name).lower()
    told = f"The student's {subject} is {_apart(name, one['value'])}"
    if one["low"] is not None:
        sure = one["low"] > 0 or one["high"] < 0
        told += f" ({_ends(name, one)})"
        told += "" if sure else ", a difference that chance alone may make"
    if "agreement" not in found:
        return f"{told}."
    same = found["agreement"]
    ends = span("accuracy", same["low"], same["high"])
    told += f"; both say the same on {share(same['value'])} of {count(same['n'])} examples"
    return f"{told} ({ends})." if ends else f"{told}."


def _apart(name: str, value: float) -> str:
    if not value:
        return "the teacher's"
    amount = points(abs(value)) if is_share(name) else decimals(abs(value))
    return f"{amount} {'higher' if value > 0 else 'lower'} than the teacher's"


def _saved(found: Mapping[str, Any]) -> str:
    teacher, student = (found[who] for who in _BOTH)
    told = f"It has {count(student['parameters'])} parameters to {count(teacher['parameters'])}"
    if "latency" not in student:
        return f"{told}."
    timed = [
        f"a batch of {batch} in {_milliseconds(seconds)} ms to "
        f"{_milliseconds(teacher['latency'][batch])}"
        for batch, seconds in student["latency"].items()
    ]
    return f"{told}, and answers {' and '.join(timed)}."


def _table(found: Mapping[str, Any]) -> Table:
    both = [found[who] for who in _BOTH]
    rows = [
        Row(shown, [*(_measured(name, one) for one in both), _difference(name, found)])
        for name, shown in _METRICS.items()
        if all(name in one["metrics"] for one in both)
    ]
    sizes = [[one[key] for one in both] for key in ("parameters", "bytes")]
    rows += [_ratio("Parameters", sizes[0], count), _ratio("Weights", sizes[1], size)]
    for batch in found["student"].get("latency", ()):
        taken = [one["latency"][batch] for one in both]
        rows.append(_ratio(f"Latency of {batch}", taken, lambda s: f"{_milliseconds(s)} ms"))
    columns = ["", "Teacher", "Student", "Difference"]
    return Table("Quality, size and latency", columns, rows, _caption(found))


def _caption(found: Mapping[str, Any]) -> str:
    teacher = found["teacher"]
    said = (
        f"The teacher is the {teacher['kind']} {teacher['name']} at step {count(teacher['step'])}. "
        f"Both are measured on the {count(found['examples'])} examples of the {found['split']} "
        "split, and their difference example by example; of shares it is in points."
    )
    if "timing" not in found:
        why = found.get("not_measured", {}).get("latency", "")
        return f"{said} Latency was not measured: {why}." if why else said
    timing = found["timing"]
    calls = " and ".join(count(n) for n in timing["calls"].values())
    return (
        f"{said} Latency: the median of {calls} calls, from inputs to predictions on the host, "
        f"of both in turn in one process ({timing['device']})."
    )


def _measured(name: str, one: Mapping[str, Any]) -> Cell:
    estimate = one["metrics"][name]
    if not is_share(name) or estimate["value"] is None:
        return Cell(decimals(estimate["value"]), note=_ends(name, estimate))
    note = span(name, estimate["low"], estimate["high"])
    return Cell(share(estimate["value"]), note=note)


def _difference(name: str, found: Mapping[str, Any]) -> Cell:
    one = found["differences"].get(name)
    if one is not None:
        return Cell(_signed(name, one["value"]), note=_ends(name, one))
    teacher, student = (found[who]["metrics"][name]["value"] for who in _BOTH)
    known = teacher is not None and student is not None
    return Cell(_signed(name, student - teacher) if known else "—")


def _ends(name: str, estimate: Mapping[str, Any]) -> str:
    """The interval in the digits of the table; shares in points. Empty where there is none."""
    if estimate["low"] is None:
        return ""
    return f"{_plain(name, estimate['low'])} to {_plain(name, estimate['high'])}"


def _signed(name: str, value: float) -> str:
    return ("+" if value > 0 else "") + _plain(name, value)


def _plain(name: str, value: float) -> str:
    if not is_share(name):
        return decimals(value)
    return points(value).removesuffix(" points").replace("-", "−")


def _ratio(name: str, values: list[float], shown: Any) -> Row:
    return Row(name, [*(Cell(shown(v)) for v in values), Cell(f"÷ {_two(values[0] / values[1])}")])


def _milliseconds(seconds: float) -> str:
    return _two(1000 * seconds)


def _two(value: float) -> str:
    """Two digits that count."""
    return number(float(f"{value:.2g}"))
