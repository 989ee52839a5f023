"""The driver brings every trial to its end, whatever happens on the way."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.launch.driver import Driver
from framework.launch.grid import Grid
from framework.launch.place import Ended
from framework.launch.table import Row, Table
from framework.launch.trial import Trial
from tests.launch.fake_place import FakePlace, Watching, end_well, save

POINTS = {n: {"seed": n} for n in range(5)}


def make(
    folder: Path, place: object, asked: Callable[[], int] = lambda: 0, **more: object
) -> Driver:
    """A driver of a grid over seeds, as it begins on what is in the folder."""
    table = Table(folder / "trials.jsonl")
    grid = Grid(POINTS, given=[row.number for row in table])

    def trial(number: int, values: object) -> Trial:
        return Trial(number, values, (), folder / "trials" / str(number))

    return Driver(table, grid, place, trial, Watching(), asked=asked, **more)


def states(folder: Path) -> list[str]:
    return [row.state for row in Table(folder / "trials.jsonl")]


def test_all_end_well(tmp_path: Path) -> None:
    place = FakePlace(lambda trial, before: 0)
    driver = make(tmp_path, place)
    driver.run()
    assert place.started == [0, 1, 2, 3, 4]
    assert list(driver.table)[3] == Row(
        3, {"seed": 3}, "done", 1, 1.0, "fake", {"validation/accuracy": 0.5}, "",
        str(tmp_path / "trials" / "3"),
    )  # fmt: skip
    seen = [(row.number, row.state) for row in driver.observer.rows if row.number == 2]
    assert seen == [(2, "waiting"), (2, "running"), (2, "done")]


@settings(deadline=None, max_examples=60)
@given(
    codes=st.lists(st.sampled_from([0, 75, -9, 137, None]), max_size=20),
    order=st.lists(st.integers(0, 3), min_size=1, max_size=9),
    width=st.integers(1, 4),
    stops=st.lists(st.integers(1, 9), max_size=4),
)
def test_any_interleaving_of_faults_and_drivers_ends_with_each_trial_done_once(
    codes: list[int | None], order: list[int], width: int, stops: list[int]
) -> None:
    """Tries are lost as `codes` say, then all go well; drivers die after so many moments."""
    done: list[int] = []

    def outcome(trial: Trial, before: int) -> int | None:
        assert trial.number not in done
        code = codes.pop(0) if codes else 0
        done.extend([trial.number] if code == 0 else [])
        return code

    class DiedError(Exception):
        pass

    with TemporaryDirectory() as name:
        folder = Path(name)
        for moments in [*stops, 10_000]:
            place = FakePlace(outcome, width, lambda count: order[count % len(order)] % count)
            left = moments

            def wait(seconds: float, place: FakePlace = place) -> list[Ended]:
                nonlocal left
                left -= 1
                if left < 0:
                    raise DiedError
                return FakePlace.wait(place, seconds)

            place.wait = wait
            try:
                make(folder, place, max_tries=100).run()
            except DiedError:
                # What it ran may have ended meanwhile, and is then not to be run again.
                for trial in place.running[:1]:
                    end_well(trial.run)
                    done.append(trial.number)
        assert states(folder) == ["done"] * 5
    assert sorted(done) == list(range(5))


@pytest.mark.parametrize("code", [1, 2])
def test_a_trial_that_fails_ends_alone(tmp_path: Path, code: int) -> None:
    make(tmp_path, FakePlace(lambda trial, _: code if trial.number == 1 else 0)).run()
    assert states(tmp_path) == ["done", "failed", "done", "done", "done"]
    assert Table(tmp_path / "trials.jsonl")[1].message == "it says why"


@pytest.mark.parametrize("code", [-9, 134, 137, 139, 143, None, 75])
def test_what_is_lost_again_and_again_fails_in_the_end(tmp_path: Path, code: int | None) -> None:
    place = FakePlace(lambda trial, _: code if trial.number == 1 else 0)
    make(tmp_path, place, max_tries=3).run()
    assert place.started.count(1) == 3
    row = Table(tmp_path / "trials.jsonl")[1]
    assert (row.state, row.tries) == ("failed", 3)
    assert "3 tries in a row (launch.max_tries)" in row.message


@pytest.mark.parametrize("code", [75, -9, 137, None])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_try_that_gained_steps_is_not_counted(
    tmp_path: Path, code: int | None, elsewhere: bool
) -> None:
    place = FakePlace(lambda trial, before: 0 if trial.number != 1 or before == 6 else code)
    ends = place.wait

    def wait(seconds: float) -> list[Ended]:
        found = ends(seconds)
        step = 10 * place.started.count(1)
        if not elsewhere and any(one.number == 1 for one in found):
            save(tmp_path / "trials" / "1", step)
        return [replace(one, step=step) for one in found] if elsewhere else found

    place.wait = wait  # type: ignore[method-assign]
    make(tmp_path, place, max_tries=2).run()
    assert states(tmp_path) == ["done"] * 5
    assert place.started.count(1) == 7


def test_steps_elsewhere_that_stay_the_same_are_none_gained(tmp_path: Path) -> None:
    place = FakePlace(lambda trial, _: 75 if trial.number == 1 else 0)
    ends = place.wait
    place.wait = lambda seconds: [replace(one, step=10) for one in ends(seconds)]  # type: ignore[method-assign]
    make(tmp_path, place, max_tries=3).run()
    assert (states(tmp_path)[1], place.started.count(1)) == ("failed", 4)


def test_what_was_running_under_an_earlier_driver_comes_first(tmp_path: Path) -> None:
    table = Table(tmp_path / "trials.jsonl")
    for number, state in enumerate(["waiting", "running", "done", "running", "waiting"]):
        table.put(Row(number, POINTS[number], state))  # type: ignore[arg-type]
    place = FakePlace(lambda trial, _: 0)
    make(tmp_path, place).run()
    assert place.started == [1, 3, 0, 4]


def test_an_exit_code_without_a_result_is_no_success(tmp_path: Path) -> None:
    place = FakePlace(lambda trial, _: 0)
    place.wait = lambda seconds: [Ended(place.running.pop().number, 0)] if place.running else []
    make(tmp_path, place).run()
    assert states(tmp_path) == ["failed"] * 5


def test_once_asked_to_stop_nothing_starts_and_what_runs_may_save(tmp_path: Path) -> None:
    place = FakePlace(lambda trial, _: 75)
    make(tmp_path, place, lambda: 1 if place.started else 0).run()
    assert place.stopped == [False]
    assert place.started == [0, 1]
    assert states(tmp_path) == ["waiting", "waiting"]
    make(tmp_path, again := FakePlace(lambda trial, _: 0)).run()
    assert again.started == [0, 1, 2, 3, 4]
    assert [row.tries for row in Table(tmp_path / "trials.jsonl")] == [2, 2, 1, 1, 1]


def test_asked_twice_it_ends_at_once(tmp_path: Path) -> None:
    place = FakePlace(lambda trial, _: 0)
    waited: list[float] = []
    place.wait = lambda seconds: waited.append(seconds) or []
    make(tmp_path, place, lambda: min(len(waited) // 3, 2)).run()
    assert place.stopped == [False, True]
    assert states(tmp_path) == ["waiting", "waiting"]


def test_what_the_source_does_not_like_is_asked_to_stop(tmp_path: Path) -> None:
    """And is pruned when it has saved; a later driver leaves it alone."""

    def prune(number: int, step: int, metrics: dict[str, float]) -> bool:
        reported.append((number, step, metrics))
        return number == 2

    def wait(seconds: float) -> list[Ended]:
        ended = []
        for trial in list(place.running):
            trial.run.mkdir(parents=True, exist_ok=True)
            if (trial.run / "stop_request.json").exists():
                said = {"complete": False, "stopped": "pruned", "step": 20}
                (trial.run / "summary.json").write_text(json.dumps(said))
            elif trial.number == 2:
                lines = [{"step": 10, "loss": 1.0}, {"step": 20, "validation/accuracy": 0.25}]
                text = "\n".join(map(json.dumps, lines)) + '\n{"step": 3'
                (trial.run / "metrics.jsonl").write_text(text)
                continue
            else:
                end_well(trial.run)
            place.running.remove(trial)
            ended.append(Ended(trial.number, 0))
        return ended

    reported: list[tuple[int, int, dict[str, float]]] = []
    place = FakePlace(lambda trial, _: 0)
    place.wait = wait
    driver = make(tmp_path, place)
    driver.source.report = prune
    driver.run()
    assert reported == [(2, 20, {"validation/accuracy": 0.25})]
    assert states(tmp_path) == ["done", "done", "pruned", "done", "done"]
    assert driver.observer.evaluations == [(2, 20)]
    make(tmp_path, after := FakePlace(lambda trial, _: 0)).run()
    assert after.started == []


def test_a_source_is_told_of_what_ended_before(tmp_path: Path) -> None:
    make(tmp_path, FakePlace(lambda trial, _: 1 if trial.number == 1 else 0)).run()
    driver = make(tmp_path, FakePlace(lambda trial, _: 0))
    told: list[object] = []
    driver.source.tell = lambda *what: told.append(what)
    driver.run()
    result = {"validation/accuracy": 0.5}
    assert told == [(n, "failed", None) if n == 1 else (n, "done", result) for n in range(5)]


def test_what_was_evaluated_at_the_very_end_is_heard_and_prunes_nothing(tmp_path: Path) -> None:
    def outcome(trial: Trial, before: int) -> int:
        trial.run.mkdir(parents=True)
        line = {"step": 40, "validation/accuracy": 0.5}
        (trial.run / "metrics.jsonl").write_text(json.dumps(line) + "\n")
        return 0

    driver = make(tmp_path, FakePlace(outcome))
    driver.source.report = lambda number, step, metrics: True
    driver.run()
    assert sorted(driver.observer.evaluations) == [(number, 40) for number in POINTS]
    assert states(tmp_path) == ["done"] * 5
    assert not list(tmp_path.glob("trials/*/stop_request.json"))


def test_a_pruned_trial_that_went_on_by_itself_is_done(tmp_path: Path) -> None:
    make(tmp_path, FakePlace(lambda trial, _: 0)).run()
    Table(tmp_path / "trials.jsonl").change(3, state="pruned", message="pruned at step 20")
    make(tmp_path, place := FakePlace(lambda trial, _: 0)).run()
    assert place.started == []
    assert states(tmp_path) == ["done"] * 5
