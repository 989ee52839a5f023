"""Signatures: whoever has not the key cannot change a byte."""

import subprocess
from pathlib import Path

import pytest

from framework.artifact import ArtifactError, load
from framework.artifact.signing import check_key, sign, verify_signature

pytest.importorskip("model_signing", reason="the extra `signing` is not installed")


def make_key(folder: Path, name: str) -> tuple[Path, Path]:
    """A private and a public key, by OpenSSL."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    make = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private]
    show = ["openssl", "ec", "-in", private, "-pubout", "-out", public]
    for words in (make, show):
        subprocess.run(words, check=True, capture_output=True)
    return private, public


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_key(tmp_path_factory.mktemp("keys"), "ours")


def test_a_signed_artifact_loads_and_verifies_wherever_it_is(folder, keys, tmp_path):
    sign(folder, keys[0])
    verify_signature(folder, keys[1])
    moved = folder.rename(tmp_path / "elsewhere")
    verify_signature(moved, keys[1])
    assert load(moved, warm=False).about["name"] == "toy"


def test_a_flipped_byte_in_each_file_is_refused(folder, keys):
    sign(folder, keys[0])
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    assert {p.name for p in files} >= {"manifest.json", "model.sig", "weights.safetensors"}
    for path in files:
        content = path.read_bytes()
        flipped = bytearray(content)
        flipped[len(content) // 2] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(ArtifactError, match="not as it was signed"):
            verify_signature(folder, keys[1])
        path.write_bytes(content)
    verify_signature(folder, keys[1])


def test_another_key_a_missing_signature_and_an_added_file_are_refused(folder, keys, tmp_path):
    with pytest.raises(ArtifactError, match="not signed"):
        verify_signature(folder, keys[1])
    sign(folder, keys[0])
    _, other = make_key(tmp_path, "other")
    with pytest.raises(ArtifactError, match="signed with another key"):
        verify_signature(folder, other)
    (folder / "more").write_text("more")
    with pytest.raises(ArtifactError, match="more"):
        verify_signature(folder, keys[1])


def test_what_is_no_key_is_refused_before_anything_is_made(keys, tmp_path):
    check_key(keys[0])
    for wrong in (keys[1], tmp_path / "none", tmp_path):
        with pytest.raises(ArtifactError, match="expected an elliptic-curve private key"):
            check_key(wrong)
