"""What is done once before a sweep's trials are submitted."""

from pathlib import Path

import pytest

from framework.config import InvalidConfig
from framework.launch.gke import make
from framework.launch.gke.cancelled import cancel, is_cancelled
from framework.launch.gke.make import _beginning
from framework.launch.gke.record import RECORD, Record
from framework.launch.request import Request
from tests.launch.gke.conftest import IMAGE


@pytest.mark.parametrize("again", [False, True])
def test_what_was_cancelled_is_taken_back_where_failed_trials_are_tried_again(
    tmp_path: Path, again: bool
) -> None:
    request = Request("digits", tmp_path, (), (), launch={"retry_failed": again})
    begin = _beginning(request, Record("digits-a1b2c3", request.launch))
    run = tmp_path / "trials/7"
    cancel(run)
    begin()
    assert is_cancelled(run) is not again
    assert (tmp_path / RECORD).exists()
    cancel(run)
    begin()  # before further trials
    assert is_cancelled(run)


def test_a_rehearsal_takes_nothing_back(tmp_path: Path) -> None:
    launch = {"retry_failed": True, "dry_run": True}
    cancel(tmp_path / "trials/7")
    _beginning(Request("digits", tmp_path, (), (), launch=launch), Record("digits", launch))()
    assert is_cancelled(tmp_path / "trials/7")


def test_the_runs_of_sweep_confirm_count_against_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = {
        "slice": "v6e:4x4", "slices": 1, "image": IMAGE, "queue": "tpus", "max_tries": 3,
        "storage": "gs://my-bucket", "name": "digits", "price": 1.0, "hours": 1.0, "max_cost": 40,
        "dry_run": True,
    }  # fmt: skip
    monkeypatch.setattr(make, "check_meshes", lambda *_: None)
    monkeypatch.setattr(make, "_first_plan", lambda *_, needed: None)
    make.make_place(Request("digits", tmp_path, (), (), launch=launch))  # 16 for one trial
    confirmed = Request("digits", tmp_path, (), (), launch=launch, sweep={"confirm": 2})
    with pytest.raises(InvalidConfig, match="48: 1 trials and 2 confirmations"):
        make.make_place(confirmed)
