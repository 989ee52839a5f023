"""Whatever is damaged is found and named."""

import importlib.util
import shutil
import sys

import pytest

from framework.manifest import write_manifest
from framework.registry import (
    InvalidRequest,
    Reference,
    open_store,
    promote,
    push,
    read_model,
    verify,
)
from framework.registry.blobs import place
from tests.artifact.keys import make_key
from tests.registry.artifacts import about, make_artifact


def test_what_is_whole_has_no_problems(store, artifacts):
    for artifact in artifacts[:2]:
        push(store, artifact)
    push(store, artifacts[2], "other")
    found = verify(store)
    assert (found.models, found.versions, found.problems) == (2, 3, ())
    assert found.blobs == len(store.files("blobs"))
    assert found.heads["toy"] == (2, read_model(store, "toy").entries[-1].sha256)


def test_a_flipped_byte_in_each_blob_is_found(filled, files):
    for path in files("blobs"):
        content = path.read_bytes()
        if not content:
            continue
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        (problem,) = verify(filled).problems
        assert path.name in problem
        assert "content differs from its hash" in problem
        path.write_bytes(content)
    assert verify(filled).problems == ()


def test_a_cut_off_and_a_missing_blob_are_found(filled, files):
    for path in files("blobs"):
        content = path.read_bytes()
        path.unlink()
        assert "missing" in " ".join(verify(filled).problems)
        path.write_bytes(content + b"x")
        assert "bytes instead of" in " ".join(verify(filled).problems)
        path.write_bytes(content)


def test_a_damaged_blob_is_read_once_and_named_with_every_version_that_uses_it(
    filled, artifacts, files, tmp_path, monkeypatch
):
    """Each version has the same card; `empty` is a file of two names in the last one."""
    twice = shutil.copytree(artifacts[2], tmp_path / "twice")
    (twice / "nothing").touch()
    write_manifest(twice, about())
    push(filled, twice, "other")
    shared = read_model(filled, "toy").versions[1].files
    read = []
    pieces = type(filled).pieces
    monkeypatch.setattr(type(filled), "pieces", lambda *of: (read.append(of[1]), pieces(*of))[1])
    for name, users in {
        "model_card.md": "other@1, toy@1, toy@2: model_card.md",
        "empty": "other@1: empty, nothing; toy@1, toy@2: empty",
    }.items():
        path = tmp_path / "registry" / place(shared[name])
        content = path.read_bytes()
        path.write_bytes(content + b"x")
        read.clear()
        (problem,) = verify(filled).problems
        said = f"{len(content) + 1} bytes instead of {len(content)}"
        assert problem == f"{users} ({place(shared[name])}): {said}"
        assert read.count(place(shared[name])) == 1
        assert sorted(name for name in read if name.startswith("blobs")) == filled.files("blobs")
        path.write_bytes(content)
    (tmp_path / "registry" / place(shared["model_card.md"])).unlink()
    (problem,) = verify(filled, Reference("toy", "2")).problems
    assert problem.startswith("toy@2: model_card.md (")


def test_a_flipped_byte_in_each_entry_is_found(filled, files):
    promote(filled, "toy", "2", "champion", {})
    for path in files("models"):
        content = path.read_bytes()
        for position in range(0, len(content), 97):
            flipped = bytearray(content)
            flipped[position] ^= 4
            path.write_bytes(flipped)
            assert verify(filled).problems
        path.write_bytes(content)
    assert verify(filled).problems == ()


def test_a_damaged_model_does_not_hide_the_others(filled, artifacts, files, tmp_path):
    push(filled, artifacts[2], "other")
    files("models/other")[0].write_text("{")
    (tmp_path / "registry" / place(read_model(filled, "toy").versions[1].files["empty"])).unlink()
    assert len(verify(filled).problems) == 2


