"""A driver that was killed anywhere finds its trials again, and no result is lost."""

import math
from pathlib import Path

import optuna

from framework.launch.study.options import Random, StudyOptions
from framework.launch.table import Row
from tests.launch.study.sweeping import joined, square, sweep

OPTIONS = StudyOptions(n_trials=6, sampler=Random())


def row(number: int, values: dict, state: str = "done") -> Row:
    result = {"validation/log_loss": square(values)} if state == "done" else {}
    return Row(number, values, state, result=result)  # type: ignore[arg-type]


def test_what_was_proposed_and_not_written_down_is_proposed_again(tmp_path: Path) -> None:
    proposed = joined(tmp_path, OPTIONS).study.propose()
    again = joined(tmp_path, OPTIONS).study
    assert again.propose() == proposed
    assert len(sweep(again, square)) == 5


def test_what_the_table_has_is_not_proposed_again(tmp_path: Path) -> None:
    first = joined(tmp_path, OPTIONS).study.propose()
    assert first is not None
    number, values = first
    again = joined(tmp_path, OPTIONS, rows=[row(number, dict(values), "running")]).study
    assert [number for number, _, _ in sweep(again, square)] == [1, 2, 3, 4, 5]
    assert again.study.trials[0].state.name == "RUNNING"
    again.tell(0, "done", {"validation/log_loss": 1.0})
    assert again.study.trials[0].value == 1.0


def test_a_result_that_only_the_table_has_is_told(tmp_path: Path) -> None:
    proposed = joined(tmp_path, OPTIONS).study.propose()
    assert proposed is not None
    number, values = proposed
    written = row(number, dict(values))
    again = joined(tmp_path, OPTIONS, rows=[written]).study
    again.tell(number, written.state, written.result)  # as the driver does with all that ended
    again.tell(number, written.state, written.result)
    assert again.study.trials[number].value == square(dict(values))


def test_a_study_that_is_gone_is_made_anew_from_the_table(tmp_path: Path) -> None:
    trials = sweep(joined(tmp_path, StudyOptions(n_trials=4, sampler=Random())).study, square)
    whole = sweep(joined(tmp_path / "whole", OPTIONS).study, square)
    rows = [row(number, values) for number, values, _ in trials if number != 2]
    rows[1] = row(1, trials[1][1], "failed")
    rows.append(row(5, trials[2][1], "waiting"))
    for damage in (Path.unlink, lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(4000))):
        damage(tmp_path / "study.db")
        again = joined(tmp_path, OPTIONS, rows=rows)
        for known in rows:
            if known.ended:
                again.study.tell(known.number, known.state, known.result)
        states = [trial.state.name for trial in again.study.study.trials]
        assert states == ["COMPLETE", "FAIL", "FAIL", "COMPLETE", "FAIL", "RUNNING"]
        assert again.study.study.trials[0].value == trials[0][2]
        assert again.lost == ()
    assert len(list(tmp_path.glob("study.db.damaged-*"))) == 1
    # Four of six are known; the others have numbers that were never used.
    assert [number for number, _, _ in sweep(again.study, square)] == [6, 7]
    assert len(whole) == 6


def test_failed_and_not_finite_trials_end_alone(tmp_path: Path) -> None:
    study = joined(tmp_path, OPTIONS).study
    for number in range(6):
        assert study.propose() is not None
        result = [None, {"validation/log_loss": math.nan}, {"validation/accuracy": 1.0}]
        if number < 3:
            study.tell(number, "done" if number else "failed", result[number])
        else:
            study.tell(number, "done", {"validation/log_loss": float(number)})
    assert study.propose() is None
    assert study.finished()
    states = [trial.state.name for trial in study.study.trials]
    assert states == ["FAIL"] * 3 + ["COMPLETE"] * 3


def test_a_trial_that_was_pruned_and_continued_has_its_result_in_the_end(tmp_path: Path) -> None:
    first = joined(tmp_path, OPTIONS).study
    proposed = first.propose()
    assert proposed is not None
    first.report(0, 10, {"validation/log_loss": 5.0})
    first.tell(0, "pruned", {"validation/log_loss": 5.0})
    written = row(0, dict(proposed[1]))
    for _ in range(2):
        again = joined(tmp_path, OPTIONS, rows=[written]).study
        again.tell(0, "done", written.result)
    pruned, done = again.study.trials
    assert (pruned.state.name, done.state.name) == ("PRUNED", "COMPLETE")
    assert (done.params, done.value) == (pruned.params, square(dict(proposed[1])))
    # It counts as one: five of six are left, under numbers of their own.
    assert [number for number, _, _ in sweep(again, square)] == [2, 3, 4, 5, 6]


def test_more_trials_may_be_asked_for_later(tmp_path: Path) -> None:
    few = sweep(joined(tmp_path, StudyOptions(n_trials=2, sampler=Random())).study, square)
    more = sweep(joined(tmp_path, OPTIONS).study, square)
    assert [number for number, _, _ in few + more] == list(range(6))


def test_points_that_are_tried_first(tmp_path: Path) -> None:
    points = ({"x": 1.0, "y": 2.0}, {"x": -1.0})
    options = StudyOptions(n_trials=3, sampler=Random(), enqueue=points)
    first = joined(tmp_path, options).study
    assert first.propose() == (0, points[0])
    rest = sweep(joined(tmp_path, options, rows=[row(0, points[0])]).study, square)
    assert [number for number, _, _ in rest] == [1, 2]
    assert rest[0][1]["x"] == -1.0


def test_a_time_limit(tmp_path: Path) -> None:
    study = joined(tmp_path, StudyOptions(n_trials=3, timeout=1e-9)).study
    assert study.propose() is None
    assert study.finished()


def test_a_dashboard_finds_all_that_it_shows(tmp_path: Path) -> None:
    study = joined(tmp_path, OPTIONS).study
    proposed = study.propose()
    assert proposed is not None
    number, values = proposed
    study.report(number, 10, {"validation/log_loss": 0.5})
    study.report(number, 20, {"validation/log_loss": 0.4})
    study.tell(number, "done", {"validation/log_loss": 0.4})
    [name] = optuna.get_all_study_names(f"sqlite:///{tmp_path}/study.db")
    seen = optuna.load_study(study_name=name, storage=f"sqlite:///{tmp_path}/study.db")
    assert name == tmp_path.name
    assert seen.metric_names == ["log_loss"]
    assert [direction.name for direction in seen.directions] == ["MINIMIZE"]
    [trial] = seen.trials
    assert trial.params == values
    assert trial.intermediate_values == {10: 0.5, 20: 0.4}
    assert trial.user_attrs["run"] == str(tmp_path / "trials" / "0")
