from pathlib import Path

import pytest

from framework.config import InvalidConfig
from framework.data.files import existing, listed, read_bytes


def refuse(self: Path, *arguments: object, **named: object) -> None:
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("method", ["exists", "iterdir", "read_bytes"])
def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.setattr(Path, method, refuse)
    read = {"exists": lambda p: existing(str(p)), "iterdir": listed, "read_bytes": read_bytes}
    with pytest.raises(InvalidConfig) as caught:
        read[method](tmp_path)
    expected = f"path={tmp_path}: expected a path that can be read; Permission denied"
    assert str(caught.value) == expected


def test_the_first_missing_part_of_a_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig) as caught:
        existing(str(tmp_path / "a" / "b" / "c"), "file", "files")
    assert str(caught.value) == (
        f"files={tmp_path}/a/b/c: expected an existing file; there is no a in {tmp_path}"
    )


def test_a_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert existing("~") == tmp_path


def test_hidden_files_are_not_listed(tmp_path: Path) -> None:
    for name in ("b", ".DS_Store", "a"):
        (tmp_path / name).write_text("")
    assert [path.name for path in listed(tmp_path)] == ["a", "b"]
