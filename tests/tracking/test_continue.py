"""What every tracker has of a run that was killed and continued: each step once, none missing."""

import math
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from framework.tracking import TrackerOptions, WandbOptions, open_trackers, read_metrics
from framework.tracking.wandb import WandbRun
from tests.tracking.test_tensorboard import accumulated
from tests.tracking.wandb_records import history

ROOT = Path(__file__).resolve().parents[2]
OFFLINE = WandbOptions()


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch):
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)


def loss(step: int) -> float:
    return 1 / (step + 1) if step % 7 else math.nan


def row(step: int) -> dict[str, float]:
    return {"step": step, "loss": loss(step)}


def sent(directory: Path) -> list[dict[str, float]]:
    """The rows of all that `wandb sync` takes below the run, by W&B's own choice of files."""
    from wandb.cli.beta_sync import _expand_wandb_files

    files = {file.resolve() for file in _expand_wandb_files(directory / "wandb")}
    rows = [row for file in sorted(files) for row in history(file.parent)]
    return [{k: v for k, v in row.items() if not k.startswith("_")} for row in rows]


def superseded(directory: Path) -> list[Path]:
    return sorted((directory / "wandb" / "superseded").glob("*/offline-run-*/*.wandb"))


def identifier(directory: Path) -> str:
    return (directory / "wandb" / "run_id").read_text().strip()


def trained(
    directory: Path, steps: range, *, resume_step: int | None, options: WandbOptions = OFFLINE
) -> WandbRun:
    """A sink that has recorded `steps`, with the rows of all before; not closed."""
    rows = None if resume_step is None else [row(step) for step in range(resume_step + 1)]
    run = WandbRun(options, directory, {}, "trial", print, resume_step, rows)
    for step in steps:
        run.scalars(step, {"loss": loss(step)})
    return run


def abandon(run: WandbRun) -> None:
    """As a kill leaves it: what was sent is there, what was not is lost, no end is recorded."""
    run._row = {}
    run.close(False)


def test_offline_each_step_is_there_once_after_kills(tmp_path):
    abandon(trained(tmp_path, range(13), resume_step=None))
    first = identifier(tmp_path)
    abandon(trained(tmp_path, range(10, 19), resume_step=9))
    trained(tmp_path, range(16, 25), resume_step=15).close(True)
    np.testing.assert_equal(sent(tmp_path), [row(step) for step in range(25)])
    assert identifier(tmp_path) == first
    assert len(superseded(tmp_path)) == 2


def test_a_run_that_starts_anew_supersedes_what_is_there(tmp_path):
    abandon(trained(tmp_path, range(4), resume_step=None))
    first = identifier(tmp_path)
    trained(tmp_path, range(6), resume_step=None).close(True)
    np.testing.assert_equal(sent(tmp_path), [row(step) for step in range(6)])
    assert len(superseded(tmp_path)) == 1
    assert identifier(tmp_path) != first


def test_without_recorded_rows_older_records_are_kept(tmp_path):
    trained(tmp_path, range(4), resume_step=None).close(False)
    run = WandbRun(OFFLINE, tmp_path, {}, "trial", print, 3, None)
    run.scalars(4, {"loss": loss(4)})
    run.close(True)
    np.testing.assert_equal(sorted(row["step"] for row in sent(tmp_path)), [*range(5)])
    assert superseded(tmp_path) == []


def test_the_step_that_is_continued_from_stays_one_row(tmp_path):
    """The end of a run logs at the step of its last checkpoint, from which it is concluded anew."""
    trained(tmp_path, range(4), resume_step=None).close(False)
    run = trained(tmp_path, range(0), resume_step=3)
    run.scalars(3, {"loss": loss(3), "test/accuracy": 0.5})
    run.close(True)
    expected = [row(0), row(1), row(2), {**row(3), "test/accuracy": 0.5}]
    np.testing.assert_equal(sent(tmp_path), expected)


class Server:
    """W&B online, as far as it is used here: a history, and the summary that follows from it."""

    def __init__(self) -> None:
        self.history: list[dict[str, float]] = []
        self.runs: list[tuple[str, str | None]] = []

    def login(self, prompt: bool) -> bool:
        return True

    def Settings(self, **_: object) -> None:  # noqa: N802
        pass

    def init(self, *, id: str, resume: str | None, **_: object) -> SimpleNamespace:
        self.runs.append((id, resume))
        summary: dict[str, float] = {}
        for line in self.history if resume == "allow" else ():
            summary |= line
        return SimpleNamespace(
            summary=summary,
            define_metric=lambda *_, **__: None,
            log=lambda line: self.history.append(dict(line)),
            finish=lambda exit_code: None,
        )

    def teardown(self) -> None:
        pass


@pytest.fixture
def server(monkeypatch) -> Server:
    server = Server()
    monkeypatch.setitem(sys.modules, "wandb", server)
    return server


