"""A sweep whose driver and workers are killed ends as one that was never touched."""

import os
import random
import signal
from pathlib import Path

import pytest

from tests.experiments.launch import end, wait_for
from tests.launch.sweeps import begin, children, losses, rows, sweep

TRIALS, STEPS, KILLS = 12, 100, 10
SPACE = (
    "optimizer.learning_rate=1e-4,1e-3,1e-2", "seed=0,1,2,3", f"trainer.steps={STEPS}",
    "launch.workers=2", "launch.max_tries=20",
)  # fmt: skip


@pytest.mark.long
def test_killed_at_ten_moments_every_trial_is_done_once(tmp_path: Path) -> None:
    untouched, killed = tmp_path / "untouched", tmp_path / "killed"
    for folder in (untouched, killed):
        folder.mkdir()
    assert sweep(untouched, *SPACE).code == 0
    chance = random.Random(9)
    moments = sorted(chance.sample(range(20, TRIALS * STEPS - 100), KILLS))
    process = begin(killed, *SPACE)
    ended = {"driver": 0, "worker": 0}
    for moment in moments:
        wait_for(lambda moment=moment: made(killed) >= moment, process)
        workers = children(process.pid)
        # Each is killed about as often, a worker perhaps while it is being replaced.
        if workers and chance.random() < 0.5:
            os.kill(chance.choice(workers), signal.SIGKILL)
            ended["worker"] += 1
        else:
            process.kill()
            process.communicate()
            ended["driver"] += 1
            process = begin(killed, *SPACE)
    assert min(ended.values()) >= 3, ended
    outcome = end(process)
    assert outcome.code == 0, outcome
    assert [row.state for row in rows(killed)] == ["done"] * TRIALS
    text = (killed / "sweep" / "trials.jsonl").read_text()
    assert text.count('"state": "done"') == TRIALS
    for before, after in zip(rows(untouched), rows(killed), strict=True):
        assert (after.values, after.result) == (before.values, before.result)
        found = [losses(folder / "sweep" / "trials" / str(after.number))
                 for folder in (untouched, killed)]  # fmt: skip
        assert [step for step, _ in found[1]] == list(range(1, STEPS + 1))
        assert found[0] == found[1]


def made(folder: Path) -> int:
    """Steps that all trials have logged."""
    files = (folder / "sweep" / "trials").glob("*/metrics.jsonl")
    return sum(len(file.read_bytes().splitlines()) for file in files)
