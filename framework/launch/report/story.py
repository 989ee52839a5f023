"""What a sweep has come to, in plain words and a few numbers."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from framework.evaluation import formats
from framework.evaluation.sections.pieces import Number
from framework.launch.objective import Objective
from framework.launch.report.axis import text
from framework.launch.report.effort import Effort, goodput_of
from framework.launch.report.found import Found
from framework.launch.table import Row
from framework.launch.trial import State
from framework.stats import proportion

_SUCCESSES = ("accuracy", "top_5_accuracy", "exact_match")  # shares of the examples
STATES: tuple[State, ...] = ("done", "pruned", "failed", "running", "waiting")


def headline(found: Found) -> list[str]:
    """The first sentence says which trial is best, the others what that rests on."""
    if not found.rows:
        return ["No trial has begun yet."]
    if not found.best:
        failed = sum(row.state == "failed" for row in found.rows)
        if failed == len(found.rows):
            return ["Every trial failed." if failed > 1 else "The trial failed."]
        return ["No trial has come to a result yet."]
    if len(found.wanted) > 1:
        return _of_front(found)
    row, one = found.best[0], found.wanted[0]
    said = [
        f"Trial {row.number} is best: validation {formats.title(one.metric).lower()} "
        f"{formats.metric(one.metric, one.of(row))}."
    ]
    if row.values:
        said.append(f"It has {values_of(row)}.")
    return said


def _of_front(found: Found) -> list[str]:
    named = " and ".join(formats.title(one.metric).lower() for one in found.wanted)
    if len(found.best) == 1:
        (row,) = found.best
        return [f"Trial {row.number} is best in {named} at once.", f"It has {values_of(row)}."]
    first = f"{formats.some(len(found.best), 'trial')} are not beaten in {named} at once."
    return [first, "Which of them is wanted is for you to say: more of one costs some of another."]


def values_of(row: Row) -> str:
    """`learning_rate 0.1, depth 3` of a trial."""
    return ", ".join(f"{key} {text(value)}" for key, value in row.values.items())


def numbers(found: Found, effort: Effort) -> list[Number]:
    """What a person looks for first."""
    several = [_result(found, found.best[0], one) for one in found.wanted] if (
        len(found.best) == 1
    ) else []  # fmt: skip
    counts = Counter(row.state for row in found.rows)
    first = next(state for state in STATES if counts[state] or state == "done")
    rest = [f"{counts[state]} {state}" for state in STATES if counts[state] and state != first]
    several.append(Number(f"Trials {first}", str(counts[first]), note=", ".join(rest)))
    several.append(Number("Device time", formats.duration(effort.seconds)))
    if goodput_of(effort):
        several.append(Number("Goodput", goodput_of(effort), note="of that time, in steps"))
    if effort.compiling is not None:
        several.append(Number("Compiling", formats.duration(effort.compiling), note="of that time"))
    return several


def _result(found: Found, row: Row, one: Objective) -> Number:
    """The winner's value, with the interval of the examples that it was measured on."""
    low, high, examples = interval(found, row, one.metric)
    ends = formats.span(one.metric, low, high)
    size = f"on {formats.count(examples)} examples" if examples else ""
    title = f"Validation {formats.title(one.metric).lower()}"
    return Number(title, formats.metric(one.metric, one.of(row)), ends, size)


def interval(
    found: Found, row: Row, metric: str
) -> tuple[float | None, float | None, float | None]:
    """Ends of a result's 95% interval and the number of examples, None where not known.

    As the trial's analysis has it; without one, of a share of examples Wilson's.
    """
    examples = row.result.get("validation/examples")
    file = found.run(row) / "evaluation" / "validation" / "analysis.json"
    analysis = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    known: Mapping[str, Any] = (analysis.get("estimates") or {}).get(metric) or {}
    if known.get("low") is not None:
        return known["low"], known["high"], examples
    value = row.result.get(f"validation/{metric}")
    if metric in _SUCCESSES and examples and value is not None and 0 <= value <= 1:
        one = proportion(value * examples, int(examples))
        return one.low, one.high, examples
    return None, None, examples


def luck(confirmed: Mapping[str, Any]) -> list[str]:
    """How much of the lead was luck, then the test figure."""
    metric, validation, test = (confirmed[key] for key in ("metric", "validation", "test"))
    if validation["mean"] is None:
        return ["None of its confirmations has ended with a result."]
    name = formats.title(metric).lower()
    times = "a fresh seed" if validation["n"] == 1 else f"{validation['n']} fresh seeds"
    said = [
        f"Trial {confirmed['trial']} was chosen for its {_value(metric, confirmed['chosen'])}. "
        f"Trained again with {times}, the same values reach {_mean(metric, validation)}."
    ]
    said.append(_verdict(confirmed, _difference(metric, abs(confirmed["luck"]))))
    if test["mean"] is not None:
        said.append(
            f"On the test split, by which nothing was chosen: {name} {_mean(metric, test)}."
        )
    return said


def luck_of_front(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the tables of a front's confirmations hold; nothing where nothing was confirmed."""
    if not records:
        return []
    trials = len({record["trial"] for record in records})
    which = "The trial of the front was" if trials == 1 else "Each trial of the front was"
    return [
        f"{which} trained again with fresh seeds, whose means are beside what it was chosen for.",
        "By the test split nothing was chosen, as long as you do not choose by it.",
    ]


def _verdict(confirmed: Mapping[str, Any], size: str) -> str:
    """Whether the choice flattered."""
    validation, chosen = confirmed["validation"], confirmed["chosen"]
    if math.isclose(confirmed["luck"], 0, abs_tol=1e-9):
        return "None of its lead was luck: the fresh seeds are as good."
    if confirmed["luck"] < 0:
        return f"None of its lead was luck: the fresh seeds are {size} better."
    low, high = validation["low"], validation["high"]
    if low is not None and low <= chosen <= high:
        seeds = formats.some(validation["n"], "seed")
        return f"That is {size} worse; with {seeds} it cannot be told from chance."
    return f"{size.capitalize()} of the chosen figure were luck."


def _difference(metric: str, size: float) -> str:
    return formats.points(size) if formats.is_share(metric) else formats.number(size)


def _mean(metric: str, estimate: Mapping[str, Any]) -> str:
    ends = formats.span(metric, estimate["low"], estimate["high"])
    mean = _value(metric, estimate["mean"])
    return f"{mean} on average (95% interval {ends})" if ends else mean


def _value(metric: str, found: float) -> str:
    return formats.metric(metric, found) if math.isfinite(found) else "—"
