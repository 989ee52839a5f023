import os
import subprocess
import sys
from pathlib import Path

import pytest

from framework.tracking import TrackerOptions, WandbOptions, open_trackers, read_metrics

ROOT = Path(__file__).resolve().parents[2]
NO_WANDB = WandbOptions(enabled=False)


def opened(directory: Path, options: TrackerOptions, resume_step: int | None = None):
    said: list[str] = []
    tracker = open_trackers(
        options, directory, config={}, name="x", resume_step=resume_step, warn=said.append
    )
    return tracker, said


def test_the_files_of_a_run(tmp_path):
    tracker, said = opened(tmp_path, TrackerOptions(wandb=NO_WANDB))
    tracker.scalars(1, {"loss": 1.0})
    tracker.close(True)
    assert read_metrics(tmp_path / "metrics.jsonl") == [{"step": 1, "loss": 1.0}]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events", "metrics.jsonl"]
    assert said == []


def test_no_trackers_write_nothing(tmp_path):
    tracker, said = opened(tmp_path, TrackerOptions(False, False, WandbOptions(mode="disabled")))
    tracker.scalars(1, {"loss": 1.0})
    tracker.close(True)
    assert list(tmp_path.iterdir()) == []
    assert said == []


def test_a_full_file_system_stops_no_training(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here: it needs root")
    try:
        tracker, said = opened(small, TrackerOptions(wandb=NO_WANDB))
        for step in range(5000):
            tracker.scalars(step, {"loss": 1.0, "accuracy": 0.5})
        tracker.close(True)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
    assert sorted(line.split(" stopped")[0] for line in said) == ["TensorBoard", "metrics.jsonl"]
    assert all("No space left on device" in line for line in said)


def test_opening_imports_nothing_heavy():
    program = (
        "import sys; import framework.tracking\n"
        "heavy = {'wandb', 'tensorboard', 'PIL', 'jax', 'tensorflow'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
