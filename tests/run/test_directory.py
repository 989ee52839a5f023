"""The run directory: what it holds and whom it lets in."""

import json
import os
from pathlib import Path

import pytest
import yaml

from framework.run import RunDirectory, RunOptions, differences, write_text

CONFIG = {"seed": 0, "model": {"widths": [1, 2]}, "run": {"dir": "x"}, "tracker": {"jsonl": True}}


def begun(path: Path) -> RunDirectory:
    directory = RunDirectory(path)
    directory.begin(CONFIG, ["seed=0"], {"python": "3"}, {"fingerprint": "f"})
    return directory


def test_begin_records_what_is_run(tmp_path: Path) -> None:
    begun(tmp_path / "a" / "run")
    files = {file.name for file in (tmp_path / "a" / "run").iterdir()}
    assert files == {"config.yaml", "overrides.yaml", "environment.json", "data.json"}
    assert yaml.safe_load((tmp_path / "a" / "run" / "config.yaml").read_text()) == CONFIG
    assert json.loads((tmp_path / "a" / "run" / "data.json").read_text())["fingerprint"] == "f"


def test_the_same_config_may_continue_elsewhere_tracked(tmp_path: Path) -> None:
    directory = begun(tmp_path)
    moved = CONFIG | {"run": {"dir": "y"}, "tracker": {"jsonl": False}}
    assert directory.check(moved, RunOptions()) == []


def test_another_config_is_refused_with_the_difference(tmp_path: Path) -> None:
    directory = begun(tmp_path)
    (problem,) = directory.check(CONFIG | {"seed": 1, "new": {}}, RunOptions())
    assert "it differs in new: (absent) → {}, seed: 0 → 1" in str(problem)
    assert "run.resume=allow_changes" in str(problem)
    assert directory.check(CONFIG | {"seed": 1}, RunOptions(resume="allow_changes")) == []


def test_tuples_of_a_built_config_equal_lists_of_a_saved_one() -> None:
    assert differences({"a": [1, 2]}, {"a": (1, 2)}) == []


def test_a_place_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    (problem,) = RunDirectory(tmp_path / "new" / "run").check(CONFIG, RunOptions())
    assert f"expected a place that can be written ({tmp_path} cannot)" in str(problem)


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (problem,) = RunDirectory(tmp_path / "file" / "run").check(CONFIG, RunOptions())
    assert problem.key == "run.dir"


def test_two_runs_of_one_second_get_two_directories(tmp_path: Path) -> None:
    options = RunOptions(root=tmp_path)
    first = options.path("digits")
    first.mkdir(parents=True)
    assert options.path("digits") != first
    assert first.parent == tmp_path / "digits"


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "a", "before")

    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_text(tmp_path / "a", "after")
    assert (tmp_path / "a").read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
