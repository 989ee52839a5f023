"""Everything that can be checked: logs, blobs, signatures."""

import os
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from framework.artifact import ArtifactError, InvalidInput
from framework.artifact.signing import check_public_key
from framework.registry.blobs import place, wrong
from framework.registry.errors import InvalidRequest, RegistryError
from framework.registry.log import MODELS
from framework.registry.model import Blob, Model, Version, read_model
from framework.registry.names import Reference
from framework.registry.pull import pull
from framework.registry.signed import why_unsigned
from framework.registry.store import Store


@dataclass(frozen=True)
class Verified:
    """What was looked at, and what is wrong with it.

    Attributes:
        heads: of each model the number and the hash of its newest entry. Kept elsewhere, they
            show later that no entry was taken from the end.
        problems: one line each; empty when all is whole. A damaged blob is read once, and its
            line names every version of those looked at that uses it.
    """

    models: int
    versions: int
    blobs: int
    size: int
    heads: dict[str, tuple[int, str]]
    problems: tuple[str, ...]


def verify(
    store: Store, reference: Reference | None = None, key: Path | None = None, head: str = ""
) -> Verified:
    """Reads logs and blobs whole: of one version, of a model, or of all.

    Args:
        key: a public key; every version must be signed with the private one of it.
        head: the hash that a log's newest entry had once: one of the entries must have it, or
            some were taken from the end, or all were written anew.

    Raises:
        InvalidRequest: there is no such model or version, or the key is no public one.
    """
    if key is not None:
        _check(key)
    problems, models = [], []
    for name in [reference.model] if reference else store.folders(MODELS):
        try:
            models.append(read_model(store, name))
        except RegistryError as error:
            problems.append(str(error))
        except InvalidRequest as error:
            if reference:
                raise
            # A kill between making the folder and its first entry leaves an empty one.
            problems += [str(error)] if store.files(f"{MODELS}/{name}") else []
    if head and not any(entry.sha256 == head for model in models for entry in model.entries):
        problems.append(f"no entry has the hash {head}: the log that ended with it is gone")
    chosen = [(model, version) for model in models for version in _versions(model, reference)]
    users = _users(chosen)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda blob: wrong(store, blob), users)
        told = zip(users.items(), found, strict=True)
        problems += [f"{_told(of)} ({place(blob)}): {said}" for (blob, of), said in told if said]
    if key is not None:
        said = (_unsigned(store, model, version, key) for model, version in chosen)
        problems += [line for line in said if line]
    size = sum(blob.size for blob in users)
    heads = {model.name: (len(model.entries), model.entries[-1].sha256) for model in models}
    return Verified(len(models), len(chosen), len(users), size, heads, tuple(problems))


def _versions(model: Model, reference: Reference | None) -> list[Version]:
    if reference and reference.version:
        return [model.find(reference.version)]
    return list(model.versions.values())


def _check(key: Path) -> None:
    """A wrong key is a mistake of the request, and no damage of the versions."""
    try:
        check_public_key(key)
    except InvalidInput as error:
        raise InvalidRequest(f"--key {error}") from error
    except ArtifactError as error:
        raise InvalidRequest(str(error)) from error


def _users(chosen: Iterable[tuple[Model, Version]]) -> dict[Blob, dict[str, list[str]]]:
    """Of each blob the versions that use it, and by which names."""
    users: dict[Blob, dict[str, list[str]]] = {}
    for model, version in chosen:
        for name, blob in version.files.items():
            names = users.setdefault(blob, {}).setdefault(f"{model.name}@{version.number}", [])
            names.append(name)
    return users


def _told(users: Mapping[str, list[str]]) -> str:
    """`toy@1, toy@2: empty; other@1: nothing`: versions with the same names stand together."""
    versions: dict[str, list[str]] = {}
    for version, names in users.items():
        versions.setdefault(", ".join(names), []).append(version)
    return "; ".join(f"{', '.join(those)}: {names}" for names, those in versions.items())


def _unsigned(store: Store, model: Model, version: Version, key: Path) -> str:
    with tempfile.TemporaryDirectory() as folder:
        try:
            problem = why_unsigned(pull(store, version, Path(folder) / "artifact"), key)
        except RegistryError as error:
            problem = str(error)
    return f"{model.name}@{version.number}: {problem}" if problem else ""
