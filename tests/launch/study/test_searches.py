"""Whole searches: `experiments.run --multirun hydra/sweeper=optuna` in processes of its own."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from framework.launch.study import study as searching
from framework.launch.study.make import TAKEN
from framework.launch.table import Table
from tests.experiments.launch import end, here, wait_for
from tests.launch.study.postgres import Server, postgres_server
from tests.launch.sweeps import begin, losses, rows, states, sweep, words

SEARCH = (
    "hydra/sweeper=optuna", "hydra/sweeper/sampler=random", "hydra.sweeper.n_trials=3",
    "optimizer.learning_rate=tag(log,interval(1e-4,1e-1))",
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[Server]:
    with postgres_server() as server:
        yield server


@pytest.mark.long
def test_a_search_whose_driver_was_killed_does_nothing_twice(tmp_path: Path) -> None:
    longer = ("trainer.steps=400", "checkpoint.every=100", "evaluation.every=100")
    process = begin(tmp_path, *SEARCH, *longer)
    runs = tmp_path / "sweep" / "trials"
    wait_for(lambda: (runs / "1" / "metrics.jsonl").exists(), process)
    process.kill()
    end(process)
    first = (runs / "0" / "summary.json").stat().st_mtime_ns
    ended = sweep(tmp_path, *SEARCH, *longer)
    assert ended.code == 0, ended
    assert states(tmp_path) == ["done"] * 3
    assert [row.tries for row in rows(tmp_path)] == [1, 2, 1]
    assert (runs / "0" / "summary.json").stat().st_mtime_ns == first
    assert "trial 0 " not in ended.out
    for number in range(3):
        assert [step for step, _ in losses(runs / str(number))] == list(range(1, 401))
    study = optuna.load_study(study_name="sweep", storage=f"sqlite:///{tmp_path}/sweep/study.db")
    told = [trial.value for trial in study.trials]
    assert told == [row.result["validation/accuracy"] for row in rows(tmp_path)]


def test_an_interval_over_whole_numbers_is_refused_with_the_range_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert here(*words(*SEARCH, "seed=interval(0,9)")) == 2
    assert capsys.readouterr().err.splitlines()[1:] == [
        "  seed=interval(0,9): expected whole numbers, which an interval does not keep to; "
        "seed=range(0,10) does"
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_a_database_that_is_stopped_in_the_middle(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(searching, "PATIENCE", 0.0)
    address = server.address.replace("@", ":secret@")
    line = words(
        *SEARCH, f"hydra.sweeper.storage={address}", "hydra.sweeper.study_name=stopped",
        "trainer.steps=400",
    )  # fmt: skip

    def stop() -> None:
        log = tmp_path / "sweep" / "trials" / "0" / "metrics.jsonl"
        while not log.exists():
            time.sleep(0.01)
        server.stop()

    thread = threading.Thread(target=stop)
    thread.start()
    assert here(*line) == 75
    thread.join()
    told = capsys.readouterr()
    [said] = told.err.splitlines()
    assert said.startswith("hydra.sweeper.storage=postgresql+psycopg://postgres:***@127.0.0.1")
    assert said.endswith("; start the same command again when it answers")
    assert "secret" not in told.err + told.out + caplog.text
    assert "the trials under way go on" in caplog.text
    assert "The same command with hydra.sweep.dir=" in told.out
    assert states(tmp_path) == ["done"]  # the one that was under way
    server.start()
    assert here(*line) == 0
    assert states(tmp_path) == ["done"] * 3
    assert [row.tries for row in rows(tmp_path)] == [1, 1, 1]


@pytest.mark.long
def test_what_went_to_another_driver_is_not_tried_again(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/shared.db"
    line = (*SEARCH, f"hydra.sweeper.storage={storage}", "hydra.sweeper.study_name=shared")
    assert sweep(tmp_path, *line).code == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "shared.db")) as database, database:
        database.execute(
            "update trial_user_attributes set value_json = '\"another\"' "
            "where trial_id = 2 and key = 'driver'"
        )
    table = Table(tmp_path / "sweep" / "trials.jsonl")
    table.change(0, state="failed", message="the disk was full")
    table.change(1, state="failed", message=TAKEN)
    ended = sweep(tmp_path, *line, "launch.retry_failed=true")
    assert ended.code == 1, ended
    assert states(tmp_path) == ["done", "failed", "done"]
    assert rows(tmp_path)[1].message == TAKEN
    assert [row.tries for row in rows(tmp_path)] == [1, 1, 1]
