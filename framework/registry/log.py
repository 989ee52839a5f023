"""A model's log: one file an entry, created only where there is none, each with the hash of the
one before.

So one creation is at once compare-and-set (of two writers of entry 7 one fails), safe against a
kill (an entry is there whole or not at all) and a seal: an entry that is changed, taken from the
middle or put between breaks the chain. What the chain alone cannot show is that the newest entries
are missing; `verify` says the hash of the last one, to be kept elsewhere and held against later.
"""

import getpass
import hashlib
import json
import re
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from framework.registry.errors import RegistryError
from framework.registry.store import Store

MODELS = "models"
_FORMAT = 1
_FILE = re.compile(r"\d{8,}\.json", re.ASCII)
_KEYS = {"format", "number", "previous", "identifier", "kind", "time", "by", "reason", "content"}


@dataclass(frozen=True)
class Entry:
    """What happened to a model.

    Attributes:
        number: from 1, without gaps.
        kind: `push`, `promote` or `rollback`.
        time: UTC, ISO 8601.
        by: user@host.
        reason: a person's words; may be empty.
        content: what else the kind needs; see `model.fold`.
        sha256: of the entry's own bytes.
    """

    number: int
    kind: str
    time: str
    by: str
    reason: str
    content: Mapping[str, Any]
    sha256: str


@dataclass(frozen=True)
class Draft:
    """An entry that has no number yet."""

    kind: str
    reason: str
    content: Mapping[str, Any]


def read_log(store: Store, model: str) -> tuple[Entry, ...]:
    """All entries, oldest first; none where the model is not known.

    Raises:
        RegistryError: an entry is missing, cannot be read or does not follow the one before.
    """
    folder = _folder(model)
    names = sorted(store.files(folder), key=lambda name: (len(name), name))
    entries: list[Entry] = []
    for name in names:
        if name.removeprefix(f"{folder}/").startswith("."):  # a desktop's, such as .DS_Store
            continue
        if not _FILE.fullmatch(name.removeprefix(f"{folder}/")):
            raise RegistryError(f"{store.where}/{name}: no entry of a log, it is not ours")
        expected = place(model, len(entries) + 1)
        if name != expected:
            raise RegistryError(f"{store.where}/{expected}: missing, but {name} is there")
        previous = entries[-1].sha256 if entries else None
        try:
            entries.append(_decode(store.read(name), len(entries) + 1, previous))
        except (ValueError, FileNotFoundError) as error:
            raise RegistryError(f"{store.where}/{name}: {error}") from error
    return tuple(entries)


def append(
    store: Store,
    model: str,
    entries: tuple[Entry, ...],
    draft: Draft,
    check: Callable[[Entry], None] | None = None,
) -> Entry | None:
    """Writes the entry after `entries`; None where another writer was faster.

    Args:
        check: is shown the entry before it is written; what it raises keeps it from being so.

    Raises:
        RegistryError: what it says cannot be kept as JSON or read again, or the store fails.
    """
    number, previous = len(entries) + 1, entries[-1].sha256 if entries else None
    values = {
        "format": _FORMAT,
        "number": number,
        "previous": previous,
        "identifier": secrets.token_hex(8),
        "kind": draft.kind,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": _who(),
        "reason": draft.reason,
        "content": draft.content,
    }
    try:
        content = _sealed(values)
    except (ValueError, TypeError) as error:  # a NaN in a manifest
        text = f"what is to be kept of {model} is not JSON ({error}); nothing was changed"
        raise RegistryError(text) from error
    try:
        entry = _decode(content, number, previous)
    except ValueError as error:
        text = f"{store.where}: {model} cannot have this entry ({error}); nothing was changed"
        raise RegistryError(text) from error
    if check is not None:
        check(entry)
    name = place(model, number)
    try:
        store.create(name, content)
    except FileExistsError:
        # A library that tries again may have been told that what it wrote itself is there.
        if store.read(name) != content:
            return None
    return entry


def place(model: str, number: int) -> str:
    """The name of an entry's file."""
    return f"{_folder(model)}/{number:08d}.json"


def _folder(model: str) -> str:
    return f"{MODELS}/{model}/log"


def _decode(content: bytes, number: int, previous: str | None) -> Entry:
    """Raises ValueError."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"damaged, it is not JSON ({error})") from error
    if not isinstance(values, dict):
        raise ValueError("damaged, it is not an entry")
    if values.get("format") != _FORMAT:
        raise ValueError(f"of format {values.get('format')!r}, this version reads {_FORMAT}")
    values.pop("digest", None)
    if set(values) != _KEYS or _sealed(values) != content:
        raise ValueError("damaged, its content differs from its digest")
    if values["previous"] != previous:
        raise ValueError("the chain is broken: it was written on another entry than stands there")
    if values["number"] != number or not isinstance(values["content"], dict):
        raise ValueError("damaged, it is another entry than its name says")
    for key in ("kind", "time", "by", "reason"):
        if not isinstance(values[key], str):
            raise ValueError(f"{key} is {values[key]!r}, expected a text")
    kind, time, by, reason = (values[key] for key in ("kind", "time", "by", "reason"))
    sha256 = hashlib.sha256(content).hexdigest()
    return Entry(number, kind, time, by, reason, values["content"], sha256)


def _sealed(values: Mapping[str, Any]) -> bytes:
    """As the file has it, byte for byte; the last line is the hash of all before it, for the
    newest entry has no other that would say whether a byte of it changed.
    """
    text = json.dumps(values, indent=1, allow_nan=False)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({**values, "digest": digest}, indent=1).encode() + b"\n"


def _who() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
