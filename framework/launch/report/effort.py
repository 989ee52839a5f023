"""What a sweep has cost: time of devices, what it went into, and money where a price is known."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from framework.evaluation.effort import Part, parts_of
from framework.evaluation.formats import duration, number, share, some
from framework.launch.report.found import Found
from framework.launch.slices import parse
from framework.launch.table import Row
from framework.run import goodput, read_attempts


@dataclass(frozen=True)
class Effort:
    """The time of all trials together.

    Attributes:
        seconds: that trials held their devices.
        share: of what they recorded, in steps that were kept; None where they recorded nothing.
        compiling: seconds of it; None where nothing was recorded.
        facts: a name and a sentence each.
    """

    seconds: float
    share: float | None
    compiling: float | None
    parts: list[Part]
    facts: list[tuple[str, str]]


def effort_of(found: Found) -> Effort:
    """From the table and the records of the runs."""
    rows = [*found.rows, *found.confirmations]
    total, compiling = defaultdict[str, float](float), dict[str, float]()
    folders = [found.run(row) for row in found.rows]
    folders += [found.sweep.path / "confirm" / str(r.values["seed"]) for r in found.confirmations]
    for run in folders:
        attempts = read_attempts(run)
        if not attempts:
            continue
        seconds = goodput(attempts).seconds
        compiling[str(run.relative_to(found.sweep.path))] = seconds.get("compile", 0.0)
        for name, value in seconds.items():
            total[name] += 0.0 if name == "stopped" else value  # which holds no device
    held, whole = sum(row.seconds for row in rows), sum(total.values())
    facts = [("Device time", _devices(rows)), *_money(found, held)]
    if compiling:
        facts.append(("Compiling", _compiling(compiling)))
    again = sum(max(row.tries - 1, 0) for row in rows)
    if again:
        facts.append(("Begun again", f"{some(again, 'time')}, each from the last checkpoint"))
    packed = sum(row.packed for row in rows)
    if packed:
        facts.append(("Packed", f"{some(packed, 'trial')} as rows of a program with others"))
    spent = total["step"] / whole if whole else None
    made = total["compile"] if compiling else None
    return Effort(held, spent, made, parts_of(total), facts)


def _compiling(seconds: Mapping[str, float]) -> str:
    """Few trials of a sweep have much to compile: the others find their program."""
    total, (name, most) = sum(seconds.values()), max(seconds.items(), key=lambda item: item[1])
    told = f"{duration(total)} in {some(len(seconds), 'trial')}"
    return f"{told}, {duration(most)} of it in {name}" if len(seconds) > 1 and most else told


def _devices(rows: Sequence[Row]) -> str:
    by_device = defaultdict[str, float](float)
    for row in rows:
        by_device[row.device or "elsewhere"] += row.seconds
    if not any(by_device.values()):
        return "none yet"
    several = sorted(by_device.items(), key=lambda item: -item[1])
    return ", ".join(f"{duration(seconds)} on {name}" for name, seconds in several if seconds)


def _money(found: Found, seconds: float) -> list[tuple[str, str]]:
    """Of slices, whose chips are counted; the price of one is the user's."""
    launch = found.request.launch
    if not launch.get("slice"):
        return []
    each, price = parse(str(launch["slice"]), launch.get("machine")), launch.get("price")
    hours = int(launch.get("slices") or 1) * each.chips * seconds / 3600
    if price is None:  # which not every launcher asks for
        hint = "; launch.price=… gives the sum" if "price" in launch else ""
        return [("Chips", f"{number(hours)} chip hours{hint}")]
    sum_ = f"{number(hours)} chip hours at {number(float(price))}: {hours * float(price):,.2f}"
    return [("Chips", sum_)]


def goodput_of(effort: Effort) -> str:
    """For people; empty where nothing was recorded."""
    return "" if effort.share is None else share(effort.share)
