"""What was pushed comes back, or nothing does."""

import pytest

from framework.artifact import inspect
from framework.registry import InvalidRequest, RegistryError, pull, push, read_model
from framework.registry.blobs import place


def test_a_pulled_artifact_is_the_pushed_one(store, artifacts, tmp_path):
    version = push(store, artifacts[0]).version
    path = pull(store, version, tmp_path / "deep/er/artifact")
    for name in version.files:
        assert (path / name).read_bytes() == (artifacts[0] / name).read_bytes()
    assert inspect(path).about == dict(version.about)


def test_what_is_there_is_not_written_over(store, artifacts, tmp_path):
    version = push(store, artifacts[0]).version
    (tmp_path / "mine").mkdir()
    with pytest.raises(InvalidRequest, match="there already"):
        pull(store, version, tmp_path / "mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidRequest, match="there already"):
        pull(store, version, tmp_path / "link")


@pytest.mark.parametrize("damage", ["flipped", "missing"])
def test_a_damaged_blob_leaves_nothing_behind(filled, tmp_path, damage):
    version = read_model(filled, "toy").versions[1]
    path = tmp_path / "registry" / place(version.files["weights/weights.safetensors"])
    content = path.read_bytes()
    path.unlink()
    if damage == "flipped":
        path.write_bytes(b"x" + content[1:])
    (tmp_path / "out").mkdir()
    with pytest.raises(RegistryError, match=r"weights\.safetensors"):
        pull(filled, version, tmp_path / "out/artifact")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_in_the_way(filled, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryError, match=r"Not a directory|File exists"):
        pull(filled, read_model(filled, "toy").versions[1], tmp_path / "file/artifact")
