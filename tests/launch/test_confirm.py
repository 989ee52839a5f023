"""What confirmations say of the trial that was chosen."""

from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

from framework.config.swept import Dimension
from framework.launch.conclude import conclude
from framework.launch.confirm import confirm, estimate, fresh_seeds, read_records, record, say
from framework.launch.lines import Lines
from framework.launch.objective import Objective, best
from framework.launch.request import Request
from framework.launch.sweep import Sweep
from framework.launch.table import Row
from tests.launch.fake_place import FakePlace

ACCURACY, LOSS = Objective("accuracy", True), Objective("log_loss", False)


def row(number: int, accuracy: float, loss: float = 1.0, state: str = "done") -> Row:
    result = {"validation/accuracy": accuracy, "validation/log_loss": loss}
    return Row(number, {"seed": number}, state, result=result)  # type: ignore[arg-type]


def test_the_interval_is_students() -> None:
    values = [0.5, 0.7, 0.6, 0.65]
    low, high = stats.t.interval(0.95, 3, loc=sum(values) / 4, scale=stats.sem(values))
    found = estimate([*values, None, float("nan")])
    assert found == {
        "mean": pytest.approx(0.6125), "low": pytest.approx(low), "high": pytest.approx(high),
        "n": 4,
    }  # fmt: skip


@pytest.mark.parametrize(("wanted", "high"), [(ACCURACY, 1.0), (LOSS, 1.401)])
def test_no_interval_reaches_beyond_what_can_be(wanted: Objective, high: float) -> None:
    values = {"1000": 0.99, "1001": 0.95, "1002": 0.99, "1003": 0.2}
    found = {s: {"metrics": {f"validation/{wanted.metric}": v}} for s, v in values.items()}
    said = record(row(3, 0.8, 1.0), wanted, found)["validation"]
    assert said["high"] == pytest.approx(high, abs=1e-3)
    assert said["low"] == pytest.approx(0.164, abs=1e-3)


def test_a_loss_is_never_negative_unless_it_may_be() -> None:
    def low(metric: str) -> float:
        found = {
            seed: {"metrics": {f"validation/{metric}": value}}
            for seed, value in (("1000", 0.1), ("1001", 0.9))
        }
        chosen = Row(3, {}, "done", result={f"validation/{metric}": 0.1})
        return float(record(chosen, Objective(metric, False), found)["validation"]["low"])

    assert low("log_loss") == low("expected_calibration_error") == 0
    assert low("loveliness") < -1


def test_one_value_has_no_interval_and_none_no_mean() -> None:
    assert estimate([0.5]) == {"mean": 0.5, "low": None, "high": None, "n": 1}
    assert estimate([]) == {"mean": None, "low": None, "high": None, "n": 0}


@pytest.mark.parametrize(("wanted", "luck"), [(ACCURACY, 0.2), (LOSS, 0.3)])
def test_luck_is_what_the_choice_flatters(wanted: Objective, luck: float) -> None:
    found = {
        seed: {"metrics": {"validation/accuracy": 0.6, "validation/log_loss": 1.3,
                           f"test/{wanted.metric}": 0.5}}
        for seed in ("1000", "1001")
    }  # fmt: skip
    said = record(row(3, 0.8, 1.0), wanted, found)
    assert said["luck"] == pytest.approx(luck)
    assert said["test"]["by_seed"] == {"1000": 0.5, "1001": 0.5}


def test_one_that_failed_is_called_so_and_tried_again_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = Sweep(tmp_path)

    def again(code: int, **launch: bool) -> list[Row]:
        request = Request("digits", tmp_path, (), (), settings={"seed": 0}, launch=launch)
        place = FakePlace(lambda trial, tries: code if trial.number == 0 else 0)
        rows = confirm(
            request, sweep, [row(3, 0.8)], [ACCURACY], 2, place, Lines(["accuracy"]), 3, lambda: 0
        )
        conclude(request, sweep, rows, [ACCURACY], stopped=False)
        return rows

    assert [one.state for one in again(1)] == ["failed", "done"]
    where = tmp_path / "confirm" / "1000"
    assert f"Failed    confirmation 0: it says why  ({where})" in capsys.readouterr().err
    assert [one.state for one in again(0)] == ["failed", "done"]
    assert [one.state for one in again(0, retry_failed=True)] == ["done", "done"]


def test_each_of_a_front_is_confirmed_and_more_seeds_keep_what_was_done(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path)
    front = [replace(one, values={"rate": one.number}) for one in (row(1, 0.5), row(3, 0.7, 2.0))]
    started: list[list[int]] = []

    def again(*front: Row, count: int) -> list[tuple[int, str]]:
        """Trial and metric of each record."""
        place = FakePlace(lambda trial, tries: 0)
        request = Request("digits", tmp_path, (), (), settings={"seed": 0})
        confirm(
            request, sweep, front, [ACCURACY, LOSS], count, place, Lines(["accuracy"]), 3, lambda: 0
        )
        started.append(sorted(place.started))
        return [(one["trial"], one["metric"]) for one in read_records(sweep)]

    both = [(1, "accuracy"), (1, "log_loss"), (3, "accuracy"), (3, "log_loss")]
    assert again(*front, count=2) == both
    assert [one["validation"]["n"] for one in read_records(sweep)] == [2, 0, 2, 0]
    first, *_, last = read_records(sweep)
    assert list(first["validation"]["by_seed"]) == ["1000", "1002"]
    assert list(last["validation"]["by_seed"]) == ["1001", "1003"]
    assert again(*front, count=3) == both
    assert again(front[1], count=2) == both[2:]
    assert started == [[0, 1, 2, 3], [4, 5], [0, 1]]
    assert (tmp_path / "confirm-1" / "1005").exists(), "those of another front are kept aside"


def test_a_front_is_said_in_a_line_for_each_trial_and_metric(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = {
        seed: {"metrics": {"validation/accuracy": value, "test/accuracy": 0.5}}
        for seed, value in (("1000", 0.6), ("1001", 0.62))
    }
    say([record(row(3, 0.8), one, found) for one in (ACCURACY, LOSS)])
    assert capsys.readouterr().out.splitlines() == [
        "Confirmed trial 3, accuracy 0.8: validation 0.61 (0.482938 to 0.737062), "
        "test 0.5 (0.5 to 0.5)",
        "Confirmed trial 3, log_loss 1: nothing was measured",
    ]


def test_fresh_seeds_were_used_by_no_trial() -> None:
    space = (Dimension("seed", "list", (0, 1000, 1002)),)
    request = Request("digits", Path("/sweep"), (), space, settings={"seed": 1001})
    assert fresh_seeds(request, [row(0, 0.5)], 3) == [1003, 1004, 1005]


def test_the_best_is_finite_and_done() -> None:
    rows = [row(0, float("nan")), row(1, 0.5), row(2, 0.9, state="failed"), row(3, 0.7, 2.0)]
    assert best(rows, [ACCURACY]) == [rows[3]]
    assert best(rows, [LOSS]) == [rows[1]]
    assert best(rows, [ACCURACY, LOSS]) == [rows[1], rows[3]]
    assert best([], [ACCURACY]) == []