ONLINE = WandbOptions(mode="online")


@pytest.mark.parametrize("lost", [0, 1, 5, 13])
def test_online_what_the_server_has_not_is_sent_and_nothing_twice(server, tmp_path, lost):
    """`lost`: rows that W&B's own process had not sent when it was killed with us."""
    abandon(trained(tmp_path, range(14), resume_step=None, options=ONLINE))
    server.history = server.history[: 13 - lost]  # the 14th was not whole
    trained(tmp_path, range(10, 20), resume_step=9, options=ONLINE).close(True)
    np.testing.assert_equal(server.history, [row(step) for step in range(20)])
    (first, new), (second, resumed) = server.runs
    assert (first, new, resumed) == (second, None, "allow")


def test_online_what_comes_late_for_a_step_is_sent(server, tmp_path):
    """Scalars of the last step that the server does not have: its end failed before."""
    trained(tmp_path, range(4), resume_step=None, options=ONLINE).close(False)
    run = trained(tmp_path, range(0), resume_step=3, options=ONLINE)
    run.scalars(3, {"loss": loss(3), "test/accuracy": 0.5})
    run.close(True)
    expected = [*map(row, range(4)), {"step": 3, "test/accuracy": 0.5}]
    np.testing.assert_equal(server.history, expected)


def test_online_a_run_that_starts_anew_is_another(server, tmp_path):
    abandon(trained(tmp_path, range(4), resume_step=None, options=ONLINE))
    trained(tmp_path, range(6), resume_step=None, options=ONLINE).close(True)
    (first, _), (second, resumed) = server.runs
    assert first != second
    assert resumed is None


def test_online_takes_the_place_of_an_offline_record(server, tmp_path, monkeypatch):
    record = tmp_path / "wandb" / "offline-run-20260101_000000-abcd"
    record.mkdir(parents=True)
    (record / "run-abcd.wandb").touch()
    (tmp_path / "wandb" / "run_id").write_text("abcd\n")
    trained(tmp_path, range(4, 6), resume_step=3, options=ONLINE).close(True)
    np.testing.assert_equal(server.history, [row(step) for step in range(6)])
    assert len(superseded(tmp_path)) == 1


PROGRAM = """
    import os, signal, sys
    from pathlib import Path
    from framework.tracking import TrackerOptions, open_trackers
    directory, last, checkpoint, resume = Path(sys.argv[1]), *map(int, sys.argv[2:])
    tracker = open_trackers(
        TrackerOptions(), directory, config={}, name="x", resume_step=resume or None, warn=print
    )
    for step in range(resume + 1, last + 1):
        tracker.scalars(step, {"loss": float("nan") if step % 7 == 0 else 1 / (step + 1)})
        if step == checkpoint:
            assert tracker.flushed(60)
            Path(directory, "saved").touch()
            if step == last:
                os.kill(os.getpid(), signal.SIGKILL)  # no buffer is emptied, no thread goes on
    if checkpoint:
        os.kill(os.getpid(), signal.SIGKILL)
    tracker.close(True)
    print("closed")
"""


@pytest.mark.parametrize(("last", "checkpoint"), [(20, 20), (35, 20), (600, 20)])
def test_a_kill_loses_and_doubles_no_step_of_any_tracker(tmp_path, last, checkpoint):
    """Killed right after the checkpoint, and in the middle of what came after."""

    def train(*words: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), str(tmp_path), *map(str, words)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
        )

    killed = train(last, checkpoint, 0)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (tmp_path / "saved").exists()
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")][:20] == [
        *range(1, 21)
    ]
    done = train(40, 0, checkpoint)
    assert (done.returncode, done.stdout) == (0, "closed\n"), done.stdout + done.stderr
    expected = [row(step) for step in range(1, 41)]
    np.testing.assert_equal(read_metrics(tmp_path / "metrics.jsonl"), expected)
    np.testing.assert_equal(sent(tmp_path), expected)
    curve = [(e.step, e.value) for e in accumulated(tmp_path / "events").Scalars("training/loss")]
    np.testing.assert_equal(curve, [(step, np.float32(loss(step))) for step in range(1, 41)])


def test_metrics_that_cannot_be_read_stop_no_training(tmp_path, monkeypatch):
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("framework.tracking.tracker.read_metrics", refuse)
    (tmp_path / "metrics.jsonl").write_bytes(b'{"step": 1, "loss": 1.0}\n')
    said: list[str] = []
    options = TrackerOptions(tensorboard=False, wandb=WandbOptions(enabled=False))
    tracker = open_trackers(options, tmp_path, config={}, name="x", resume_step=1, warn=said.append)
    tracker.close(True)
    (line,) = said
    assert line.endswith("cannot be read, W&B may have steps twice: Permission denied")
