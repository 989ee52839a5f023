import hashlib
import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.manifest import MANIFEST, manifest, read_manifest, verify, write_manifest

CONTENTS = {"a": b"first", "deep/er/b": bytes(range(256)) * 300, "empty": b""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in CONTENTS.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    write_manifest(tmp_path)
    return tmp_path


def test_a_whole_directory_has_no_problems(folder):
    assert verify(folder) == verify(folder, exact=True) == []


def test_it_lists_size_and_hash_of_every_file(folder):
    listed = json.loads((folder / MANIFEST).read_text())["files"]
    assert {name: entry["size"] for name, entry in listed.items()} == {
        name: len(content) for name, content in CONTENTS.items()
    }
    # The SHA-256 of "first", from sha256sum.
    assert listed["a"]["sha256"] == [
        "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e"
    ]
    assert listed["empty"]["sha256"] == []


@pytest.mark.parametrize("size", [199, 200, 201, 1000])
def test_each_block_has_a_hash_of_its_own(tmp_path, monkeypatch, size):
    monkeypatch.setattr(manifest, "BLOCK", 200)
    monkeypatch.setattr(manifest, "_PIECE", 64)
    content = random.Random(size).randbytes(size)
    (tmp_path / "file").write_bytes(content)
    write_manifest(tmp_path)
    assert read_manifest(tmp_path).files["file"].sha256 == [
        hashlib.sha256(content[start : start + 200]).hexdigest() for start in range(0, size, 200)
    ]
    for position in range(0, size, 99):
        flipped = bytearray(content)
        flipped[position] ^= 1
        (tmp_path / "file").write_bytes(flipped)
        assert verify(tmp_path) == ["file: content differs from its hash"]


@given(st.data())
def test_any_flipped_bit_is_found(tmp_path_factory, data):
    content = data.draw(st.binary(min_size=1, max_size=200))
    folder = tmp_path_factory.mktemp("folder")
    path = folder / "file"
    path.write_bytes(content)
    write_manifest(folder)
    position = data.draw(st.integers(0, 8 * len(content) - 1))
    flipped = bytearray(content)
    flipped[position // 8] ^= 1 << position % 8
    path.write_bytes(flipped)
    assert verify(folder) == ["file: content differs from its hash"]


def test_a_missing_and_a_truncated_file_are_named(folder):
    (folder / "a").unlink()
    os.truncate(folder / "deep/er/b", 10)
    assert verify(folder) == ["a: missing", "deep/er/b: 10 bytes instead of 76800"]


def test_a_file_more_is_a_problem_only_where_asked(folder):
    (folder / "more").write_text("x")
    assert verify(folder) == []
    assert verify(folder, exact=True) == ["more: not in the manifest"]


@pytest.mark.parametrize("name", [f".{MANIFEST}.evil/payload.py", f".{MANIFEST}.evil"])
def test_a_file_more_is_a_problem_whatever_its_name(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("x")
    assert verify(folder) == []
    assert verify(folder, exact=True) == [f"{name}: not in the manifest"]


def test_what_a_killed_writer_left_is_not_listed(folder):
    left = folder / f".{MANIFEST}.12345"
    left.write_text("{")
    write_manifest(folder)
    assert set(read_manifest(folder).files) == set(CONTENTS)
    left.unlink()
    assert verify(folder, exact=True) == []


def test_what_takes_the_place_of_a_file_is_a_problem(folder, tmp_path_factory):
    (folder / "a").unlink()
    os.mkfifo(folder / "a")  # whoever opened it would wait for ever
    (folder / "deep/er/b").unlink()
    (folder / "deep/er/b").mkdir()
    first, second = verify(folder)
    assert first == "a: 0 bytes instead of 5"
    assert second.startswith("deep/er/b: ")


def test_a_file_that_cannot_be_read_is_named(folder, monkeypatch):
    def broken(path: Path, start: int) -> str:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(manifest, "_hash", broken)
    assert verify(folder) == [
        "a: unreadable (Input/output error)",
        "deep/er/b: unreadable (Input/output error)",
    ]


def test_no_manifest_means_not_finished(tmp_path):
    assert verify(tmp_path) == [f"{MANIFEST}: missing, so the directory was never finished"]


UNREADABLE = [
    "",
    "{",
    "[]",
    "{}",
    "[" * 100_000,
    '{"format": 99, "files": {}}',
    '{"format": 2, "files": 3}',
    '{"format": 2, "files": {"a": 3}}',
    '{"format": 2, "files": {"a": {"size": 5, "sha256": "x"}}}',
    '{"format": 2, "files": {"a": {"size": 5, "sha256": []}}}',
    '{"format": 2, "files": {"a": {"size": "5", "sha256": ["x"]}}}',
    '{"format": 2, "files": {"../a": {"size": 0, "sha256": []}}}',
    '{"format": 2, "files": {"/a": {"size": 0, "sha256": []}}}',
    '{"format": 2, "files": {"a": {"size": 0, "sha256": []}, "a": {"size": 0, "sha256": []}}}',
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_an_unreadable_manifest_is_one_problem(folder, text):
    (folder / MANIFEST).write_text(text)
    (problem,) = verify(folder)
    assert problem.startswith(f"{MANIFEST}: unreadable")


def test_every_flipped_byte_of_the_manifest_is_found(folder):
    write_manifest(folder, {"name": "Zoë", "bound": 1e-5, "empty": {}})
    content = (folder / MANIFEST).read_bytes()
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1
        (folder / MANIFEST).write_bytes(flipped)
        assert verify(folder), chr(content[position])


def test_it_carries_what_is_said_of_the_whole(folder):
    about = {"name": "Zoë", "bound": 1e-5, "nested": [1, {"two": None}]}
    write_manifest(folder, about)
    assert read_manifest(folder).about == about


def test_a_manifest_without_a_digest_of_its_own_is_still_read(folder):
    """As checkpoints have it that were made before there was one."""
    content = json.loads((folder / MANIFEST).read_text())
    del content["digest"], content["about"]
    (folder / MANIFEST).write_text(json.dumps({**content, "format": 2}))
    assert verify(folder) == []


def test_an_exact_directory_has_no_links_and_nothing_but_what_is_allowed(folder, tmp_path):
    (folder / "signature").write_text("signed")
    (folder / "deep" / "link").symlink_to(tmp_path)
    assert verify(folder, exact=True, beside=["signature"]) == ["deep/link: a link"]


def test_a_flip_cannot_hide_a_file_behind_its_neighbour(tmp_path):
    """Names that differ in one bit: the flip makes them one, and JSON would keep the last."""
    for name in ("process_0", "process_1"):
        (tmp_path / name).write_text(name)
    write_manifest(tmp_path)
    text = (tmp_path / MANIFEST).read_text()
    (tmp_path / MANIFEST).write_text(text.replace("process_0", "process_1"))
    assert verify(tmp_path) == [f"{MANIFEST}: unreadable (ValueError: a name is there twice)"]


def test_every_truncation_of_the_manifest_is_found(folder):
    content = (folder / MANIFEST).read_bytes()
    for length in range(len(content)):
        (folder / MANIFEST).write_bytes(content[:length])
        assert verify(folder)


def test_writing_again_replaces_it(folder):
    (folder / "a").write_text("second")
    assert verify(folder) != []
    write_manifest(folder)
    assert verify(folder) == []
    assert {path.name for path in folder.iterdir()} == {"a", "deep", "empty", MANIFEST}


def test_a_failed_write_leaves_the_former_one(folder, monkeypatch):
    before = (folder / MANIFEST).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_manifest(folder)
    assert (folder / MANIFEST).read_bytes() == before
    assert {path.name for path in folder.iterdir()} == {"a", "deep", "empty", MANIFEST}
