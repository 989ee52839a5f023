"""What no version needs goes, once it is old; everything else stays."""

import os

import pytest

from framework.registry import RegistryError, collect, push, verify
from framework.registry.blobs import hashed, upload
from framework.registry.model import Model


def test_what_versions_need_stays(store, artifacts):
    for artifact in artifacts:
        push(store, artifact)
    assert collect(store, 0).removed == ()
    assert verify(store).problems == ()


def test_blobs_of_a_push_that_never_ended_go_once_they_are_old(store, artifacts):
    push(store, artifacts[0])
    upload(store, artifacts[1], hashed(artifacts[1]), Model("toy"))
    loose = set(store.files("blobs")) - {
        f"blobs/sha256/{blob.sha256[:2]}/{blob.sha256}" for blob in hashed(artifacts[0]).values()
    }
    young = collect(store, 24)
    assert (young.removed, young.young) == ((), len(loose))
    assert set(collect(store, 0, really=False).removed) == loose
    assert loose < set(store.files("blobs"))
    done = collect(store, 0)
    assert set(done.removed) == loose
    assert done.size > 3000
    assert verify(store).problems == ()
    assert push(store, artifacts[1]).new


def test_leftovers_of_a_kill_go(filled, tmp_path):
    left = tmp_path / "registry/blobs/sha256/ab"
    left.mkdir(parents=True, exist_ok=True)
    (left / ".new-0123").write_bytes(b"half")
    (tmp_path / "registry/models/toy/log/.new-4567").write_bytes(b"half")
    assert verify(filled).problems == ()
    assert len(collect(filled, 0).removed) == 2
    assert filled.leftovers() == []


def test_a_push_makes_what_it_needs_young_again(filled, artifacts, tmp_path):
    upload(filled, artifacts[2], hashed(artifacts[2]), Model("toy"))
    for name in filled.files("blobs"):
        os.utime(tmp_path / "registry" / name, (0, 0))
    pushed = push(filled, artifacts[2])
    assert pushed.uploaded > 3000
    assert collect(filled, 1).removed == ()


def test_where_a_log_is_damaged_nothing_goes(filled, artifacts, files):
    push(filled, artifacts[2], "other")
    files("models/other")[0].write_text("{")
    before = filled.files("")
    with pytest.raises(RegistryError, match="not JSON"):
        collect(filled, 0)
    assert filled.files("") == before


def test_an_empty_registry(store):
    assert collect(store, 0).removed == ()
