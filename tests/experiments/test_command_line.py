"""Help, the composed config, completion, the list of choices, presets and several runs at once."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.experiments.launch import ROOT, SMALL, Command, environment, logged

GROUPS = (
    "experiment", "data", "task", "model", "optimizer", "schedule", "mesh", "precision", "trainer",
    "checkpoint", "evaluation", "tracker", "debug",
)  # fmt: skip


def test_cfg_job_shows_what_would_be_run(command: Command, tmp_path: Path) -> None:
    ended = command("--cfg", "job", "optimizer=lion", "trainer.steps=7")
    assert ended.code == 0
    shown = yaml.safe_load(ended.out)
    assert shown["trainer"]["steps"] == 7
    assert shown["optimizer"]["rule"]["_target_"] == "optax.scale_by_lion"
    assert not list(tmp_path.iterdir())


def test_help_names_every_group_and_the_first_commands(command: Command) -> None:
    ended = command("--help")
    assert ended.code == 0
    for group in GROUPS:
        assert f"\n{group}: " in ended.out
    assert "optimizer: adafactor, adamw, lion, muon, sgd" in ended.out
    assert "python -m experiments.list" in ended.out
    assert "--config-dir" in ended.out


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """A bash in which completion was installed as the help says; a typed line to its offers."""
    folder = tmp_path_factory.mktemp("shell")
    (folder / "mine" / "model").mkdir(parents=True)
    (folder / "mine" / "model" / "my_own.yaml").write_text("# Mine.\n_target_: mine.Model\n")
    (folder / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (folder / "python").chmod(0o755)  # what a user types
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    ask = 'eval "$(python -m experiments.run -sc install=bash)"; COMP_LINE="$1"; '
    ask += '_experiments_completion; echo "${COMPREPLY[@]}"'

    def offers(line: str) -> list[str]:
        ended = subprocess.run(
            ["bash", "-c", ask, "bash", line], cwd=folder, env=environment(PATH=path),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.split()

    return offers


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("optimizer=ad", ["optimizer=adafactor", "optimizer=adamw"]),
        ("optimizer=sgd trainer.st", ["trainer.steps=", "trainer.steps_per_call="]),
        ("--config-dir mine model=m", ["model=mlp", "model=my_own"]),
    ],
)
def test_completion_knows_choices_and_keys(
    typed: str, offered: list[str], shell: Callable[[str], list[str]]
) -> None:
    assert shell(f"python -m experiments.run {typed}") == offered


def test_completion_leaves_other_commands_alone(shell: Callable[[str], list[str]]) -> None:
    assert shell("python -m http.server op") == []


def choices(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    from experiments import list as listing

    monkeypatch.setattr(sys, "argv", ["experiments.list", *words])
    return listing.main()


def test_the_list_shows_every_choice_with_its_comment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert choices([], monkeypatch) == 0
    shown = capsys.readouterr().out
    files = list((ROOT / "configs").glob("*/[!_]*.yaml"))
    assert {file.parent.name for file in files} == set(GROUPS)
    for file in files:
        assert f"{file.parent.name}={file.stem}" in shown
        (comment, *_) = (
            line for line in file.read_text().splitlines()
            if line.startswith("#") and "@package" not in line
        )  # fmt: skip
        assert comment.removeprefix("# ").split()[0] in shown, f"{file} needs a first comment"


def test_the_list_of_one_group_with_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("# My own model.\n_target_: mine.Model\n")
    assert choices(["model", "--config-dir", str(tmp_path)], monkeypatch) == 0
    shown = capsys.readouterr().out
    assert "model=mine" in shown
    assert "My own model." in shown
    assert "model=mlp" in shown
    assert "optimizer" not in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["modle"], "group=modle: expected one of checkpoint, data"),
        (["--config-dir", "/nowhere"], "--config-dir=/nowhere: expected a folder of configs"),
    ],
)
def test_the_list_refuses(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert choices(words, monkeypatch) == 2
    assert said in capsys.readouterr().err


def test_a_sweep_makes_a_directory_for_each_run(command: Command, tmp_path: Path) -> None:
    ended = command(*SMALL, "trainer.steps=20", "--multirun", "seed=1,2")
    assert ended.code == 0
    (sweep,) = (tmp_path / "runs" / "digits").iterdir()
    runs = [sweep / "trials" / number for number in "01"]
    for run, seed in zip(runs, (1, 2), strict=True):
        assert yaml.safe_load((run / "config.yaml").read_text())["seed"] == seed
        assert json.loads((run / "summary.json").read_text())["complete"]
    assert logged(runs[0])[0]["loss"] != logged(runs[1])[0]["loss"]


def test_hydras_own_sweeper_calls_the_same_run(command: Command, tmp_path: Path) -> None:
    ended = command(
        *SMALL, "trainer.steps=20", "--multirun", "seed=1,2,three", "hydra/sweeper=basic",
        "hydra/launcher=basic", "hydra.sweep.dir=sweep",
    )  # fmt: skip
    assert ended.code == 2  # of the third
    assert "seed=three: expected a valid integer" in ended.err
    for number in "01":
        run = tmp_path / "sweep" / "trials" / number
        assert json.loads((run / "summary.json").read_text())["complete"]
        assert (run / "report.html").exists()


def test_a_wrong_sweep_leaves_nothing(command: Command, tmp_path: Path) -> None:
    ended = command(*SMALL, "--multirun", "seed=a,b", "hydra.sweep.dir=sweep")
    assert ended.code == 2
    assert "seed=a: expected a valid integer" in ended.err
    assert "seed=b: expected a valid integer" in ended.err
    assert not list(tmp_path.iterdir())


def test_a_run_without_a_name_is_named_by_its_time(command: Command, tmp_path: Path) -> None:
    ended = command(*SMALL, "trainer.steps=20", "evaluation=none", "checkpoint.every=null")
    assert ended.code == 0
    (run,) = (tmp_path / "runs" / "digits").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", run.name)
    assert f"Run       {run}" in ended.out
