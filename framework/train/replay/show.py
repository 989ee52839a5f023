"""What was found in a step, told to a person."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Finding = Mapping[str, Any]
Say = Callable[[str], None]
ROWS = 40
NAMES = 5


def show(console: Console, found: Finding) -> None:
    """Prints the findings, what matters most last."""
    say = functools.partial(console.print, markup=False)
    begun = f"checkpoint {found['from_step']}" if found["from_step"] else "the seed"
    say(
        f"Step {found['step']} on batch {found['batch']}, from {begun}: "
        f"loss {_value(found['loss'])}, gradient norm {_value(found['gradient_norm'])}"
    )
    own = found["compiled"]
    if any(_value(own[name]) != _value(found[name]) for name in own):
        say(
            f"In the run's compiled program, which rounds otherwise: loss {_value(own['loss'])}, "
            f"gradient norm {_value(own['gradient_norm'])}"
        )
    console.print(_modules(found["modules"]))
    _show_examples(say, found["examples"])
    if found["finite"]:
        _show_finite(say, found)
    else:
        _show_cause(say, found)


def _show_cause(say: Say, found: Finding) -> None:
    _show_names(say, "Not finite before the step: ", found["inputs_not_finite"])
    _show_names(say, "Not finite after it: ", found["results_not_finite"])
    _show_passing(say, found)
    if found["first"] is not None:
        _show_first(say, found["first"], found["nearest_before"])
    if found["inputs_not_finite"]:
        say("What goes into the step is not finite: look at an earlier step, or at the data.")
    elif found["first"] is None:
        say("Operation by operation it is finite: the compiled program rounds otherwise.")


def _show_first(say: Say, first: Finding, nearest: Sequence[Finding]) -> None:
    if nearest:
        say("Just before it:")
    for mark in nearest:
        what = "gradient by the output of" if mark["gradient"] else "output of"
        ill = _not_finite(mark)
        say(f"  {what} {_place(mark)}: up to {mark['largest']:.3g}{f', {ill}' if ill else ''}")
    again = ", computed again for the backward pass" if first["again"] else ""
    sizes = " and ".join(_value(size) for size in first["inputs"]) or "no numbers"
    say(f"First not finite: {_place(first)}, {first['pass']}{again}: {_operation(first)}")
    say(f"  it took numbers up to {sizes}; what it gave is {_not_finite(first['output'])}")


def _show_finite(say: Say, found: Finding) -> None:
    for title, key in (("activations", "largest_activations"), ("gradients", "largest_gradients")):
        say(f"Largest {title}:")
        for each in found[key]:
            say(f"  {each.get('name') or _place(each)}: up to {each['largest']:.3g}")
    _show_passing(say, found)
    say("Everything is finite.")


def _show_passing(say: Say, found: Finding) -> None:
    """Operations whose result was not finite and went no further, as a square that overflowed."""
    if found["passing"]:
        first = found["passing"][0]
        say(
            f"Not finite in passing, without reaching a result: {found['passing_count']} "
            f"operations, the first in {_place(first)}: {_operation(first)}"
        )


def _show_examples(say: Say, examples: Finding) -> None:
    many, count = examples["not_finite"], examples["count"]
    if many == count:
        say(f"The loss of none of the {count} examples is finite.")
        return
    said = f", {many} of {count} not finite" if many else ""
    say(f"Examples with the largest loss (median {_value(examples['median_loss'])}{said}):")
    for each in examples["largest"]:
        say(f"  index {each['index']} (row {each['row']}): {_value(each['loss'])}")


def _show_names(say: Say, title: str, rows: Sequence[Finding]) -> None:
    if rows:
        names = ", ".join(f"{row['name']} ({row['share_not_finite']:.2%})" for row in rows[:NAMES])
        more = f" and {len(rows) - NAMES} more" if len(rows) > NAMES else ""
        say(f"{title}{names}{more}")


def _modules(marks: Sequence[Finding]) -> Table:
    """Modules in the order in which they end; the layers of a stack together."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("module", no_wrap=True)
    table.add_column("largest output", justify="right")
    table.add_column("not finite", justify="right")
    groups: dict[str, list[Finding]] = {}
    for mark in marks:
        groups.setdefault(mark["module"], []).append(mark)
    broken = [i for i, rows in enumerate(groups.values()) if any(map(_is_broken, rows))]
    start = max(0, min(broken[0] + 3, len(groups)) - ROWS) if broken else 0
    for place, (name, rows) in enumerate(groups.items()):
        if start <= place < start + ROWS:
            table.add_row(*_row(name, rows))
    if len(groups) > ROWS:
        table.add_row(f"… {len(groups) - ROWS} more in replay.json", "", "", style="dim")
    return table


def _row(name: str, rows: Sequence[Finding]) -> tuple[str, str, str]:
    most = max(rows, key=lambda row: row["largest"])
    first = next((row for row in rows if _is_broken(row)), None)
    layers = len({row["layer"] for row in rows})
    where = f" (layer {most['layer']})" if layers > 1 else ""
    share = sum(row["share_not_finite"] for row in rows) / len(rows)
    since = f" (from layer {first['layer']})" if first is not None and layers > 1 else ""
    of = f" × {layers}" if layers > 1 else ""
    return name + of, f"{most['largest']:.3g}{where}", f"{share:.2%}{since}" if first else ""


def _is_broken(row: Finding) -> bool:
    return bool(row["nan"] or row["infinite"])


def _operation(row: Finding) -> str:
    return f"{row['operation']} at {row['place']}" if row["place"] else str(row["operation"])


def _place(row: Finding) -> str:
    parts = [row["module"] or "outside of the modules"]
    parts += [f"{key} {row[key]}" for key in ("layer", "microbatch") if row[key] is not None]
    return ", ".join(parts)


def _not_finite(row: Finding) -> str:
    kinds = " and ".join(kind for kind in ("nan", "infinite") if row[kind])
    return f"{row['share_not_finite']:.2%} {kinds}" if kinds else ""


def _value(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.6g}"
