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
    directory.begin(CONFIG, ["seed=0"], {"python": "3"}, {"fingerprint": "f"}, {"a.txt": "é"})
    return directory


def test_begin_records_what_is_run(tmp_path: Path) -> None:
    begun(tmp_path / "a" / "run")
    files = {file.name for file in (tmp_path / "a" / "run").iterdir()}
    assert files == {"config.yaml", "overrides.yaml", "environment.json", "data.json", "a.txt"}
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


def test_directories_are_made_one_for_each_start(tmp_path: Path) -> None:
    options = RunOptions(root=tmp_path)
    made = [options.make("digits") for _ in range(3)]
    assert len(set(made)) == 3
    assert all(path.is_dir() for path in made)
    named = RunOptions(dir=tmp_path / "a" / "named")
    assert named.make("digits") == named.make("digits") == tmp_path / "a" / "named"
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        RunOptions(dir=tmp_path / "file").make("digits")


def test_two_starts_that_chose_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["one", "one", "two"])
    monkeypatch.setattr(RunOptions, "path", lambda self, experiment: tmp_path / next(names))
    options = RunOptions()
    assert [options.make("digits").name for _ in range(2)] == ["one", "two"]


def test_a_complete_run_that_begins_again_is_not_complete(tmp_path: Path) -> None:
    directory = begun(tmp_path)
    directory.write_json("summary.json", {"complete": True})
    begun(tmp_path)
    assert directory.read_json("summary.json") is None


@pytest.mark.parametrize("text", ["seed: [0", "just words", "3"])
def test_a_config_that_cannot_be_read(text: str, tmp_path: Path) -> None:
    directory = begun(tmp_path)
    (tmp_path / "config.yaml").write_text(text)
    (problem,) = directory.check(CONFIG, RunOptions())
    assert "expected a run whose config.yaml can be read" in str(problem)


def test_other_data_are_refused(tmp_path: Path) -> None:
    directory = begun(tmp_path)
    assert directory.check_data("f", RunOptions()) == []
    (problem,) = directory.check_data("g", RunOptions())
    assert "expected a run on the same data" in str(problem)
    assert directory.check_data("g", RunOptions(resume="allow_changes")) == []
    assert RunDirectory(tmp_path / "new").check_data("g", RunOptions()) == []


def test_a_torn_json_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "program.json").write_text('{"steps')
    assert RunDirectory(tmp_path).read_json("program.json") is None


def test_one_at_a_time_has_the_lock(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    with directory.lock(), pytest.raises(BlockingIOError):
        directory.lock()
    directory.lock().close()


def test_a_file_system_without_locks_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def refuse(file: object, how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with RunDirectory(tmp_path).lock() as held:
        assert not held.closed
        assert Path(held.name) == tmp_path / ".lock"


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
