"""`launch.dry_run=true` from the command line, where there is no gcloud."""

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.experiments.launch import ROOT, launch

GIVEN = (
    "hydra/launcher=tpu_vm", "launch.dry_run=true", "launch.slice=v5e:2x4",
    "launch.project=my-project", "launch.zone=us-east5-b", "launch.storage=gs://bucket/runs",
    "launch.install=['framework[tpu]']", "optimizer.learning_rate=1e-4,1e-3",
)  # fmt: skip


@pytest.mark.long
def test_every_command_is_printed_and_none_is_run(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    words = ("--multirun", *GIVEN, f"hydra.sweep.dir={sweep}")
    ended = launch(*words, "mesh=data", cwd=ROOT, PATH="/nowhere")
    assert ended.code == 0, ended.err
    commands = [shlex.split(line) for line in ended.out.splitlines() if line.startswith("gcloud")]
    assert [each[4] for each in commands] == ["create", "create", "list", "delete", "delete"]
    scripts = sorted((sweep / "startup").iterdir())
    assert len(scripts) == 2
    assert "optimizer.learning_rate=0.001" in scripts[1].read_text()
    for script in scripts:
        subprocess.run(["/bin/bash", "-n", str(script)], check=True)
    wrong = launch(*words, "mesh=fsdp", "mesh.fsdp=16", cwd=ROOT, PATH="/nowhere")
    assert wrong.code == 2
    assert "8 devices" in wrong.err
