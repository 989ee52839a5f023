"""A directory is an artifact only if every byte of it is as it was made."""

import json
from pathlib import Path

import pytest

from framework.artifact import ArtifactError, inspect, load
from framework.manifest import MANIFEST, write_manifest
from tests.artifact import toy


def test_a_whole_one_says_what_it_is(made):
    contents = inspect(made)
    assert contents.about["name"] == "toy"
    assert set(contents.files) == {"programs/predict.stablehlo", "weights/weights.safetensors"}
    assert (
        contents.size
        == sum(p.stat().st_size for p in made.rglob("*") if p.is_file())
        - (made / MANIFEST).stat().st_size
    )


def test_a_flipped_byte_anywhere_is_refused_by_name(folder):
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        for position in {0, len(content) // 2, len(content) - 1}:
            flipped = bytearray(content)
            flipped[position] ^= 1
            path.write_bytes(flipped)
            with pytest.raises(ArtifactError, match=path.name) as raised:
                load(folder)
            assert "\n" not in str(raised.value)
        path.write_bytes(content)
    assert inspect(folder)


def test_a_missing_and_an_extra_file_are_refused_by_name(folder):
    (folder / "programs" / "predict.stablehlo").unlink()
    (folder / "programs" / "other").write_text("new")
    with pytest.raises(ArtifactError) as raised:
        load(folder)
    assert "programs/predict.stablehlo: missing" in str(raised.value)
    assert "programs/other: not in the manifest" in str(raised.value)


def test_an_extra_file_cannot_hide_behind_the_manifests_name(folder):
    (folder / f".{MANIFEST}.evil").mkdir()
    (folder / f".{MANIFEST}.evil" / "payload.py").write_text("x")
    with pytest.raises(ArtifactError, match=r"\.manifest\.json\.evil/payload\.py: not in the"):
        inspect(folder)


def test_links_are_refused_also_to_the_same_bytes(folder, tmp_path):
    weights = folder / "weights" / "weights.safetensors"
    outside = weights.rename(tmp_path / "outside")
    weights.symlink_to(outside)
    with pytest.raises(ArtifactError, match=r"weights/weights\.safetensors: a link"):
        load(folder)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../outside"])
def test_names_that_leave_the_directory_are_refused(folder, tmp_path, name):
    (tmp_path / "outside").write_text("secret")
    content = json.loads((folder / MANIFEST).read_text())
    content["files"][name] = {"size": 6, "sha256": ["0" * 64]}
    del content["digest"]
    (folder / MANIFEST).write_text(json.dumps({**content, "format": 2}))
    with pytest.raises(ArtifactError, match="is not below the directory"):
        load(folder)


def test_a_program_that_the_manifest_does_not_list_is_refused(tmp_path):
    programs = {"predict": {"file": "../../elsewhere.stablehlo", "platforms": ["cpu"]}}
    folder = toy.write(tmp_path / "toy", programs=programs)
    with pytest.raises(ArtifactError, match=r"names \.\./\.\./elsewhere\.stablehlo, but lists no"):
        load(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not JSON", "cannot be read"),
        ("", "cannot be read"),
        ("[" * 50_000, "cannot be read"),
        ('{"format": 3}', "cannot be read"),
        ('{"format": 2, "files": {}}', "no artifact, but another directory"),
    ],
)
def test_a_manifest_that_is_none_is_refused_in_a_line(folder, text, said):
    (folder / MANIFEST).write_text(text)
    with pytest.raises(ArtifactError, match=said) as raised:
        load(folder)
    assert "\n" not in str(raised.value)


def test_a_format_of_the_future_is_refused(folder):
    write_manifest(folder, toy.about(artifact_format=7))
    with pytest.raises(ArtifactError, match="an artifact of format 7; this version reads format 1"):
        load(folder)


def test_what_is_no_directory_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="no such directory"):
        load(tmp_path / "nowhere")
    with pytest.raises(ArtifactError, match="no artifact, as it has no manifest"):
        load(tmp_path)


@pytest.mark.parametrize("lost", ["signature", "programs", "weights", "batch_sizes"])
def test_a_manifest_that_lacks_a_part_is_refused(tmp_path, lost):
    folder = toy.write(tmp_path / "toy")
    whole = toy.about()
    del whole[lost]
    write_manifest(folder, whole)
    with pytest.raises(ArtifactError, match=lost):
        load(folder)


def test_a_program_of_another_making_is_refused(folder):
    (folder / "programs" / "predict.stablehlo").write_bytes(b"no program")
    write_manifest(folder, toy.about())
    with pytest.raises(ArtifactError, match="no program that jax"):
        load(folder)


def test_a_program_for_other_platforms_is_refused(tmp_path):
    programs = {"predict": {"file": "programs/predict.stablehlo", "platforms": ["tpu"]}}
    folder = toy.write(tmp_path / "toy", programs=programs)
    with pytest.raises(ArtifactError, match="made for tpu, but this process has cpu"):
        load(folder)


def test_weights_of_another_making_are_refused(folder: Path):
    (folder / "weights" / "weights.safetensors").write_bytes(b"no weights")
    write_manifest(folder, toy.about())
    with pytest.raises(ArtifactError, match=r"weights\.safetensors: no weights"):
        load(folder)
