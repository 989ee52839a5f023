"""Several drivers of one study, and drivers that die."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from framework.config import InvalidConfig
from framework.launch.source import SourceLost
from framework.launch.study.options import Random, StudyOptions
from framework.launch.table import Row, Table
from tests.launch.study.postgres import postgres_server
from tests.launch.study.sweeping import joined, square, sweep

TRIALS = 40


def shared(path: Path, n_trials: int = 4, lease: float = 1000.0) -> StudyOptions:
    return StudyOptions(
        n_trials=n_trials,
        sampler=Random(),
        storage=f"sqlite:///{path}/shared.db",
        study_name="shared",
        lease=lease,
    )


def test_two_drivers_share_the_trials(tmp_path: Path) -> None:
    drivers = [joined(tmp_path / name, shared(tmp_path)) for name in "ab"]
    numbers = []
    for turn in range(4):
        proposed = drivers[turn % 2].study.propose()
        assert proposed is not None
        numbers.append(proposed[0])
    assert numbers == [0, 1, 2, 3]
    assert drivers[0].study.propose() is None
    assert not drivers[0].study.finished()  # those of the other may come back
    for turn, driver in enumerate(drivers):
        for number in numbers[turn::2]:
            driver.study.tell(number, "done", {"validation/log_loss": 1.0})
    for driver in drivers:
        assert driver.study.finished()
        driver.leave()


def test_trials_of_a_driver_that_died_go_to_another_with_their_numbers(tmp_path: Path) -> None:
    dead = joined(tmp_path / "dead", shared(tmp_path))
    left = [dead.study.propose(), dead.study.propose()]
    dead.leave()
    living = joined(tmp_path / "living", shared(tmp_path, lease=1.0))
    others = sweep(living.study, square)
    deadline = time.monotonic() + 30
    while not living.study.finished() and time.monotonic() < deadline:
        others += sweep(living.study, square)
        time.sleep(0.05)
    living.leave()
    values = {number: values for number, values, _ in others}
    assert len(others) == len(values) == 4
    assert [(number, values[number]) for number in (0, 1)] == left
    retries = [t for t in living.study.study.trials if "retry_of" in t.user_attrs]
    assert [trial.user_attrs["number"] for trial in retries] == [0, 1]


def test_a_living_driver_keeps_its_trials(tmp_path: Path) -> None:
    slow = joined(tmp_path / "slow", shared(tmp_path, n_trials=1, lease=1.0))
    assert slow.study.propose() is not None
    other = joined(tmp_path / "other", shared(tmp_path, n_trials=1, lease=1.0))
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        assert other.study.propose() is None
        time.sleep(0.1)
    slow.leave()
    other.leave()


def test_who_comes_back_too_late_has_lost_its_trials(tmp_path: Path) -> None:
    late = joined(tmp_path / "late", shared(tmp_path, n_trials=2))
    mine = [late.study.propose(), late.study.propose()]
    rows = [Row(number, dict(values), "running") for number, values in filter(None, mine)]
    late.leave()
    other = joined(tmp_path / "other", shared(tmp_path, n_trials=2, lease=1.0))
    taken = None
    while taken is None:
        taken = other.study.propose()
        time.sleep(0.05)
    # What is told meanwhile by the one that was taken for dead changes nothing.
    late.study.tell(taken[0], "done", {"validation/log_loss": 9.0})
    back = joined(tmp_path / "late", shared(tmp_path, n_trials=2), rows=rows)
    assert back.lost == (taken[0],)
    other.study.tell(taken[0], "done", {"validation/log_loss": 1.0})
    back.study.tell(taken[0], "failed", None)
    assert other.study.study.best_value == 1.0
    other.leave()
    back.leave()


def test_what_failed_here_is_tried_again_unless_it_went_to_another(tmp_path: Path) -> None:
    late = joined(tmp_path / "late", shared(tmp_path, n_trials=3))
    mine = [late.study.propose() for _ in range(3)]
    late.study.tell(0, "failed", None)
    late.leave()
    other = joined(tmp_path / "other", shared(tmp_path, n_trials=3, lease=0.5))
    while other.study.propose() is None:
        time.sleep(0.05)
    # Of the two that went to others one is under way, the other queued.
    values = [dict(values) for _, values in filter(None, mine)]
    again = [Row(0, values[0]), Row(1, values[1]), Row(2, values[2], "failed")]
    back = joined(tmp_path / "late", shared(tmp_path, n_trials=3), rows=again)
    assert back.lost == (1,)
    back.study.tell(2, "failed", None)  # as the driver does with all that have ended
    assert back.study.propose() == mine[2]
    back.study.tell(0, "done", {"validation/log_loss": 1.0})
    assert back.study.study.best_value == 1.0
    other.leave()
    back.leave()


def test_trials_that_nobody_has_begun_are_taken_back(tmp_path: Path) -> None:
    late = joined(tmp_path / "late", shared(tmp_path, n_trials=1))
    proposed = late.study.propose()
    assert proposed is not None
    late.leave()
    study = late.study.study
    study.enqueue_trial(dict(proposed[1]), user_attrs={"retry_of": 0, "number": 0})
    study.tell(0, state=TrialState.FAIL)
    back = joined(
        tmp_path / "late", shared(tmp_path, n_trials=1), rows=[Row(0, proposed[1], "running")]
    )
    assert back.lost == ()
    back.study.tell(0, "done", {"validation/log_loss": 2.0})
    assert study.best_value == 2.0
    back.leave()


def test_what_two_drivers_did_at_once_counts_once(tmp_path: Path) -> None:
    driver = joined(tmp_path / "a", shared(tmp_path, n_trials=2))
    study = driver.study.study
    for _ in range(2):  # each took the first point for missing
        study.enqueue_trial({"x": 1.0, "y": 1.0}, user_attrs={"initial": 0})
    study.ask()  # claimed by one that died before it could say so
    found = sweep(driver.study, square)
    assert [number for number, _, _ in found] == [2]
    states = [(t.state.name, "void" in t.user_attrs) for t in study.trials]
    assert states == [("RUNNING", False), ("FAIL", True), ("COMPLETE", False)]
    driver.leave()


def test_a_storage_that_is_away_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = joined(tmp_path, StudyOptions(n_trials=2, sampler=Random())).study
    proposed = study.propose()
    assert proposed is not None

    def fails(*args: object, **rest: object) -> None:
        raise optuna.exceptions.StorageInternalError("the server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "tell", fails)
        patch.setattr(optuna.Study, "get_trials", fails)
        study.tell(proposed[0], "done", {"validation/log_loss": 1.0})
        assert study.propose() is None
        assert not study.finished()
        patch.setattr("framework.launch.study.study.PATIENCE", 0.0)
        with pytest.raises(SourceLost, match="expected a storage that can be reached; the server"):
            study.finished()
    assert study.propose() is not None
    assert study.study.trials[0].value == 1.0


def test_a_claim_that_was_cut_short_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The storage goes away between Optuna's claim and its values."""
    driver = joined(tmp_path / "a", shared(tmp_path, n_trials=1))

    def fails(*args: object, **rest: object) -> None:
        raise optuna.exceptions.StorageInternalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Trial, "suggest_float", fails)
        assert driver.study.propose() is None
        assert not driver.study.finished()
    proposed = driver.study.propose()
    assert proposed is not None
    assert proposed[0] == 0
    driver.study.tell(0, "done", {"validation/log_loss": 1.0})
    assert driver.study.finished()
    driver.leave()


