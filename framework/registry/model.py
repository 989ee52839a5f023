"""A model's versions and aliases: a fold over its log."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from framework.registry.errors import InvalidRequest, RegistryError
from framework.registry.log import MODELS, Entry, place, read_log
from framework.registry.names import LATEST, check_name, is_inside, nearest
from framework.registry.store import Store

# What `fold` raises of an entry that makes no sense where it stands.
SENSELESS = (ValueError, KeyError, TypeError, AttributeError, InvalidRequest)


class Blob(NamedTuple):
    """A file's content: bytes, and the SHA-256 of all of them."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Version:
    """What was pushed; it never changes.

    Attributes:
        files: by relative names with `/`, the manifest and a signature among them.
        about: what the artifact's manifest says of it.
    """

    number: int
    files: Mapping[str, Blob]
    about: Mapping[str, Any]
    entry: Entry

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(blob.size for blob in self.files.values())


@dataclass(frozen=True)
class Move:
    """An alias that came to mean another version.

    Attributes:
        before: the version it meant; None where there was no such alias.
        version: the one it means since.
        gates: what each found at a promotion, as `Finding` has it.
        forced: the reason why gates that failed did not count; empty where none did.
    """

    alias: str
    before: int | None
    version: int
    gates: tuple[Mapping[str, Any], ...]
    forced: str
    entry: Entry


@dataclass(frozen=True)
class Model:
    """A model as its log says.

    Attributes:
        versions: by number, from 1.
        moves: of all aliases, oldest first.
        stacks: of each alias what it meant, the present version last; a rollback takes one off.
    """

    name: str
    entries: tuple[Entry, ...] = ()
    versions: Mapping[int, Version] = field(default_factory=dict)
    moves: tuple[Move, ...] = ()
    stacks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def aliases(self) -> Mapping[str, int]:
        """The version that each alias means."""
        return {alias: stack[-1] for alias, stack in self.stacks.items()}

    def find(self, reference: str) -> Version:
        """The version of a number, an alias, or `latest`.

        Raises:
            InvalidRequest: there is none.
        """
        aliases = {**self.aliases, LATEST: max(self.versions)}
        if reference.isdecimal() and int(reference) in self.versions:
            return self.versions[int(reference)]
        if reference in aliases:
            return self.versions[aliases[reference]]
        known = list(self.versions) if reference.isdecimal() else aliases
        kind = "version" if reference.isdecimal() else "alias"
        hint = nearest(reference, known)
        raise InvalidRequest(f"{self.name} has no {kind} {reference!r}: {hint}")


def model_names(store: Store) -> list[str]:
    """Of all models, sorted."""
    return [name for name in store.folders(MODELS) if store.files(f"{MODELS}/{name}/log")]


def read_model(store: Store, name: str) -> Model:
    """The model as it is now.

    Raises:
        InvalidRequest: there is none of that name.
        RegistryError: its log is damaged.
    """
    model = read_or_empty(store, name)
    if not model.versions:
        hint = nearest(name, model_names(store))
        raise InvalidRequest(f"{store.where} has no model {name!r}: {hint}")
    return model


def read_or_empty(store: Store, name: str) -> Model:
    """The same, without versions where there is none of that name."""
    check_name(name, "model")
    model = Model(name)
    for entry in read_log(store, name):
        try:
            model = fold(model, entry)
        except SENSELESS as error:
            where = f"{store.where}/{place(name, entry.number)}"
            raise RegistryError(f"{where}: damaged ({type(error).__name__}: {error})") from error
    return model


def fold(model: Model, entry: Entry) -> Model:
    """The model after one more entry.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, InvalidRequest: the entry makes no sense
            where it stands.
    """
    after = replace(model, entries=(*model.entries, entry))
    if entry.kind == "push":
        version = _version(entry, len(model.versions) + 1)
        return replace(after, versions={**model.versions, version.number: version})
    if entry.kind in ("promote", "rollback"):
        return _moved(after, entry)
    raise ValueError(f"an entry of kind {entry.kind!r}, which this version does not know")


def _version(entry: Entry, number: int) -> Version:
    content = entry.content
    if content["version"] != number:
        raise ValueError(f"version {content['version']!r} instead of {number}")
    files = {name: Blob(one["size"], one["sha256"]) for name, one in content["files"].items()}
    for name, blob in files.items():
        if not is_inside(name):
            raise ValueError(f"the file {name!r} would not be inside the artifact")
        if type(blob.size) is not int or not _is_hash(blob.sha256):
            raise ValueError(f"the file {name!r} has no size or no hash")
    if not isinstance(content["about"], dict):
        raise ValueError("it does not say what the artifact is")
    return Version(number, MappingProxyType(files), MappingProxyType(content["about"]), entry)


def _moved(model: Model, entry: Entry) -> Model:
    content = entry.content
    alias, version = check_name(content["alias"], "alias"), content["version"]
    stack = model.stacks.get(alias, ())
    before = stack[-1] if stack else None
    if content["before"] != before or version not in model.versions:
        raise ValueError(f"{alias} from {content['before']!r} to {version!r}, where it is {before}")
    stack = (*stack, version) if entry.kind == "promote" else stack[:-1]
    if stack[-1:] != (version,):
        raise ValueError(f"{alias} rolled back to {version}, where it was not before")
    gates, forced = tuple(content.get("gates", ())), str(content.get("forced", ""))
    move = Move(alias, before, version, gates, forced, entry)
    return replace(model, moves=(*model.moves, move), stacks={**model.stacks, alias: stack})


def _is_hash(text: Any) -> bool:
    return isinstance(text, str) and len(text) == 64 and set(text) <= set("0123456789abcdef")
