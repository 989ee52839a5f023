"""Whole sweeps: `experiments.run --multirun` in processes of its own."""

import json
import os
import shlex
import signal
import time
from pathlib import Path

import pytest
import yaml

from tests.experiments.launch import end, here, launch, wait_for
from tests.launch.sweeps import (
    TINY,
    alive,
    begin,
    children,
    losses,
    rows,
    states,
    sweep,
    words,
)  # fmt: skip

RATES = "optimizer.learning_rate=1e-4,1e-3,1e-2"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of three rates and two seeds, complete."""
    folder = tmp_path_factory.mktemp("done")
    ended = sweep(folder, RATES, "seed=0,1")
    assert ended.code == 0, ended
    (folder / "said").write_text(ended.out)
    return folder


def test_trials_are_ordinary_runs_that_never_saw_the_test_split(done: Path) -> None:
    found = rows(done)
    assert [row.values["seed"] for row in found] == [0, 1] * 3
    assert [row.values["optimizer.learning_rate"] for row in found[::2]] == [1e-4, 1e-3, 1e-2]
    assert {(row.state, row.tries, row.device) for row in found} == {("done", 1, "cpu")}
    for row in found:
        run = done / "sweep" / "trials" / str(row.number)
        summary = json.loads((run / "summary.json").read_text())
        assert summary["complete"]
        assert row.result["validation/accuracy"] == summary["metrics"]["validation/accuracy"]
        assert [path.name for path in (run / "evaluation").iterdir()] == ["validation"]
        config = yaml.safe_load((run / "config.yaml").read_text())
        assert config["optimizer"]["learning_rate"] == row.values["optimizer.learning_rate"]
        assert (run / "trial.log").read_text()


def test_the_last_lines_say_what_was_best_and_how_to_repeat_it(done: Path) -> None:
    best = max(rows(done), key=lambda row: row.result["validation/accuracy"])
    said = (done / "said").read_text()
    assert f"Best      trial {best.number}: accuracy " in said
    record = json.loads((done / "sweep" / "sweep.json").read_text())
    assert record["best"] == [best.number]
    assert f"seed={best.values['seed']}" in record["repeat"][str(best.number)]
    assert "run.dir" not in record["repeat"][str(best.number)]


def test_a_trial_has_the_bits_of_a_run_by_itself(done: Path, tmp_path: Path) -> None:
    """The sixth of a process, whose programs were compiled for the first."""
    row = rows(done)[5]
    plain = [f"{key}={value}" for key, value in row.values.items()]
    assert launch(*TINY, *plain, "run.dir=alone", cwd=tmp_path).code == 0
    run = done / "sweep" / "trials" / "5"
    assert losses(run) == losses(tmp_path / "alone")
    alone, trial = (
        json.loads((folder / "config.yaml").exists() and (folder / "model.json").read_text())
        for folder in (tmp_path / "alone", run)
    )
    assert alone == trial


def test_the_same_command_again_has_nothing_to_do(done: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (done / "sweep").glob("trials/*/*")}
    ended = sweep(done, RATES, "seed=0,1")
    assert ended.code == 0
    assert not [line for line in ended.out.splitlines() if line.startswith("trial ")]
    after = {path: path.stat().st_mtime_ns for path in (done / "sweep").glob("trials/*/*")}
    assert after == before


def test_a_space_that_has_grown_adds_trials(done: Path) -> None:
    ended = sweep(done, "optimizer.learning_rate=3e-3,1e-4,1e-3,1e-2", "seed=0,1,2")
    assert ended.code == 0, ended
    found = rows(done)
    assert [row.tries for row in found] == [1] * 12
    assert [row.values["seed"] for row in found[:6]] == [0, 1] * 3
    assert states(done) == ["done"] * 12


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["optimizer.learning_rate=1e-4,1e-3", "seed=0,1"], "learning_rate: "),
        ([RATES, "seed=0,1", "optimizer.weight_decay=0,1"], "weight_decay: (not swept) → 0,1"),
        ([RATES, "seed=0,1", "data.batch_size=64"], "data.batch_size: 32 → 64"),
        ([RATES, "seed=0,1", "sweep.metric=log_loss"], "sweep.metric: None → log_loss"),
    ],
)
def test_another_space_is_refused_with_the_difference(
    done: Path, more: list[str], said: str
) -> None:
    before = (done / "sweep" / "trials.jsonl").read_text()
    ended = sweep(done, *more)
    assert ended.code == 2
    assert said in ended.err
    assert len(ended.err.splitlines()) == 2
    assert (done / "sweep" / "trials.jsonl").read_text() == before


def test_bad_trials_end_alone_among_good_ones(tmp_path: Path) -> None:
    """Two are mistakes that only their runs find, one is killed and tried again."""
    trials = tmp_path / "sweep" / "trials"
    for number, text in ((2, "seed: 7\n"), (3, "seed: [\n")):
        (trials / str(number)).mkdir(parents=True)
        (trials / str(number) / "config.yaml").write_text(text)
    process = begin(tmp_path, "seed=0,1,2,3,4", "trainer.steps=200")
    wait_for(lambda: (trials / "1" / "metrics.jsonl").exists(), process)
    for pid in children(process.pid):
        os.kill(pid, signal.SIGKILL)
    ended = end(process)
    assert ended.code == 1, ended
    found = rows(tmp_path)
    assert [row.state for row in found] == ["done", "done", "failed", "failed", "done"]
    assert [row.tries for row in found] == [1, 2, 1, 1, 1]
    assert "a run of the same configuration" in found[2].message
    assert "a run whose config.yaml can be read" in found[3].message
    assert "Failed    trial 2: run.dir=" in ended.err
    assert [step for step, _ in losses(trials / "1")] == list(range(1, 201))


def test_a_number_that_is_not_finite_ends_a_trial_alone(tmp_path: Path) -> None:
    ended = sweep(tmp_path, "optimizer.learning_rate=1e-3,1e30,1e-2", "optimizer.clip_norm=null")
    assert ended.code == 1, ended
    found = rows(tmp_path)
    assert [row.state for row in found] == ["done", "failed", "done"]
    assert "not finite" in found[1].message or "loss" in found[1].message


def test_mistakes_are_told_before_anything_starts(tmp_path: Path) -> None:
    swept = ("optimizer.learning_rate=1e-3,-1", "seed=0,one", "optimizer.momentum=1,2")
    ended = sweep(tmp_path, *swept)
    assert ended.code == 2
    lines = ended.err.splitlines()
    assert lines[0] == "The configuration has 3 mistakes; nothing was started."
    for key in ("learning_rate=-1", "seed=one", "momentum=1"):
        assert sum(key in line for line in lines) == 1, lines
    # With another one among what is not swept, Hydra composes nothing.
    ended = sweep(tmp_path, *swept, "model.width=8")
    assert ended.code == 2
    lines = ended.err.splitlines()
    assert lines[0] == "The configuration has 2 mistakes; nothing was started."
    assert "optimizer.momentum=1,2" in lines[1]
    assert "model.width=8" in lines[2]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("launch.workers=1000", "launch.workers=1000: expected at most the"),
        ("launch.workers=0", "launch.workers=0: expected a number of workers"),
        ("launch.max_tries=0", "launch.max_tries=0: expected a whole number from 1"),
        ("launch.retry_failed=no", "launch.retry_failed=no: expected true or false"),
        ("+launch.slices=2", "launch.slices=2: expected a setting of hydra/launcher=local"),
        ("sweep.metric=loveliness", "sweep.metric=loveliness: expected a metric"),
        ("sweep.metric=test/accuracy", "sweep.metric=test/accuracy: expected a metric"),
        ("sweep.direction=up", "sweep.direction=up: expected max, min or auto"),
        ("seed=interval(0,1)", "expected a list or a range; list values, as seed=range(0,2) does"),
        ("sweep.metric=accuracy,log_loss", "expected one value for the whole sweep; in brackets"),
        ("launch.max_tries=1,2", "launch.max_tries=1,2: expected one value for the whole sweep"),
        ("++run.dir=here", "run.dir=…: expected nothing in a sweep"),
        ("evaluation.final=[test]", "evaluation.final=[test]: expected [validation] in a sweep"),
        ("run.dir=here", "run.dir=…: expected nothing in a sweep"),
        ("launch.slice=v5e", "launch.slice"),
        ("hydra.launcher=slurm", "hydra.launcher=slurm: expected the group hydra/launcher to be"),
        ("hydra/launcher=basic", "hydra/launcher=basic: expected a launcher that goes with"),
        ("hydra.sweep.dir=/proc/no", "hydra.sweep.dir=/proc/no: expected a place that can"),
        ("optimizer.learning_rate=choice()", "command line="),
    ],
)
def test_one_mistake_is_one_line(
    word: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert here(*words("seed=0,1", word)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2, lines
    assert said in lines[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "word", ["launch.workers=2", "sweep.confirm=3", "hydra/launcher=slurm", "hydra/sweeper=optuna"]
)
def test_words_of_sweeps_are_nothing_to_a_single_run(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert here(*TINY, word) == 2
    (_, line) = capsys.readouterr().err.splitlines()
    assert line == f"  {word}: expected a sweep; add --multirun, or leave it out"
    assert list(tmp_path.iterdir()) == []


def test_words_of_sweeps_are_nothing_to_hydras_own_launchers_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    basic = ("hydra/sweeper=basic", "hydra/launcher=basic")
    assert here(*words("seed=0", "sweep.confirm=3", *basic)) == 2
    said = "sweep.confirm=3: expected a sweep; leave out hydra/sweeper=basic"
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_same_command_without_a_directory_goes_on_with_what_was_killed(tmp_path: Path) -> None:
    command = ["--multirun", *TINY, "seed=0,1"]
    first = launch(*command, cwd=tmp_path)
    assert first.code == 0, first
    (sweep_dir,) = (tmp_path / "runs" / "digits").iterdir()
    (sweep_dir / "sweep.json").unlink()
    again = launch(*command, cwd=tmp_path)
    assert again.code == 0, again
    assert f"Goes on with {sweep_dir}" in again.err
    assert "2 done" in again.out
    assert "running" not in again.out
    assert [sweep_dir] == [*(tmp_path / "runs" / "digits").iterdir()]


def test_a_refusal_leaves_a_directory_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep").mkdir()
    assert here(*words("seed=0,1", "launch.workers=0")) == 2
    assert list((tmp_path / "sweep").iterdir()) == []


def test_several_processes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert here(*words("seed=0,1", "distributed.processes=2", "distributed.process=0",
                       "distributed.coordinator=localhost:1")) == 2  # fmt: skip
    assert "--multirun=: expected one run at a time" in capsys.readouterr().err


def test_a_config_file_can_be_a_sweep(tmp_path: Path) -> None:
    own = tmp_path / "own" / "experiment"
    own.mkdir(parents=True)
    (own / "rates.yaml").write_text(
        "# @package _global_\nname: rates\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n"
        "      optimizer.learning_rate: 1e-3,1e-2\n      seed: range(0,2)\n"
    )
    ended = launch(
        "--config-dir=own", "experiment=rates", *TINY, "seed=0,5", "hydra.sweep.dir=sweep",
        cwd=tmp_path,
    )  # fmt: skip
    assert ended.code == 0, ended
    found = [(row.values["optimizer.learning_rate"], row.values["seed"]) for row in rows(tmp_path)]
    assert found == [(1e-3, 0), (1e-3, 5), (1e-2, 0), (1e-2, 5)]
    assert "hydra.mode=RUN" in ended.out  # or the command that repeats the best is a sweep again


def test_a_sweep_of_the_projects_own(tmp_path: Path) -> None:
    """And the command that repeats its best trial is that of a run."""
    ended = launch(
        "--multirun", *TINY, "experiment=digits_sweep", "trainer.steps=20", "seed=0",
        "hydra.sweep.dir=sweep", "optimizer.learning_rate=1e-3,1e-2", cwd=tmp_path,
    )  # fmt: skip
    assert ended.code == 0, ended
    assert states(tmp_path) == ["done", "done"]
    (again,) = json.loads((tmp_path / "sweep" / "sweep.json").read_text())["repeat"].values()
    assert launch(*shlex.split(again)[3:], "run.dir=again", cwd=tmp_path).code == 0
    best = max(rows(tmp_path), key=lambda row: row.result["validation/accuracy"])
    trial = tmp_path / "sweep" / "trials" / str(best.number)
    assert losses(tmp_path / "again") == losses(trial)


def test_groups_are_swept_by_lists_and_globs(tmp_path: Path) -> None:
    ended = sweep(tmp_path, "schedule=glob([l*,constant])", "debug=null,tiny")
    assert ended.code == 0, ended
    assert [tuple(row.values.values()) for row in rows(tmp_path)] == [
        ("constant", None), ("constant", "tiny"), ("linear", None), ("linear", "tiny"),
    ]  # fmt: skip


def test_one_driver_at_a_time(tmp_path: Path) -> None:
    process = begin(tmp_path, "seed=0,1", "trainer.steps=2000")
    wait_for(lambda: (tmp_path / "sweep" / "trials.jsonl").exists(), process)
    second = sweep(tmp_path, "seed=0,1", "trainer.steps=2000")
    assert second.code == 2
    assert "expected a sweep that no other driver holds" in second.err.splitlines()[1]
    process.send_signal(signal.SIGINT)
    end(process)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_says_what_is_left_and_the_same_command_goes_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    more = ("seed=0,1,2", "trainer.steps=600", "checkpoint.every=600", "evaluation.every=600")
    process = begin(tmp_path, *more)
    run = tmp_path / "sweep" / "trials" / "1"
    wait_for(lambda: (run / "metrics.jsonl").exists() and len(losses(run)) > 3, process)
    os.killpg(process.pid, number)  # as a terminal does
    asked = time.monotonic()
    ended = end(process)
    assert time.monotonic() - asked < 15
    assert ended.code == 75, ended
    assert "2 trials are left" in ended.out
    assert f"with hydra.sweep.dir={tmp_path}/sweep goes on" in ended.out
    assert states(tmp_path) == ["done", "waiting", "waiting"]
    saved = [path.name for path in (run / "checkpoints").iterdir() if path.name.isdigit()]
    assert saved
    ended = sweep(tmp_path, *more)
    assert ended.code == 0, ended
    assert states(tmp_path) == ["done"] * 3
    assert [step for step, _ in losses(run)] == list(range(1, 601))
    assert "Continuing from step" in (run / "trial.log").read_text()


def test_ctrl_c_twice_ends_at_once_and_leaves_no_process(tmp_path: Path) -> None:
    process = begin(tmp_path, "seed=0,1", "trainer.steps=5000")
    run = tmp_path / "sweep" / "trials" / "0"
    wait_for(lambda: (run / "metrics.jsonl").exists(), process)
    pids = children(process.pid)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    ended = end(process)
    assert time.monotonic() - asked < 5
    assert ended.code == 75, ended
    assert not [pid for pid in pids if Path(f"/proc/{pid}/stat").exists()]


def test_workers_end_with_their_driver(tmp_path: Path) -> None:
    process = begin(tmp_path, "seed=0,1", "trainer.steps=5000", "launch.workers=2")
    run = tmp_path / "sweep" / "trials" / "0"
    wait_for(lambda: (run / "metrics.jsonl").exists(), process)
    pids = children(process.pid)
    assert len(pids) == 2
    process.kill()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() and alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.communicate()


def test_a_pruned_run_keeps_its_state_and_can_be_continued(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "stop_request.json").write_text('{"reason": "pruned"}')
    first = launch(*TINY, "run.dir=run", cwd=tmp_path)
    assert first.code == 0, first
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["complete"], summary["stopped"], summary["step"]) == (False, "pruned", 20)
    assert "validation/accuracy" in summary["metrics"]
    assert (run / "checkpoints" / "20" / "manifest.json").exists()
    (run / "stop_request.json").unlink()
    assert launch(*TINY, "run.dir=run", cwd=tmp_path).code == 0
    assert json.loads((run / "summary.json").read_text())["complete"]
    assert [step for step, _ in losses(run)] == list(range(1, 41))


def test_a_trial_told_to_prune_at_its_last_evaluation_is_done(tmp_path: Path) -> None:
    run = tmp_path / "sweep" / "trials" / "0"
    run.mkdir(parents=True)
    (run / "stop_request.json").write_text('{"reason": "pruned"}')
    ended = sweep(tmp_path, "seed=0,1", "trainer.steps=20")
    assert ended.code == 0, ended
    assert states(tmp_path) == ["done", "done"]
    assert json.loads((run / "summary.json").read_text())["complete"]
    assert rows(tmp_path)[0].result.keys() == rows(tmp_path)[1].result.keys()


def test_the_best_is_confirmed_with_fresh_seeds(tmp_path: Path) -> None:
    ended = sweep(tmp_path, "optimizer.learning_rate=1e-3,1e-2", "sweep.confirm=2")
    assert ended.code == 0, ended
    said = json.loads((tmp_path / "sweep" / "confirmed.json").read_text())
    assert said["trial"] == 1
    values = said["validation"]["by_seed"]
    assert list(values) == ["1000", "1001"]
    for seed in values:
        run = tmp_path / "sweep" / "confirm" / seed
        metrics = json.loads((run / "summary.json").read_text())["metrics"]
        assert metrics["validation/accuracy"] == values[seed]
        assert metrics["test/accuracy"] == said["test"]["by_seed"][seed]
    mean = sum(values.values()) / 2
    assert said["validation"]["mean"] == pytest.approx(mean)
    assert said["luck"] == pytest.approx(said["chosen"] - mean)
    assert said["validation"]["low"] < mean < said["validation"]["high"]
    assert "Confirmed test accuracy" in ended.out
    assert "confirmation 1    done" in ended.out
    assert states(tmp_path) == ["done", "done"]
