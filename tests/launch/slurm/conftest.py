"""A Slurm of one node for the tests of this folder, started once."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.experiments.launch import environment
from tests.launch.slurm.single_node import Slurm, single_node, why_not


@pytest.fixture(scope="session")
def one_node() -> Iterator[Slurm]:
    missing = why_not()
    if missing is not None:
        pytest.skip(missing)
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))  # short, and open to munge
    folder.chmod(0o755)
    try:
        with single_node(folder) as slurm:
            yield slurm
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def slurm(one_node: Slurm, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """The cluster, with its commands set to it, and the environment of a user."""
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    for name, value in one_node.environment.items():
        monkeypatch.setenv(name, value)
    return one_node
