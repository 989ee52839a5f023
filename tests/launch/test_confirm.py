"""What confirmations say of the trial that was chosen."""

from pathlib import Path

import pytest
from scipy import stats

from framework.config.swept import Dimension
from framework.launch.conclude import conclude
from framework.launch.confirm import confirm, estimate, fresh_seeds, record
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
            request, sweep, row(3, 0.8), ACCURACY, 2, place, Lines(["accuracy"]), 3, lambda: 0
        )
        conclude(request, sweep, rows, [ACCURACY], stopped=False)
        return rows

    assert [one.state for one in again(1)] == ["failed", "done"]
    where = tmp_path / "confirm" / "1000"
    assert f"Failed    confirmation 0: it says why  ({where})" in capsys.readouterr().err
    assert [one.state for one in again(0)] == ["failed", "done"]
    assert [one.state for one in again(0, retry_failed=True)] == ["done", "done"]


def test_fresh_seeds_were_used_by_no_trial() -> None:
    space = (Dimension("seed", "list", (0, 1000, 1002)),)
    request = Request("digits", Path("/sweep"), (), space, settings={"seed": 1001})
    assert fresh_seeds(request, row(0, 0.5), 3) == [1003, 1004, 1005]


def test_the_best_is_finite_and_done() -> None:
    rows = [row(0, float("nan")), row(1, 0.5), row(2, 0.9, state="failed"), row(3, 0.7, 2.0)]
    assert best(rows, [ACCURACY]) == [rows[3]]
    assert best(rows, [LOSS]) == [rows[1]]
    assert best(rows, [ACCURACY, LOSS]) == [rows[1], rows[3]]
    assert best([], [ACCURACY]) == []
