"""Artifacts that tests read, and copies that they may break."""

import shutil
from pathlib import Path

import pytest

from framework.artifact import Artifact, load
from tests.artifact import toy


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole artifact, not to be changed."""
    return toy.write(tmp_path_factory.mktemp("artifact") / "toy")


@pytest.fixture(scope="session")
def loaded(made: Path) -> Artifact:
    """It, loaded."""
    return load(made)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "copy"))
