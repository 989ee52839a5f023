"""A plan for a person to read."""

from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.table import Table

from framework.train.planning.plan import Memory, Plan, Speed, shown_mesh

Rows = Iterator[tuple[str, str, str]]


def print_plan(console: Console, plan: Plan) -> None:
    """Where the memory goes, whether it fits, what is computed and sent, how fast it can be."""
    devices = "device" if plan.devices == 1 else "devices"
    console.print(
        f"[bold]{plan.experiment}[/bold] on {plan.target}: {plan.devices} {devices} "
        f"({plan.device}), {shown_mesh(plan.mesh)}"
        + (f", remat {plan.remat}" if plan.remat else "")
    )
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for row in _rows(plan):
        table.add_row(*row)
    console.print(table)
    console.print(verdict(plan))


def verdict(plan: Plan) -> str:
    """Fits or does not fit, and by how much."""
    memory = plan.memory
    if memory.needed is None or memory.capacity is None:
        if memory.refused:
            return f"[red]does not fit[/red]: {plan.failure}"
        return "Whether it fits cannot be said: the memory of this device is not in the table."
    whose = "this machine's memory for each" if plan.platform == "cpu" else "the device's memory"
    share = f"{memory.needed / memory.capacity:.0%} of {size(memory.capacity)}, {whose}"
    left = memory.capacity - memory.needed
    if memory.fits:
        return f"[green]fits[/green], with {size(left)} to spare ({share})"
    if left > 0:  # the compiler keeps some of the memory for itself
        return f"[red]does not fit[/red]: {size(memory.needed)} wanted ({plan.failure})"
    return f"[red]does not fit[/red], by {size(-left)} ({share})"


def size(count: float) -> str:
    """Bytes in a unit that one can read."""
    for unit, one in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(count) >= one:
            return f"{count / one:,.2f} {unit}"
    return f"{count:,.0f} B"


def number(count: float, unit: str = "") -> str:
    """A number with a metric prefix."""
    for prefix, one in (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(count) >= one:
            return f"{count / one:,.3g} {prefix}{unit}".strip()
    return f"{count:,.3g} {unit}".strip()


def duration(seconds: float) -> str:
    """Seconds in a unit that one can read."""
    for unit, one in (("h", 3600.0), ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= one:
            return f"{seconds / one:,.3g} {unit}"
    return f"{seconds * 1e9:,.3g} ns"


def _rows(plan: Plan) -> Rows:
    tokens = f", {plan.tokens_per_step:,} tokens" if plan.tokens_per_step else ""
    yield "parameters", f"{plan.parameters:,}", ""
    yield "batch", f"{plan.batch_size:,}", f"examples a step{tokens}"
    yield "", "", ""
    yield from _memory(plan.memory)
    yield "", "", ""
    model, hardware = (sum(plan.operations[k].values()) for k in ("model", "hardware"))
    yield "model operations a step", number(model, "FLOP"), "3 × the forward pass"
    again = f", {hardware / model:.2f} × the model's" if model else ""
    yield "hardware operations", number(hardware, "FLOP"), f"{_types(plan.operations)}{again}"
    if plan.moved:
        yield "memory traffic", size(plan.moved["program"]), "a device, estimate from the program"
        yield "  least", size(plan.moved["least"]), "state and batch, read and written once"
        if "xla" in plan.moved:
            yield "  by XLA", size(plan.moved["xla"]), "counts the body of a loop once"
    yield "", "", ""
    for each in plan.collectives:
        note = f"{each.count} in the program, {each.times} a step; {size(each.bytes)} of arrays"
        yield f"{each.kind} ({', '.join(each.axes)})", size(each.sent), f"sent: {note}"
    if not plan.collectives and plan.failure is None:
        yield "collectives", "none", ""
    if plan.speed is not None:
        yield "", "", ""
        yield from _speed(plan, plan.speed)
    yield "", "", ""
    yield (
        "compiled in",
        duration(plan.seconds.get("compile", 0.0)),
        (
            f"traced in {duration(plan.seconds.get('trace', 0.0))}"
            + (", with little effort" if plan.quick else "")
        ),
    )


def _memory(memory: Memory) -> Rows:
    yield "parameters", size(memory.parameters), "on a device"
    yield "optimizer state", size(memory.optimizer), ""
    if memory.average:
        yield "averaged weights", size(memory.average), ""
    yield "model's other variables", size(memory.others), ""
    yield "batch", size(memory.batch), ""
    if memory.temporaries is not None and memory.given is not None:
        padding = memory.given - memory.state - memory.batch
        if padding > memory.given / 1000:
            yield "padding", size(padding), "as the compiler lays arrays out"
        yield "activations, temporaries", size(memory.temporaries), ""
        yield "program", size(memory.code or 0), ""
        yield "in all", size(memory.total or 0), ""
        if memory.peak is not None:
            note = "what must fit" if memory.needed == memory.peak else ""
            yield "peak, by the compiler", size(memory.peak), note
    if memory.refused and memory.needed is not None:
        yield "wanted by the program", size(memory.needed), "the compiler refused it"


def _types(found: Mapping[str, Mapping[str, float]]) -> str:
    total = sum(found["hardware"].values()) or 1.0
    return ", ".join(f"{kind} {n / total:.0%}" for kind, n in found["hardware"].items())


def _speed(plan: Plan, speed: Speed) -> Rows:
    yield "least time: arithmetic", duration(speed.compute), "at the published peak"
    yield "  memory", duration(speed.memory), f"{duration(speed.traffic)} for all the traffic"
    for axes, seconds in speed.interconnect.items():
        if axes != "all" or len(speed.interconnect) > 2:
            name = axes if axes.startswith("network") else f"interconnect ({axes})"
            yield f"  {name}", duration(seconds), ""
    yield "no step is faster than", duration(speed.bound), f"bound by {speed.limit}"
    yield "expect no better than", duration(speed.expected), "with all the memory traffic"
    yield (
        "highest MFU",
        f"{speed.mfu:.1%}",
        f"{speed.mfu * speed.bound / speed.expected:.1%} as expected",
    )
    rate, unit = (speed.tokens, "tokens") if speed.tokens else (speed.examples, "examples")
    yield "at most", f"{rate:,.0f}", f"{unit} a second; {rate / plan.devices:,.0f} a device"
    if speed.step_cost is not None and speed.run_cost is not None:
        yield "cost of a step", f"{speed.step_cost:.3g}", "at the least"
        yield "cost of the run", f"{speed.run_cost:,.2f}", f"{plan.steps:,} steps"
