"""What the commands of `scripts/registry.py` show: tables for a person, JSON for a program."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framework.evaluation import formats
from framework.registry import Collected, Model, Move, Promoted, Pushed, Store, Verified, Version
from scripts.registry_command import cells

_WIDTH = 160  # columns where there is no terminal that says


@dataclass(frozen=True)
class Answer:
    """What a command found.

    Attributes:
        values: for a program.
        parts: for a person: lines, and tables of rich.
        code: the exit code.
    """

    values: Mapping[str, Any]
    parts: Sequence[Any]
    code: int = 0

    def show(self, *, as_json: bool) -> None:
        """Prints it on stdout."""
        if as_json:
            print(json.dumps(self.values, indent=1))
            return
        from rich.console import Console

        console = Console(highlight=False, soft_wrap=True)
        if not console.is_terminal:
            console = Console(highlight=False, soft_wrap=True, width=_WIDTH)
        for part in self.parts:
            console.print(part, markup=False) if isinstance(part, str) else console.print(part)


def pushed(done: Pushed, where: str) -> Answer:
    """A push."""
    own = f"{done.model}@{done.version.number}"
    values = {
        "model": done.model, "version": done.version.number, "new": done.new,
        "uploaded_bytes": done.uploaded, "bytes": done.version.size,
    }  # fmt: skip
    if done.new:
        sent = f"{formats.size(done.uploaded)} of {formats.size(done.version.size)} uploaded"
        lines = [f"{own} is registered at {where}: {sent}."]
    else:
        lines = [f"{own} is this very artifact already ({cells.when(done.version.entry.time)})."]
        if done.uploaded:
            lines.append(f"{formats.size(done.uploaded)} that were lost are there again.")
    return Answer(values, [*lines, f"Next: promote {done.model} {done.version.number}"])


def models(store: Store, found: Sequence[Model]) -> Answer:
    """All models, a line each."""
    rows, values, measured = [], [], []
    for one in found:
        newest = one.versions[max(one.versions)]
        shown = one.versions[one.aliases.get("champion", newest.number)]
        metrics = cells.read_metrics(store, shown)
        measured.append(metrics)
        others = {alias: v for alias, v in one.aliases.items() if alias != "champion"}
        champion = one.aliases.get("champion")
        rows.append((
            one.name, "—" if champion is None else f"{champion}",
            ", ".join(f"{alias} {v}" for alias, v in others.items()) or "—",
            f"{newest.number}", cells.when(newest.entry.time),
            cells.headline(metrics), formats.size(shown.size),
        ))  # fmt: skip
        values.append({
            "model": one.name, "aliases": dict(one.aliases), "newest": newest.number,
            "pushed": newest.entry.time, "split": metrics.split if metrics is not None else None,
            "metrics": cells.main_metrics(metrics),
        })  # fmt: skip
    on = cells.measured_on(measured)
    heads = ("Model", "Champion", "Other aliases", "Newest", "Pushed", on, "Size")
    lines = [_table(heads, rows)] if rows else [f"{store.where} holds no models; `push` adds one."]
    return Answer({"registry": store.where, "models": values}, lines)


def model(store: Store, one: Model) -> Answer:
    """A model: its versions, newest first, and what its aliases meant."""
    versions = [one.versions[number] for number in sorted(one.versions, reverse=True)]
    metrics = {version.number: cells.read_metrics(store, version) for version in versions}
    rows = [
        (
            f"{v.number}", ", ".join(cells.aliases(one, v)) or "—",
            cells.when(v.entry.time), v.entry.by,
            cells.headline(metrics[v.number]), cells.calibration(metrics[v.number]),
            str(v.about.get("precision", "—")), formats.size(v.size), cells.commit(v),
            v.entry.reason or "—",
        )
        for v in versions
    ]  # fmt: skip
    heads = (
        "Version", "Alias", "Pushed", "By", cells.measured_on(metrics.values()),
        "Calibration error", "Precision", "Size", "Commit", "Reason",
    )  # fmt: skip
    parts: list[Any] = [f"{one.name}: {_aliases_told(one)}", _table(heads, rows)]
    moves = [cells.move_row(move) for move in reversed(one.moves)]
    if moves:
        parts.append(_table(("When", "Alias", "From", "To", "By", "How", "Reason"), moves))
    values = {
        "model": one.name, "aliases": dict(one.aliases),
        "versions": [cells.version_values(one, v, metrics[v.number]) for v in versions],
        "moves": [cells.move_values(move) for move in one.moves],
    }  # fmt: skip
    return Answer(values, parts)


def version(store: Store, one: Model, found: Version) -> Answer:
    """One version: what it is, takes, gives, measured, holds, and how its gates went."""
    about, metrics = found.about, cells.read_metrics(store, found)
    what = about.get("model") or {}
    facts = [
        ("Alias", ", ".join(cells.aliases(one, found)) or "—"),
        ("Pushed", f"{cells.when(found.entry.time)} by {found.entry.by}"),
        ("Reason", found.entry.reason or "—"),
        ("Model", f"{what.get('target', '—')}, {what.get('parameters', 0):,} parameters"),
        ("Kind", f"{about.get('kind', '—')}, {about.get('precision', '—')}"),
        *cells.signature_facts(about.get("signature") or {}),
        ("Formats", ", ".join(["stablehlo", *(about.get("formats") or {})])),
        ("Size", f"{formats.size(found.size)} in {len(found.files)} files"),
        *cells.lineage_facts(found),
    ]
    parts: list[Any] = [f"{one.name}@{found.number}", _table(("", ""), facts)]
    shown = cells.main_metrics(metrics)
    if shown:
        assert metrics is not None
        rows = [
            (formats.title(n), formats.metric(n, v), cells.interval(n, metrics.numbers))
            for n, v in shown.items()
        ]
        parts.append(_table((f"On {cells.split_told(metrics)}", "Value", "Interval"), rows))
    for move in (move for move in one.moves if move.version == found.number and move.gates):
        rows = [cells.gate_row(gate) for gate in move.gates]
        parts.append(f"Gates to {move.alias}, {cells.when(move.entry.time)}{cells.forced(move)}")
        parts.append(_table(("Gate", "", "What was found"), rows))
    files = {n: blob._asdict() for n, blob in found.files.items()}
    return Answer({**cells.version_values(one, found, metrics), "files": files}, parts)


def promoted(done: Promoted) -> Answer:
    """A promotion."""
    name = f"{done.alias} of {done.model.name}"
    gates = [finding.json() for finding in done.findings]
    values = {
        "promoted": done.move is not None, "model": done.model.name, "alias": done.alias,
        "version": done.version, "before": done.move.before if done.move else done.version,
        "forced": done.move.forced if done.move else "", "gates": gates,
    }  # fmt: skip
    if done.move is None:
        return Answer(values, [f"{name} is version {done.version} already."])
    before = "" if done.move.before is None else f", before it was {done.move.before}"
    parts = [f"{name} is version {done.version}{before}{cells.forced(done.move)}."]
    table = _table(("Gate", "", "What was found"), [cells.gate_row(gate) for gate in gates])
    return Answer(values, [*parts, table] if gates else parts)


def rolled_back(one: Model, move: Move) -> Answer:
    """A rollback."""
    text = f"{move.alias} of {one.name} is version {move.version} again, after {move.before}."
    return Answer({"model": one.name, **cells.move_values(move)}, [text])


def lineage(one: Model, found: Version) -> Answer:
    """From a version to its run, data, config, commit and parents."""
    facts = cells.lineage_facts(found)
    values = {
        "model": one.name, "version": found.number,
        **{key: found.about.get(key) for key in ("run", "data", "commit", "uncommitted_changes",
                                                 "versions", "parents", "teacher", "created")},
        "pushed": found.entry.time, "by": found.entry.by, "entry": found.entry.sha256,
    }  # fmt: skip
    return Answer(values, [f"{one.name}@{found.number}", _table(("", ""), facts)])


def pulled(one: Model, found: Version, directory: str) -> Answer:
    """A pull."""
    values = {"model": one.name, "version": found.number, "directory": directory}
    size = f"{len(found.files)} files, {formats.size(found.size)}, verified"
    return Answer(values, [f"{one.name}@{found.number} is at {directory}: {size}."])


def verified(done: Verified, *, signed: bool) -> Answer:
    """A verification; exit code 1 where something is wrong."""
    values = {
        "whole": not done.problems, "problems": list(done.problems), "models": done.models,
        "versions": done.versions, "blobs": done.blobs, "bytes": done.size,
        "heads": {name: {"entries": n, "sha256": head} for name, (n, head) in done.heads.items()},
    }  # fmt: skip
    looked = (
        f"{formats.some(done.models, 'model')}, {formats.some(done.versions, 'version')}, "
        f"{formats.some(done.blobs, 'blob')} of {formats.size(done.size)}"
    )
    if done.problems:
        count = formats.some(len(done.problems), "problem")
        return Answer(values, [f"{looked}: {count}.", *(f"  {p}" for p in done.problems)], 1)
    heads = [f"  {name}: {n} entries, the last {head}" for name, (n, head) in done.heads.items()]
    return Answer(values, [f"{looked}: whole{', and signed' * signed}.", *heads])


def collected(done: Collected, hours: float, *, dry: bool) -> Answer:
    """A cleaning up."""
    values = {
        "removed": list(done.removed), "bytes": done.size, "younger": done.young, "dry_run": dry,
    }  # fmt: skip
    verb = "would go" if dry else "removed"
    text = f"{formats.some(len(done.removed), 'file')} of {formats.size(done.size)} {verb}"
    young = f", {done.young} younger than {hours:g} h stay" if done.young else ""
    return Answer(values, [f"{text}{young}.", *(f"  {name}" for name in done.removed)])


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, show_header=any(heads), pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _aliases_told(one: Model) -> str:
    told = [f"{alias} is version {number}" for alias, number in one.aliases.items()]
    return ", ".join(told) or "no alias yet; `promote` makes one"
