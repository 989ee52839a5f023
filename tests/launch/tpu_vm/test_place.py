"""Queued resources against a fake gcloud that plays their states."""

import json
from pathlib import Path

import fsspec
import pytest

from framework.launch.place import Ended
from framework.launch.storage import Storage, StorageError
from framework.launch.tpu_vm import QueuedMachines
from framework.launch.tpu_vm.place import QUIET
from framework.launch.trial import Trial
from tests.launch.tpu_vm.conftest import Gcloud, order_of

NAME = "s-t0000"


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    folder = tmp_path / "bucket" / "s"
    folder.mkdir(parents=True)
    return folder


def place(tmp_path: Path, bucket: Path, **options: object) -> QueuedMachines:
    storage = Storage(fsspec.filesystem("file"), str(bucket))
    order = order_of(**options)  # type: ignore[arg-type]
    return QueuedMachines(order, storage, tmp_path / "startup", say=lambda line: None)


def trial(tmp_path: Path, number: int = 0) -> Trial:
    run = tmp_path / "sweep" / "trials" / str(number)
    return Trial(number, {}, ("seed=1", f"run.dir={run}"), run)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("framework.launch.tpu_vm.place.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def look(there: QueuedMachines) -> list[Ended]:
    """Once."""
    there._looked = float("-inf")
    return there.wait(0.0)


def leave(bucket: Path, code: int, asked: str = "", said: str = "", number: int = 0) -> Path:
    """As the startup script does at the end."""
    run = bucket / "trials" / str(number)
    (run / "tpu_vm").mkdir(parents=True, exist_ok=True)
    (run / "summary.json").write_text('{"complete": true}')
    (run / "tpu_vm" / "startup.log").write_text(said)
    record = {"code": code, "asked": asked, "seconds": 7}
    (run / "tpu_vm" / "exit.json").write_text(json.dumps(record))
    return run


def checkpoint(bucket: Path, step: int) -> None:
    folder = bucket / "trials" / "0" / "checkpoints" / str(step)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")


def test_a_trial_waits_trains_and_ends_and_its_machines_are_given_back(
    gcloud: Gcloud, tmp_path: Path, bucket: Path
) -> None:
    there, one = place(tmp_path, bucket), trial(tmp_path)
    assert there.free() == 4
    there.start([one])
    assert there.free() == 3
    assert look(there) == []
    assert gcloud.requests() == {NAME: "WAITING_FOR_RESOURCES"}
    for state in ("PROVISIONING", "ACTIVE"):
        gcloud.move(NAME, state)
        assert look(there) == []
    run = bucket / "trials" / "0"
    run.mkdir(parents=True)
    (run / "metrics.jsonl").write_text('{"step": 20, "validation/accuracy": 0.5}\n')
    look(there)
    assert "0.5" in (one.run / "metrics.jsonl").read_text(), "the driver sees its evaluations"
    leave(bucket, 0)
    assert look(there) == [Ended(0, 0, "", "v5e:4x4", 7)]
    assert json.loads((one.run / "summary.json").read_text())["complete"]
    assert gcloud.requests() == {}
    assert len(gcloud.calls("create")) == 1


def test_what_is_asked_of_a_run_under_way_is_taken_to_it(
    gcloud: Gcloud, tmp_path: Path, bucket: Path
) -> None:
    there, one = place(tmp_path, bucket), trial(tmp_path)
    there.start([one])
    look(there)
    gcloud.move(NAME, "ACTIVE")
    (bucket / "trials" / "0").mkdir(parents=True)
    one.run.mkdir(parents=True)
    (one.run / "stop_request.json").write_text('{"reason": "pruned"}')
    look(there)
    assert "pruned" in (bucket / "trials" / "0" / "stop_request.json").read_text()


@pytest.mark.parametrize("notice", [True, False], ids=["with a notice", "without"])
def test_machines_that_are_taken_away_are_deleted_and_asked_for_again(
    gcloud: Gcloud, tmp_path: Path, bucket: Path, notice: bool
) -> None:
    there = place(tmp_path, bucket, capacity="spot")
    there.start([trial(tmp_path)])
    look(there)
    gcloud.move(NAME, "ACTIVE")
    look(there)
    if notice:
        leave(bucket, 75, asked="TERM")
    gcloud.move(NAME, "SUSPENDING")
    assert look(there) == []
    assert len(gcloud.calls("delete")) == 0
    gcloud.move(NAME, "SUSPENDED")
    assert look(there) == []
    assert gcloud.requests() == {}, "they hold their quota until they are deleted"
    assert look(there) == []
    assert gcloud.requests() == {NAME: "WAITING_FOR_RESOURCES"}
    leave(bucket, 0)
    assert [ended.code for ended in look(there)] == [0], "all that was one try"


def test_they_are_asked_for_again_within_a_bound_that_progress_renews(
    gcloud: Gcloud, tmp_path: Path, bucket: Path
) -> None:
    there = place(tmp_path, bucket, max_asks=2)
    there.start([trial(tmp_path)])
    look(there)
    for step in (0, 100, 200, 0):
        if step:
            checkpoint(bucket, step)
        gcloud.move(NAME, "SUSPENDED")
        assert look(there) == []  # deleted
        assert look(there) == []  # asked for again
    gcloud.move(NAME, "SUSPENDED")
    look(there)
    (ended,) = look(there)
    assert ended.code is None
    assert "2 times without a step gained" in ended.message
    assert gcloud.requests() == {}


def test_a_request_that_fails_says_why_and_is_deleted(
    gcloud: Gcloud, tmp_path: Path, bucket: Path
) -> None:
    there = place(tmp_path, bucket)
    there.start([trial(tmp_path)])
    look(there)
    gcloud.move(NAME, "FAILED", failedData={"error": {"message": "no capacity until 18:00"}})
    assert [(each.code, each.message) for each in look(there)] == [
        (None, "no capacity until 18:00")
    ]
    assert gcloud.requests() == {}


def test_machines_that_gave_themselves_back_without_a_word_end_the_try(
    gcloud: Gcloud, tmp_path: Path, bucket: Path
) -> None:
    there = place(tmp_path, bucket)
    there.start([trial(tmp_path)])
    look(there)
    gcloud.move(NAME, "ACTIVE")
    assert look(there) == []
    gcloud.folder.joinpath(f"{NAME}.request").unlink()
    (ended,) = look(there)
    assert ended.code is None, "tried again, as often as launch.max_tries"
    assert "can they mount gs://bucket/runs?" in ended.message
    assert len(gcloud.calls("create")) == 1


def test_a_mistake_ends_the_trial_and_a_fault_of_the_world_is_tried_again(
    gcloud: Gcloud, tmp_path: Path, bucket: Path
) -> None:
    there = place(tmp_path, bucket)
    there.start([trial(tmp_path, 0)])
    gcloud.refuse("INVALID_ARGUMENT: no such zone")
    (ended,) = look(there)
    assert (ended.code, ended.message) == (2, "INVALID_ARGUMENT: no such zone")
    there.start([trial(tmp_path, 1)])
    gcloud.refuse("UNAVAILABLE: try again")
    assert look(there) == []
    assert look(there) == []
    assert gcloud.requests() == {"s-t0001": "WAITING_FOR_RESOURCES"}


def test_a_trials_mistake_comes_with_its_message(
    gcloud: Gcloud, tmp_path: Path, bucket: Path
) -> None:
    there = place(tmp_path, bucket)
    there.start([trial(tmp_path)])
    look(there)
    gcloud.move(NAME, "ACTIVE")
    leave(bucket, 2, said="One mistake.\n  model=x: expected a choice\nsomething after it\n")
    (ended,) = look(there)
    assert (ended.code, ended.message) == (2, "model=x: expected a choice")


def test_the_next_driver_takes_over_the_machines_and_what_ended_meanwhile(
    gcloud: Gcloud, tmp_path: Path, bucket: Path
) -> None:
    first = place(tmp_path, bucket)
    first.start([trial(tmp_path, 0), trial(tmp_path, 1)])
    look(first)
    gcloud.move("s-t0000", "ACTIVE")
    leave(bucket, 0, number=1)  # and gave its machines back
    gcloud.folder.joinpath("s-t0001.request").unlink()
    second = place(tmp_path, bucket)
    second.start([trial(tmp_path, 0), trial(tmp_path, 1)])
    assert [(each.number, each.code) for each in look(second)] == [(1, 0)]
    assert gcloud.requests() == {"s-t0000": "ACTIVE"}
    assert len(gcloud.calls("create")) == 2


def test_stopped_trials_save_and_end(gcloud: Gcloud, tmp_path: Path, bucket: Path) -> None:
    there = place(tmp_path, bucket)
    there.start([trial(tmp_path, 0), trial(tmp_path, 1)])
    look(there)
    gcloud.move("s-t0000", "ACTIVE")
    there.stop(at_once=False)
    assert there.free() == 0
    assert (bucket / "trials" / "0" / "tpu_vm" / "stop").exists()
    assert look(there) == []
    assert gcloud.requests() == {"s-t0000": "ACTIVE"}, "the one that waited is taken back"
    assert [(each.number, each.code) for each in look(there)] == [(1, 75)]
    leave(bucket, 75, asked="TERM")
    assert [(each.number, each.code) for each in look(there)] == [(0, 75)]
    assert gcloud.requests() == {}


def test_at_once_takes_the_machines(gcloud: Gcloud, tmp_path: Path, bucket: Path) -> None:
    there = place(tmp_path, bucket)
    there.start([trial(tmp_path)])
    look(there)
    gcloud.move(NAME, "ACTIVE")
    there.stop(at_once=True)
    assert gcloud.requests() == {}
    assert [each.code for each in look(there)] == [75]


def test_machines_that_do_not_start_their_trial_are_told_of_once(
    gcloud: Gcloud, tmp_path: Path, bucket: Path, clock: Clock
) -> None:
    said: list[str] = []
    there = place(tmp_path, bucket)
    there.say = said.append
    there.start([trial(tmp_path, 0), trial(tmp_path, 1)])
    look(there)
    clock.now += 10 * QUIET  # while they wait for machines
    look(there)
    gcloud.move("s-t0000", "ACTIVE")
    gcloud.move("s-t0001", "ACTIVE")
    look(there)
    (bucket / "trials" / "1" / "tpu_vm").mkdir(parents=True)
    (bucket / "trials" / "1" / "tpu_vm" / "started").touch()
    for _ in range(3):
        assert not any("no sign" in line for line in said)
        clock.now += QUIET / 2 - 1
        look(there)
    for _ in range(3):
        clock.now += QUIET
        look(there)
    assert [line for line in said if "no sign" in line] == [
        "s-t0000: no sign of its trial after 15 minutes; see: gcloud compute tpus tpu-vm ssh "
        "s-t0000 --project=my-project --zone=us-east5-b --worker=0 "
        "'--command=sudo journalctl --unit=google-startup-scripts'"
    ]


def test_what_may_be_tried_again_tells_its_newest_checkpoint(
    gcloud: Gcloud, tmp_path: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = place(tmp_path, bucket)
    for code in (75, 137):
        there.start([trial(tmp_path)])
        look(there)
        checkpoint(bucket, 100 + code)
        leave(bucket, code)
        assert [each.step for each in look(there)] == [100 + code]
    there.start([trial(tmp_path)])
    look(there)
    gcloud.move(NAME, "FAILED")
    assert [(each.code, each.step) for each in look(there)] == [(None, 237)]
    # While the storage is away nothing is lost.
    there.start([trial(tmp_path)])
    look(there)
    leave(bucket, 75)
    with monkeypatch.context() as away:
        away.setattr(Storage, "step", lambda *_: (_ for _ in ()).throw(StorageError("away")))
        assert look(there) == []
    assert [(each.code, each.step) for each in look(there)] == [(75, 237)]


def test_only_the_time_with_machines_is_counted(
    gcloud: Gcloud, tmp_path: Path, bucket: Path, clock: Clock
) -> None:
    there = place(tmp_path, bucket)
    there.start([trial(tmp_path, 0), trial(tmp_path, 1)])
    look(there)
    clock.now += 3600
    gcloud.move("s-t0000", "FAILED")
    assert [each.seconds for each in look(there)] == [0.0]
    for state, seconds in (("ACTIVE", 50), ("SUSPENDED", 7), ("gone", 1000)):
        if state != "gone":
            gcloud.move("s-t0001", state)
        assert look(there) == []
        clock.now += seconds
    gcloud.move("s-t0001", "ACTIVE")
    assert look(there) == []
    clock.now += 5
    gcloud.move("s-t0001", "FAILED")
    assert [each.seconds for each in look(there)] == [55.0]
