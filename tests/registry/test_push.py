"""Artifacts become versions: whole, once, and never in part."""

import errno
import json
import os
import shutil

import pytest

from framework.manifest import write_manifest
from framework.registry import InvalidRequest, RegistryError, push, read_model, verify
from framework.registry.blobs import place
from tests.registry.artifacts import about, make_artifact


def test_versions_are_numbered_from_one(store, artifacts):
    pushed = [push(store, artifact) for artifact in artifacts]
    assert [(one.model, one.version.number, one.new) for one in pushed] == [
        ("toy", number, True) for number in (1, 2, 3, 4)
    ]
    assert list(read_model(store, "toy").versions) == [1, 2, 3, 4]
    assert verify(store).problems == ()


def test_a_version_says_what_the_artifact_says(store, artifacts):
    version = push(store, artifacts[0], reason="the first").version
    about = json.loads((artifacts[0] / "manifest.json").read_text())["about"]
    assert dict(version.about) == about
    assert version.entry.reason == "the first"
    assert set(version.files) == {
        p.relative_to(artifacts[0]).as_posix() for p in artifacts[0].rglob("*") if p.is_file()
    }


def test_the_same_files_again_are_the_same_version(store, artifacts):
    first = push(store, artifacts[0])
    push(store, artifacts[1])
    again = push(store, artifacts[0])
    assert (again.version.number, again.new, again.uploaded) == (1, False, 0)
    assert first.version == again.version
    assert len(read_model(store, "toy").entries) == 2


def test_what_versions_share_is_stored_once(store, artifacts):
    first, second = (push(store, artifact) for artifact in artifacts[:2])
    own = {blob for name, blob in second.version.files.items() if first.version.files[name] != blob}
    assert second.uploaded == sum(blob.size for blob in own)
    blobs = {*first.version.files.values(), *second.version.files.values()}
    assert len(store.files("blobs")) == len(blobs)


def test_a_signature_is_a_part_of_the_version(store, tmp_path):
    artifact = make_artifact(tmp_path / "signed")
    unsigned = push(store, artifact)
    (artifact / "model.sig").write_text("signature")
    signed = push(store, artifact)
    assert "model.sig" not in unsigned.version.files
    assert "model.sig" in signed.version.files
    assert signed.version.number == 2


def test_a_push_stores_again_what_was_lost(filled, artifacts, tmp_path):
    blob = read_model(filled, "toy").versions[1].files["weights/weights.safetensors"]
    (tmp_path / "registry" / place(blob)).unlink()
    assert verify(filled).problems
    assert push(filled, artifacts[0]).uploaded == blob.size
    assert verify(filled).problems == ()


def test_a_name_of_its_own(store, artifacts):
    assert push(store, artifacts[0], "other").model == "other"
    with pytest.raises(InvalidRequest, match=r"'\.\./x' cannot be the name of a model"):
        push(store, artifacts[0], "../x")


@pytest.mark.parametrize("damage", ["changed", "missing", "extra", "link", "format", "no JSON"])
def test_an_artifact_that_is_not_as_it_was_made_is_refused(store, tmp_path, damage):
    changes = {"artifact_format": 99} if damage == "format" else {}
    artifact = make_artifact(tmp_path / "artifact", **changes)
    if damage == "changed":
        (artifact / "model_card.md").write_text("better")
    elif damage == "missing":
        (artifact / "model_card.md").unlink()
    elif damage == "extra":
        (artifact / "more").write_text("x")
    elif damage == "link":
        (artifact / "link").symlink_to("/etc/passwd")
    elif damage == "no JSON":
        (artifact / "manifest.json").write_text("{")
    with pytest.raises(RegistryError) as caught:
        push(store, artifact)
    assert "\n" not in str(caught.value)
    assert store.files("blobs") == store.files("models") == []


def test_a_manifest_with_a_number_that_is_not_finite_is_refused(store, tmp_path):
    artifact = make_artifact(tmp_path / "artifact", parity=[{"largest_difference": float("nan")}])
    with pytest.raises(RegistryError, match="is not JSON"):
        push(store, artifact)
    assert store.files("models") == []


