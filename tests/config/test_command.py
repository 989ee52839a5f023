"""The frame of every command: exit codes, and which words Hydra is given."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from framework.config import InvalidConfig, Problem
from framework.config.command import CONFIGS, Composed, _literal, command, report
from framework.config.multirun import Multirun

Act = Callable[[Any, Composed], int]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, Any]]:
    """Runs a command that builds nothing; its exit code and what it was given."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str, act: Act = lambda prepared, composed: 0) -> tuple[int, list[Composed]]:
        seen: list[Composed] = []
        monkeypatch.setattr(sys, "argv", ["command", *words])
        return command(seen.append, act), seen

    return run


def test_it_acts_on_what_was_composed(call: Any) -> None:
    code, (composed,) = call("model=mlp", "trainer.steps=7")
    assert code == 0
    assert composed.settings["trainer"]["steps"] == 7
    assert composed.settings["model"]["_target_"] == "framework.models.MLP"
    assert composed.overrides == ("model=mlp", "trainer.steps=7")
    assert composed.choices["model"] == "mlp"
    assert composed.sweep_directory is None
    assert "hydra" not in composed.settings


# Hydra's own sweeper and launcher, as for a command that has no sweeps of its own.
HYDRA = ("hydra/sweeper=basic", "hydra/launcher=basic")


@pytest.mark.parametrize("code", [0, 1, 75])
def test_its_exit_code_is_that_of_the_act(code: int, call: Any) -> None:
    assert call(act=lambda prepared, composed: code)[0] == code


def test_a_sweep_has_the_highest_exit_code_and_a_directory_each(call: Any, tmp_path: Path) -> None:
    def act(prepared: Any, composed: Composed) -> int:
        return 75 if composed.settings["seed"] == 1 else 0

    code, seen = call("--multirun", "seed=1,2", "hydra.sweep.dir=sweep", *HYDRA, act=act)
    assert code == 75
    assert [one.settings["seed"] for one in seen] == [1, 2]
    assert [one.sweep_directory for one in seen] == [
        tmp_path / "sweep" / "trials" / "0", tmp_path / "sweep" / "trials" / "1",
    ]  # fmt: skip


def test_a_command_without_sweeps_of_its_own_says_so(
    call: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("--multirun", "seed=1,2") == (2, [])
    assert "hydra/sweeper=grid: expected hydra/sweeper=basic" in capsys.readouterr().err


def test_a_sweep_is_handed_on_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Multirun] = []
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    words = ["seed=1,2", "trainer.steps=5", "launch.workers=2", "sweep.confirm=3", "-m",
             "--config-dir", "own", "hydra.sweep.dir=here"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["command", *words])
    code = command(
        lambda composed: None, lambda *_: 0, sweep=lambda multirun: seen.append(multirun) or 75
    )
    assert code == 75
    (found,) = seen
    assert found.fixed == (f"--config-dir={tmp_path}/own", "trainer.steps=5")
    assert [(one.key, one.kind, one.values) for one in found.space] == [("seed", "list", (1, 2))]
    assert (found.sweeper, found.launcher) == ("grid", "local")
    assert found.launch["workers"] == 2
    assert found.sweep["confirm"] == 3
    assert found.settings["trainer"]["steps"] == 5
    assert not {"launch", "sweep", "hydra"} & set(found.settings)
    assert found.directory == tmp_path / "here"


@pytest.mark.parametrize(
    "words",
    [
        ("model=mlp", "--multirun", "seed=1,2"),
        ("--multirun", "model=mlp", "seed=1,2"),
        ("model=mlp", "seed=1,2", "-m"),
    ],
)
def test_flags_may_stand_anywhere(words: tuple[str, ...], call: Any) -> None:
    code, seen = call(*words, *HYDRA)
    assert code == 0
    assert [one.settings["model"]["_target_"] for one in seen] == ["framework.models.MLP"] * 2


def test_flags_keep_their_values(call: Any, tmp_path: Path) -> None:
    (tmp_path / "own=1" / "model").mkdir(parents=True)
    (tmp_path / "own=1" / "model" / "mine.yaml").write_text("_target_: mine.Model\n")
    _, (composed,) = call("model=mine", "--config-dir", "own=1", "seed=4")
    assert composed.settings["model"] == {"_target_": "mine.Model"}
    assert composed.settings["seed"] == 4


def test_a_choice_that_looks_like_a_number_is_a_name(call: Any, tmp_path: Path) -> None:
    (tmp_path / "own" / "model").mkdir(parents=True)
    (tmp_path / "own" / "model" / "50.yaml").write_text("_target_: mine.Fifty\n")
    _, (composed,) = call("debug=nan", "--config-dir=own", "model=50")
    assert composed.settings["trainer"]["debug_nans"] is True
    assert composed.settings["model"] == {"_target_": "mine.Fifty"}


def test_no_choice_is_null(call: Any) -> None:
    _, (composed,) = call("experiment=null", "name=own")
    assert composed.settings["name"] == "own"
    assert composed.settings["trainer"]["steps"] == 600  # of the trainer's own file


def test_mistakes_found_by_hydra_and_by_us_are_reported_together(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def prepare(composed: Composed) -> None:
        raise InvalidConfig(Problem("seed", composed.settings["seed"], "another"))

    monkeypatch.setattr(sys, "argv", ["command", "seed=7", "optimizer=adm"])
    assert command(prepare, lambda prepared, composed: 0) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "The configuration has 2 mistakes; nothing was started."
    assert said[1].startswith("  optimizer=adm: expected a choice")
    assert said[2] == "  seed=7: expected another"


def test_an_error_of_our_own_keeps_its_traceback(call: Any) -> None:
    def act(prepared: Any, composed: Composed) -> int:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        call(act=act)
    with pytest.raises(ValueError, match="a bug"):
        call("--multirun", "seed=1,2", *HYDRA, act=act)


def test_ctrl_c_is_no_traceback(call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def act(prepared: Any, composed: Composed) -> int:
        raise KeyboardInterrupt

    assert call(act=act)[0] == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_a_mistake_found_on_the_way_is_not_said_to_be_one_at_the_start(
    call: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def act(prepared: Any, composed: Composed) -> int:
        raise InvalidConfig(Problem("data.path", "a.png", "an image"))

    assert call(act=act)[0] == 2
    said = capsys.readouterr().err.splitlines()[0]
    assert said == "The configuration has one mistake; the run does not go on."


def test_one_mistake_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([Problem("a", 1, "2")]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "The configuration has one mistake; nothing was started.", "  a=1: expected 2",
    ]  # fmt: skip


def test_every_config_says_what_it_is() -> None:
    for file in CONFIGS.glob("*/*.yaml"):
        assert file.read_text().startswith("# "), file


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab'\"\\${}, =:[]\n é", max_size=8))
def test_literal_text_reaches_the_command_as_it_stands(text: str) -> None:
    word = _literal(f"prompt={text}", ("prompt",))
    value = OverridesParser.create().parse_override(word).value()
    assert OmegaConf.create({"prompt": value}).prompt == text
