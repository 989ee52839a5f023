"""Registries in a folder and in a bucket, and artifacts to push."""

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from framework.registry import Store, open_store, push
from tests.registry.artifacts import make_artifact


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory) -> list[Path]:
    """Four different artifacts, which no test changes."""
    folder = tmp_path_factory.mktemp("artifacts")
    return [make_artifact(folder / str(seed), seed) for seed in range(4)]


@pytest.fixture(params=["folder", "bucket"])
def store(request, tmp_path) -> Store:
    """An empty registry: in a folder of this machine, and behind fsspec."""
    where = tmp_path / "registry" if request.param == "folder" else bucket()
    return open_store(where, make=True)


@pytest.fixture
def local(tmp_path) -> Store:
    """An empty registry in the folder `registry`."""
    return open_store(tmp_path / "registry", make=True)


@pytest.fixture(scope="session")
def template(tmp_path_factory, artifacts) -> Path:
    """A registry of two versions of `toy`, to be copied: what is pushed waits for the disk."""
    where = tmp_path_factory.mktemp("template") / "registry"
    store = open_store(where, make=True)
    for artifact in artifacts[:2]:
        push(store, artifact)
    return where


@pytest.fixture
def filled(template, tmp_path) -> Store:
    """A registry of two versions of `toy`, in the folder `registry`."""
    return open_store(shutil.copytree(template, tmp_path / "registry"))


@pytest.fixture
def files(tmp_path) -> Callable[[str], list[Path]]:
    """All files below a folder of `local`, sorted."""

    def found(folder: str) -> list[Path]:
        return sorted(p for p in (tmp_path / "registry" / folder).rglob("*") if p.is_file())

    return found


def bucket() -> str:
    return f"memory://{secrets.token_hex(8)}/registry"
