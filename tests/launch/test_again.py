"""The same command again goes on with the sweep that it began."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from framework.config.swept import Dimension
from framework.launch.again import same_again
from framework.launch.request import Request
from framework.launch.sweep import Sweep, record_of

SEEDS = Dimension("seed", "list", (0, 1), written="0,1")


@pytest.fixture
def request_now(tmp_path: Path) -> Request:
    """A command that gives no directory, as it is started now."""
    return Request("digits", tmp_path / "2026-03", ("model=mlp",), (SEEDS,), dated=True)


def begun(asked: Request, name: str, concluded: dict[str, Any] | None = None) -> Path:
    """The directory of an earlier sweep."""
    sweep = Sweep(asked.directory.parent / name)
    sweep.path.mkdir()
    sweep.begin(record_of(asked))
    if concluded is not None:
        sweep.write_json("sweep.json", {"stopped": False, "counts": {"done": 2}, **concluded})
    return sweep.path


@pytest.mark.parametrize(
    "concluded",
    [
        None,
        {"stopped": True},
        {"counts": {"done": 1, "waiting": 1}},
        {"counts": {"running": 2}},
        {"confirmations": {"done": 1, "waiting": 1}},
    ],
)
def test_what_was_killed_or_stopped_goes_on(
    request_now: Request, concluded: dict[str, Any] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = begun(request_now, "2026-02", concluded)
    assert same_again(request_now) == replace(request_now, directory=folder)
    assert f"Goes on with {folder}; another hydra.sweep.dir=" in capsys.readouterr().err


def test_of_several_the_newest_goes_on(request_now: Request) -> None:
    begun(request_now, "2026-01")
    newest = begun(request_now, "2026-02")
    assert same_again(request_now).directory == newest


def test_what_has_come_to_its_end_is_begun_anew(request_now: Request) -> None:
    begun(request_now, "2026-02", {})
    begun(request_now, "2026-01", {"counts": {"done": 1, "failed": 1}})
    assert same_again(request_now) == request_now


def test_what_failed_is_tried_again_where_that_is_asked_for(request_now: Request) -> None:
    folder = begun(request_now, "2026-01", {"counts": {"done": 1, "failed": 1}})
    asked = replace(request_now, launch={"retry_failed": True})
    assert same_again(asked).directory == folder


@pytest.mark.parametrize(
    "other",
    [
        {"fixed": ("model=cnn",)},
        {"space": (Dimension("seed", "list", (0, 1, 2), written="0,1,2"),)},
        {"sweep": {"metric": "log_loss"}},
        {"sweeper": "optuna"},
        {"launcher": "slurm"},
    ],
)
def test_another_sweep_is_left_alone(request_now: Request, other: dict[str, Any]) -> None:
    begun(replace(request_now, **other), "2026-02")
    assert same_again(request_now) == request_now


def test_one_that_a_driver_holds_is_left_to_it(request_now: Request) -> None:
    folder = begun(request_now, "2026-02")
    with Sweep(folder).held():
        assert same_again(request_now) == request_now
    assert same_again(request_now).directory == folder


@pytest.mark.parametrize(
    "change",
    [
        {"dated": False},
        {"launch": {"dry_run": True}},
        {"sweeper_settings": {"storage": "postgresql://host/studies"}},
    ],
)
def test_who_says_more_gets_what_is_said(request_now: Request, change: dict[str, Any]) -> None:
    begun(request_now, "2026-02")
    asked = replace(request_now, **change)
    assert same_again(asked) == asked


def test_other_files_of_that_name_are_passed_over(request_now: Request) -> None:
    for name, text in (("a", "method: grid\n"), ("b", "{"), ("c", "fixed: 3\nspace: 4\n")):
        (request_now.directory.parent / name).mkdir()
        (request_now.directory.parent / name / "sweep.yaml").write_text(text)
    folder = begun(request_now, "2026-02")
    (folder / "sweep.json").write_text(json.dumps([1]))
    assert same_again(request_now) == request_now