def test_entries_taken_from_the_end_show_against_the_hash_that_was_kept(filled, files):
    number, head = verify(filled).heads["toy"]
    assert number == 2
    promote(filled, "toy", "1", "champion", {})
    assert verify(filled, head=head).problems == ()
    for path in files("models")[1:]:
        path.unlink()
    assert verify(filled).problems == ()
    assert verify(filled, head=head).problems == (
        f"no entry has the hash {head}: the log that ended with it is gone",
    )


def test_one_version_alone(filled, artifacts, tmp_path):
    blob = read_model(filled, "toy").versions[2].files["weights/weights.safetensors"]
    (tmp_path / "registry" / place(blob)).unlink()
    assert verify(filled, Reference("toy", "1")).problems == ()
    assert "toy@2: weights/weights.safetensors" in verify(filled, Reference("toy", "2")).problems[0]
    with pytest.raises(InvalidRequest, match="no version '9'"):
        verify(filled, Reference("toy", "9"))


def test_a_blob_that_is_a_link_is_refused(filled, files, tmp_path):
    path = files("blobs")[-1]
    shutil.copy(path, tmp_path / "outside")
    path.unlink()
    path.symlink_to(tmp_path / "outside")
    assert "a link" in verify(filled).problems[0]


def test_a_model_that_is_a_link_is_refused(filled, tmp_path):
    (tmp_path / "registry/models/twin").symlink_to(tmp_path / "registry/models/toy")
    assert "twin: a link" in verify(filled).problems[0]


@pytest.mark.skipif(
    importlib.util.find_spec("model_signing") is None,
    reason="model-signing (the extra `signing`) is not installed",
)
class TestSignatures:
    @pytest.fixture
    def keys(self, tmp_path):
        return make_key(tmp_path, "ours")

    def test_only_what_is_signed_passes(self, local, tmp_path, keys):
        from framework.artifact.signing import sign

        artifact = make_artifact(tmp_path / "artifact")
        push(local, artifact)
        assert "not signed" in verify(local, key=keys[1]).problems[0]
        sign(artifact, keys[0])
        push(local, artifact)
        assert verify(local, Reference("toy", "2"), keys[1]).problems == ()
        problems = verify(local, key=keys[1]).problems
        assert len(problems) == 1
        assert problems[0].startswith("toy@1: ")

    def test_whoever_makes_all_hashes_anew_still_has_no_signature(self, local, tmp_path, keys):
        from framework.artifact.signing import sign

        artifact = make_artifact(tmp_path / "artifact")
        sign(artifact, keys[0])
        signature = (artifact / "model.sig").read_bytes()
        forged = make_artifact(tmp_path / "forged", seed=1)
        (forged / "model.sig").write_bytes(signature)
        push(local, forged)
        assert verify(local).problems == ()
        assert "not as it was signed" in verify(local, key=keys[1]).problems[0]

    def test_a_key_that_is_no_public_one_is_no_damage_of_the_versions(self, local, tmp_path, keys):
        push(local, make_artifact(tmp_path / "artifact"))
        with pytest.raises(InvalidRequest, match=r"^--key .*ours\.pem: a private key; expected"):
            verify(local, key=keys[0])
        with pytest.raises(InvalidRequest, match="expected an elliptic-curve public key"):
            verify(local, key=tmp_path / "artifact/model_card.md")
        with pytest.raises(InvalidRequest, match="there is no such file"):
            verify(local, key=tmp_path / "nothing.pem")


def test_without_the_library_no_version_is_called_damaged(filled, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "model_signing.verifying", None)
    (tmp_path / "public.pem").write_text("a key")
    with pytest.raises(InvalidRequest, match="signatures need the package model_signing"):
        verify(filled, key=tmp_path / "public.pem")


def test_a_registry_of_another_format(local, tmp_path):
    from framework.registry import RegistryError

    marker = tmp_path / "registry/registry.json"
    marker.write_text('{"registry_format": 2}')
    with pytest.raises(RegistryError, match="a registry of format 2; this version reads format 1"):
        open_store(tmp_path / "registry")
    marker.write_text("{")
    with pytest.raises(RegistryError, match="damaged"):
        open_store(tmp_path / "registry")
