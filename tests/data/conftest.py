"""A cache of the tests' own, and the digits once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import framework.data
from framework.data import Data


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRAMEWORK_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def digits(cache: Path) -> Data:
    return framework.data.digits(batch_size=100)
