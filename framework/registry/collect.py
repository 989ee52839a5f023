"""Removes what no version needs: blobs of pushes that never ended, leftovers of kills."""

from dataclasses import dataclass

from framework.registry.blobs import BLOBS, place
from framework.registry.log import MODELS
from framework.registry.model import read_or_empty
from framework.registry.store import Store


@dataclass(frozen=True)
class Collected:
    """What was removed, or would be; and what is unreferenced but too young.

    Attributes:
        size: bytes of what was removed.
        young: files; a push that is going on needs them.
    """

    removed: tuple[str, ...]
    size: int
    young: int


def collect(store: Store, grace_hours: float = 24.0, really: bool = True) -> Collected:
    """Removes unreferenced files that are older than `grace_hours`, which a push must not last.

    Raises:
        RegistryError: a log is damaged, so that what it needs is not known; nothing is removed.
    """
    found = [*store.files(BLOBS), *store.leftovers()]
    models = [read_or_empty(store, name) for name in store.folders(MODELS)]
    versions = [version for model in models for version in model.versions.values()]
    needed = {place(blob) for version in versions for blob in version.files.values()}
    removed, size, young = [], 0, 0
    for name in found:
        if name in needed:
            continue
        bytes_ = store.size(name) or 0
        if store.remove_older(name, grace_hours * 3600, really):
            removed.append(name)
            size += bytes_
        else:
            young += 1
    return Collected(tuple(removed), size, young)
