"""Signatures: whoever has not the key cannot change a byte."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from framework.artifact import ArtifactError, InvalidInput, load
from framework.artifact.signing import check_key, check_public_key, sign, verify_signature
from tests.artifact.keys import make_key

pytest.importorskip("model_signing", reason="the extra `signing` is not installed")


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


def test_a_private_key_in_place_of_the_public_one_is_told_how_to_make_that(folder, keys, tmp_path):
    sign(folder, keys[0])
    private = tmp_path / "our key.pub"  # a suffix that says otherwise, and a space
    shutil.copy(keys[0], private)
    for check in (check_public_key, lambda key: verify_signature(folder, key)):
        with pytest.raises(InvalidInput, match="a private key; expected the public one") as told:
            check(private)
    (command,) = re.findall("`(.*)`", str(told.value))
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    verify_signature(folder, tmp_path / "our key.public.pem")
    assert private.read_bytes() == keys[0].read_bytes()


def test_what_is_no_public_key_is_refused_whatever_the_artifact(keys, tmp_path):
    check_public_key(keys[1])
    (tmp_path / "text").write_text("no key")
    (tmp_path / "bytes").write_bytes(bytes(range(256)))
    (tmp_path / "empty").touch()
    _, other = make_key(tmp_path, "other", "secp256k1")
    rsa = ["openssl", "genpkey", "-algorithm", "RSA", "-out", tmp_path / "rsa.pem"]
    show = ["openssl", "pkey", "-in", tmp_path / "rsa.pem", "-pubout", "-out", tmp_path / "rsa.pub"]
    for words in (rsa, show):
        subprocess.run(words, check=True, capture_output=True)
    for wrong in (other, *(tmp_path / name for name in ("text", "bytes", "empty", "rsa.pub"))):
        with pytest.raises(InvalidInput, match="expected an elliptic-curve public key") as told:
            check_public_key(wrong)
        assert str(told.value).startswith(f"{wrong}: ")
        assert "\n" not in str(told.value)
    for absent in (tmp_path / "none", tmp_path):
        with pytest.raises(InvalidInput, match="there is no such file"):
            check_public_key(absent)
    with pytest.raises(ArtifactError, match="expected an elliptic-curve private key"):
        check_key(tmp_path / "rsa.pem")
