"""Which worker has a trial, in the files that drivers and workers write."""

import json
from pathlib import Path

import pytest

from framework.launch.gke.claims import Claim, claim_of, holder
from framework.launch.names import worker_identity
from framework.launch.storage import Storage, open_storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage("launch.storage", str(tmp_path), "s")


def put(storage: Storage, worker: int, name: str, trial: int) -> None:
    task = {"trial": f"trials/{trial}", "token": "one", "words": []}
    storage.write(f"{worker_identity(worker).folder}/{name}.json", json.dumps(task))


def test_what_is_claimed_comes_before_what_is_next(storage: Storage) -> None:
    assert claim_of(storage, 0) is None
    put(storage, 0, "ended", 2)
    assert claim_of(storage, 0) == Claim("trials/2", "one", ended=True)
    put(storage, 0, "next", 3)
    assert claim_of(storage, 0) == Claim("trials/3", "one")
    put(storage, 0, "claimed", 4)
    assert claim_of(storage, 0) == Claim("trials/4", "one", claimed=True)


def test_the_worker_that_has_a_trial(storage: Storage) -> None:
    put(storage, 0, "claimed", 4)
    put(storage, 1, "ended", 2)
    put(storage, 2, "next", 3)
    assert [holder(storage, 3, f"trials/{number}") for number in (2, 3, 4, 5)] == [None, 2, 0, None]
