"""Aliases move: forward through gates, and back in one step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framework.registry.commit import commit
from framework.registry.errors import InvalidRequest, RegistryError
from framework.registry.gates.gate import Contender, Finding, Gate, judge
from framework.registry.log import Draft
from framework.registry.model import Model, Move, read_model
from framework.registry.names import check_alias
from framework.registry.store import Store

ANY = object()


class GatesFailed(Exception):  # noqa: N818
    """Gates refuse a version; nothing was changed."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(f"{f.gate}: {f.sentence}" for f in findings if not f.passed))


@dataclass(frozen=True)
class Promoted:
    """What came of a promotion.

    Attributes:
        move: the alias' newest; None where it meant this version already.
    """

    model: Model
    alias: str
    version: int
    move: Move | None
    findings: tuple[Finding, ...]


def promote(
    store: Store,
    name: str,
    reference: str,
    alias: str,
    gates: Mapping[str, Gate],
    *,
    expect: Any = ANY,
    reason: str = "",
    force: str | None = None,
) -> Promoted:
    """Has `alias` mean another version, if the gates let it and nobody else moved it meanwhile.

    The alias is looked at, the gates run against the version that it means, and it is moved only
    if it still means that one. What the gates found is kept in the log.

    Args:
        reference: a version's number, an alias or `latest`.
        expect: the version that the alias must mean before, or None for no such alias.
        force: the reason for which gates that fail do not count.

    Raises:
        InvalidRequest: there is no such model or version, the alias is `latest`, or the reason is
            empty.
        GatesFailed: a gate refuses.
        RegistryError: the alias is not what is expected, or was moved meanwhile.
    """
    check_alias(alias)
    if force is not None and not force.strip():
        raise InvalidRequest("--force needs a reason in words, which the log keeps")
    model = read_model(store, name)
    version, seen = model.find(reference), model.aliases.get(alias)
    if expect is not ANY and seen != expect:
        raise RegistryError(f"{alias} of {name} is {_told(seen)}, not {_told(expect)}: not moved")
    if seen == version.number:
        return Promoted(model, alias, version.number, None, ())
    champion = model.versions[seen] if seen is not None else None
    with Contender(store, version) as candidate:
        if champion is None:
            findings = judge(gates, candidate, None)
        else:
            with Contender(store, champion) as other:
                findings = judge(gates, candidate, other)
    failed = [finding for finding in findings if not finding.passed]
    if failed and force is None:
        raise GatesFailed(findings)

    def decide(now: Model) -> Draft:
        if now.aliases.get(alias) != seen:
            raise RegistryError(_overtaken(now, alias, seen))
        return Draft("promote", reason, {
            "alias": alias, "before": seen, "version": version.number,
            "gates": [finding.json() for finding in findings],
            "forced": (force or "") if failed else "",
        })  # fmt: skip

    model = commit(store, name, decide)
    return Promoted(model, alias, version.number, model.moves[-1], findings)


def rollback(
    store: Store, name: str, alias: str, *, expect: Any = ANY, reason: str = ""
) -> tuple[Model, Move]:
    """Has `alias` mean again what it meant before its last promotion; without gates, in one step.

    Rolled back twice, it means what it meant before the last two.

    Raises:
        InvalidRequest: there is no such model or alias, or the alias never meant anything else.
        RegistryError: it is not what is expected.
    """
    check_alias(alias)
    model = read_model(store, name)
    model.find(alias)

    def decide(now: Model) -> Draft:
        stack = now.stacks[alias]
        if expect is not ANY and stack[-1] != expect:
            raise RegistryError(
                f"{alias} of {name} is {_told(stack[-1])}, not {_told(expect)}: not moved"
            )
        if len(stack) < 2:
            text = f"{alias} of {name} is {_told(stack[-1])}, and no earlier promotion is left"
            raise InvalidRequest(f"{text} to go back to")
        content = {"alias": alias, "before": stack[-1], "version": stack[-2]}
        return Draft("rollback", reason, content)

    model = commit(store, name, decide)
    return model, model.moves[-1]


def _overtaken(model: Model, alias: str, seen: int | None) -> str:
    last = [move for move in model.moves if move.alias == alias][-1]
    return (
        f"{alias} of {model.name} was {_told(seen)} when this began, and {last.entry.by} made it "
        f"{_told(last.version)} meanwhile ({last.entry.kind}, {last.entry.time}): not moved; "
        "promote again to be compared with that one"
    )


def _told(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"
