"""Contenders to put before a gate."""

from collections.abc import Callable

import pytest

from framework.registry import open_store, push
from framework.registry.gates import Contender
from tests.registry.artifacts import make_artifact
from tests.registry.conftest import bucket


@pytest.fixture
def contender(tmp_path) -> Callable[..., Contender]:
    """Makes one of an artifact; see `make_artifact` for what can be different."""
    store = open_store(bucket(), make=True)
    made = []

    def make(seed: int = 0, **changes) -> Contender:
        artifact = make_artifact(tmp_path / str(len(made)), seed, **changes)
        made.append(Contender(store, push(store, artifact).version))
        return made[-1]

    yield make
    for one in made:
        one.__exit__()