def test_a_storage_that_may_only_be_read_is_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **rest: object) -> None:
        raise optuna.exceptions.StorageInternalError("permission denied")

    joined(tmp_path / "a", shared(tmp_path)).leave()
    monkeypatch.setattr(optuna.Study, "set_user_attr", fails)
    with pytest.raises(InvalidConfig, match="permission denied"):
        joined(tmp_path / "b", shared(tmp_path))
    assert list((tmp_path / "b").iterdir()) == [], "nothing is left by a refusal"


def test_a_file_that_is_no_database_is_a_mistake_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "shared.db").write_text(
        "a letter to somebody else, of more than a few words\n" * 20
    )
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InvalidConfig, match="file is not a database"):
        joined(tmp_path / "a", shared(tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


def start(path: Path, storage: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "tests.launch.study.one_driver", str(path), storage]
    return subprocess.Popen([*words, str(TRIALS)], stdout=subprocess.PIPE, text=True)


@pytest.mark.long
def test_one_driver_killed_at_ten_moments(tmp_path: Path) -> None:
    draw = random.Random(0)
    for _ in range(10):
        process = start(tmp_path, "")
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(draw.uniform(0.0, 0.25))
        process.kill()
        process.wait()
    assert start(tmp_path, "").wait() == 0
    rows = list(Table(tmp_path / "trials.jsonl"))
    assert [row.number for row in rows] == list(range(TRIALS))
    assert {row.state for row in rows} == {"done"}
    [name] = optuna.get_all_study_names(f"sqlite:///{tmp_path}/study.db")
    study = optuna.load_study(study_name=name, storage=f"sqlite:///{tmp_path}/study.db")
    assert [trial.value for trial in study.trials] == [
        row.result["validation/log_loss"] for row in rows
    ]


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/shared.db"
        return
    with postgres_server() as server:
        yield server.address


def ended(path: Path) -> int:
    """Trials that a driver has brought to their end; the last of them perhaps untold."""
    file = path / "done.txt"
    return len(file.read_text().split()) if file.exists() else 0


@pytest.mark.long
def test_two_drivers_of_which_one_is_killed(storage: str, tmp_path: Path) -> None:
    """Together from an empty storage; one dies, and the other finishes what it had begun."""
    processes = [start(tmp_path / name, storage) for name in "ab"]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "joined\n"
    deadline = time.monotonic() + 60
    while min(ended(tmp_path / name) for name in "ab") < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    processes[0].kill()
    processes[0].wait()
    assert processes[1].wait() == 0

    done: dict[int, list[str]] = {}
    for name in "ab":
        table = Table(tmp_path / name / "trials.jsonl")
        for row in table:
            if row.state == "done":
                done.setdefault(row.number, []).append(name)
    driver = joined(tmp_path / "look", StudyOptions(
        n_trials=TRIALS, sampler=Random(), storage=storage, study_name="shared"))  # fmt: skip
    assert driver.study.propose() is None
    assert driver.study.finished()
    trials = [t for t in driver.study.study.trials if t.state == TrialState.COMPLETE]
    driver.leave()
    numbers = [trial.user_attrs.get("number", trial.number) for trial in trials]
    assert len(numbers) == len(set(numbers)) == TRIALS
    by_both = [number for number, names in done.items() if len(names) == 2]
    # At most the one whose line was written as the kill came, before the study heard of it.
    assert len(by_both) <= 1
    assert set(done) == set(numbers)
    assert any(names == ["a"] for names in done.values())
    assert any("retry_of" in trial.user_attrs for trial in trials)
