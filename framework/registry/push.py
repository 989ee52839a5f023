"""An artifact becomes a version."""

from dataclasses import dataclass
from pathlib import Path

from framework.artifact import inspect
from framework.registry.blobs import absent, hashed, upload
from framework.registry.commit import commit
from framework.registry.errors import InvalidRequest, RegistryError
from framework.registry.log import Draft
from framework.registry.model import Model, Version
from framework.registry.names import check_name
from framework.registry.store import Store

_TRIES = 3


@dataclass(frozen=True)
class Pushed:
    """What came of a push.

    Attributes:
        new: False where these very files were a version already.
        uploaded: bytes that were not in the store.
    """

    model: str
    version: Version
    new: bool
    uploaded: int


def push(store: Store, path: Path, name: str = "", reason: str = "") -> Pushed:
    """Registers the artifact at `path` as the next version of a model.

    The same files again are the version that they are already; what is missing of its blobs is
    stored again. A version is there once its blobs are: whoever sees it can have it.

    Args:
        name: of the model; the artifact's own unless given.

    Raises:
        InvalidRequest: the name is none, or `path` is no directory.
        RegistryError: the artifact is not as it was made, or the store refuses; nothing is
            registered.
    """
    if not path.is_dir():
        raise InvalidRequest(f"{path}: no such directory; scripts/export.py makes artifacts")
    files = hashed(path)
    about = inspect(path, verified=False).about
    name = check_name(name or str(about.get("name", "")), "model")
    new: list[bool] = []
    uploaded = 0

    def decide(model: Model) -> Draft | None:
        nonlocal uploaded
        uploaded += upload(store, path, files, model)
        if _same(model, files) is not None:
            new.clear()
            return None
        new.append(True)
        listed = {file: blob._asdict() for file, blob in files.items()}
        number = len(model.versions) + 1
        content = {"version": number, "files": listed, "about": dict(about)}
        return Draft("push", reason, content)

    model = commit(store, name, decide)
    for _ in range(_TRIES):  # of what somebody cleaned away just before the entry was there
        lost = absent(store, files.values())
        if not lost:
            break
        uploaded += upload(store, path, files, model)
    else:
        raise RegistryError(f"{store.where}: {len(lost)} blobs of {name} do not stay; push again")
    version = _same(model, files)
    assert version is not None
    return Pushed(name, version, bool(new), uploaded)


def _same(model: Model, files: object) -> Version | None:
    found = (version for version in model.versions.values() if dict(version.files) == files)
    return next(found, None)
