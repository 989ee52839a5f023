"""What each command of `scripts/registry.py` does, between its words and what is shown."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from framework import registry
from framework.registry import InvalidRequest, Store, open_store, parse_reference, read_model
from framework.registry.gates import Gate
from framework.registry.names import Reference, check_alias, nearest
from framework.registry.promotion import ANY
from scripts.registry_command import settings as settings_of
from scripts.registry_command import tables
from scripts.registry_command.tables import Answer

CHAMPION = "champion"


def run(chosen: argparse.Namespace, words: Sequence[str]) -> Answer:
    """Does one command.

    Raises:
        InvalidConfig, InvalidRequest, GatesFailed, RegistryError.
    """
    settings = settings_of.compose(words)
    where = str(chosen.registry or settings["registry"])
    if chosen.command == "push":
        return _push(chosen, where, settings)
    store = open_store(where, make=False)
    if chosen.command in ("promote", "rollback"):
        store = open_store(where, make=True)  # to be written to
    answers = {
        "list": _list, "show": _show, "promote": _promote, "rollback": _rollback,
        "lineage": _lineage, "pull": _pull, "verify": _verify, "gc": _gc,
    }  # fmt: skip
    return answers[chosen.command](store, chosen, settings)


def _push(chosen: argparse.Namespace, where: str, settings: Mapping[str, Any]) -> Answer:
    tracker = settings_of.tracker(settings)
    path = Path(chosen.artifact)
    if not path.is_dir():
        raise InvalidRequest(f"{path}: no such directory; scripts/export.py makes artifacts")
    store = open_store(where, make=True)
    done = registry.push(store, path, chosen.name, chosen.reason)
    if tracker is not None:
        from scripts.registry_command.tracking import log_push

        log_push(store, done, path, tracker, Path(settings["push_records"]))
    return tables.pushed(done, where)


def _list(store: Store, chosen: argparse.Namespace, settings: Mapping[str, Any]) -> Answer:
    del chosen, settings
    return tables.models(store, [read_model(store, name) for name in registry.model_names(store)])


def _show(store: Store, chosen: argparse.Namespace, settings: Mapping[str, Any]) -> Answer:
    del settings
    reference = parse_reference(chosen.model)
    model = read_model(store, reference.model)
    if reference.version:
        return tables.version(store, model, model.find(reference.version))
    return tables.model(store, model)


def _promote(store: Store, chosen: argparse.Namespace, settings: Mapping[str, Any]) -> Answer:
    reference = parse_reference(chosen.model)
    version = chosen.version or reference.version
    if not version or (chosen.version and reference.version):
        raise InvalidRequest("promote: expected NAME VERSION, or NAME@VERSION")
    gates = _gates(settings, check_alias(chosen.alias))
    done = registry.promote(
        store, reference.model, version, chosen.alias, gates,
        expect=_expected(chosen.expect), reason=chosen.reason, force=chosen.force,
    )  # fmt: skip
    return tables.promoted(done)


def _rollback(store: Store, chosen: argparse.Namespace, settings: Mapping[str, Any]) -> Answer:
    del settings
    model, move = registry.rollback(
        store, _plain(chosen.model), chosen.alias,
        expect=_expected(chosen.expect), reason=chosen.reason,
    )  # fmt: skip
    return tables.rolled_back(model, move)


def _lineage(store: Store, chosen: argparse.Namespace, settings: Mapping[str, Any]) -> Answer:
    del settings
    reference = parse_reference(chosen.model)
    model = read_model(store, reference.model)
    default = CHAMPION if CHAMPION in model.aliases else "latest"
    return tables.lineage(model, model.find(reference.version or default))


def _pull(store: Store, chosen: argparse.Namespace, settings: Mapping[str, Any]) -> Answer:
    del settings
    reference = parse_reference(chosen.model)
    model = read_model(store, reference.model)
    if not reference.version:
        raise InvalidRequest(f"pull: expected {model.name}@VERSION or {model.name}@ALIAS")
    version = model.find(reference.version)
    registry.pull(store, version, Path(chosen.directory))
    return tables.pulled(model, version, chosen.directory)


def _verify(store: Store, chosen: argparse.Namespace, settings: Mapping[str, Any]) -> Answer:
    del settings
    reference: Reference | None = parse_reference(chosen.model) if chosen.model else None
    found = registry.verify(store, reference, chosen.key, chosen.head)
    return tables.verified(found, signed=bool(chosen.key))


def _gc(store: Store, chosen: argparse.Namespace, settings: Mapping[str, Any]) -> Answer:
    del settings
    if not chosen.grace_hours >= 0:
        raise InvalidRequest(f"--grace-hours {chosen.grace_hours}: expected hours from 0")
    done = registry.collect(store, chosen.grace_hours, really=not chosen.dry_run)
    return tables.collected(done, chosen.grace_hours, dry=chosen.dry_run)


def _gates(settings: Mapping[str, Any], alias: str) -> dict[str, Gate]:
    known = settings["gates"]
    if alias not in known:
        hint = f"+gates.{alias}={{…}} adds its gates"
        raise InvalidRequest(f"no gates for the alias {alias!r}: {nearest(alias, known)}; {hint}")
    return settings_of.gates(known[alias] or {}, f"gates.{alias}")


def _expected(text: str | None) -> Any:
    if text is None:
        return ANY
    if text == "none":
        return None
    if not text.isdecimal():
        raise InvalidRequest(f"--expect {text}: expected a version's number, or none")
    return int(text)


def _plain(text: str) -> str:
    reference = parse_reference(text)
    if reference.version:
        raise InvalidRequest(f"{text}: expected the model alone; --alias names the alias")
    return reference.model