@pytest.mark.parametrize("name", ["notes: mine.md", "a\\b"])
def test_an_artifact_with_a_name_that_no_reader_accepts_locks_nothing(store, tmp_path, name):
    push(store, make_artifact(tmp_path / "good"))
    odd = make_artifact(tmp_path / "odd", 1)
    (odd / name).write_text("hello")
    (odd / "manifest.json").unlink()
    write_manifest(odd, about())
    with pytest.raises(RegistryError, match="toy cannot have this entry") as caught:
        push(store, odd)
    assert f"the file {name!r} would not be inside" in str(caught.value)
    assert "nothing was changed" in str(caught.value)
    assert list(read_model(store, "toy").versions) == [1]


def test_a_file_that_goes_away_while_it_is_copied(store, tmp_path, monkeypatch):
    artifact = make_artifact(tmp_path / "artifact")
    hashed = push.__globals__["hashed"]

    def hashed_and_gone(path):
        found = hashed(path)
        (path / "model_card.md").unlink()
        return found

    monkeypatch.setitem(push.__globals__, "hashed", hashed_and_gone)
    with pytest.raises(RegistryError, match=r"model_card\.md: it went away"):
        push(store, artifact)
    assert store.files("models") == []


def test_what_is_no_artifact_is_a_mistake(store, tmp_path):
    with pytest.raises(InvalidRequest, match="no such directory"):
        push(store, tmp_path / "nothing")


def test_a_file_that_changes_while_it_is_copied(store, tmp_path, monkeypatch):
    artifact = make_artifact(tmp_path / "artifact")
    hashed = push.__globals__["hashed"]

    def hashed_and_changed(path):
        found = hashed(path)
        (path / "model_card.md").write_bytes(b"x" * found["model_card.md"].size)
        return found

    monkeypatch.setitem(push.__globals__, "hashed", hashed_and_changed)
    with pytest.raises(RegistryError, match=r"model_card.md: changed while it was copied"):
        push(store, artifact)
    assert store.files("models") == []


@pytest.mark.parametrize("operation", ["write", "link", "replace", "fsync", "mkdir"])
@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "No space left on device"), (errno.EACCES, "Permission denied")],
)
def test_no_space_and_no_permission(local, artifacts, monkeypatch, operation, number, said):
    push(local, artifacts[0])
    before = local.files("")

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, operation, fail)
        with pytest.raises(RegistryError, match=said) as caught:
            push(local, artifacts[1], "another")
    assert "\n" not in str(caught.value)
    assert local.leftovers() == []
    assert [name for name in local.files("") if "models/" in name] == [
        name for name in before if "models/" in name
    ]
    assert verify(local).problems == ()
    assert push(local, artifacts[1], "another").new


def test_a_file_in_the_way(tmp_path, artifacts):
    from framework.registry import open_store

    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryError, match=r"a file, not a folder|Not a directory"):
        open_store(tmp_path / "file" / "registry", make=True)


def test_no_version_is_seen_before_its_blobs(local, artifacts, monkeypatch):
    """At each entry that is written, all blobs are there."""
    create, seen = local.create, []

    def look(name, content):
        if name.startswith("models/"):
            files = json.loads(content)["content"]["files"].values()
            seen.append(all(local.size(f"blobs/sha256/{f['sha256'][:2]}/{f['sha256']}") == f["size"]
                            for f in files))  # fmt: skip
        create(name, content)

    monkeypatch.setattr(local, "create", look)
    push(local, artifacts[0])
    assert seen == [True]


def test_what_is_cleaned_away_at_the_last_moment_is_stored_again(local, artifacts, monkeypatch):
    create = local.create

    def clean(name, content):
        create(name, content)
        if name.startswith("models/"):
            shutil.rmtree(local._root / "blobs")

    monkeypatch.setattr(local, "create", clean)
    push(local, artifacts[0])
    assert verify(local).problems == ()
