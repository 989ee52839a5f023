"""The whole command with `launch.dry_run=true`, where there is neither cluster nor client."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from framework.launch.gke.lint import lint
from tests.launch.gke.conftest import IMAGE

ROOT = Path(__file__).resolve().parents[3]
# As on a machine where the extra and the compiler of TPUs are not installed.
WITHOUT = """
import importlib.util as u
find = u.find_spec
u.find_spec = lambda name, *more: (
    None if name.partition(".")[0] in ("kubernetes", "libtpu", "kubernetes_validate",
                                       "kubeflow_trainer_api") else find(name, *more)
)
"""


def command(tmp_path: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    given = [
        "--multirun", "experiment=digits", "hydra/launcher=gke", "launch.slice=v5e:2x2",
        "launch.queue=tpus", f"launch.image={IMAGE}", "launch.storage=gs://my-bucket/x",
        "launch.dry_run=true", f"hydra.sweep.dir={tmp_path / 'sweep'}",
        "optimizer.learning_rate=1e-3,3e-4",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    environment |= {"KUBECONFIG": "/nowhere", "JAX_PLATFORMS": "cpu"}
    return subprocess.run(
        [sys.executable, "-m", "experiments.run", *given, *words],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "names"),
    [((), ["t0000", "t0001"]), (("launch.workers=2", "launch.name=held"), ["w0000", "w0001"])],
    ids=["trials", "workers"],
)
def test_manifests_are_written_and_nothing_is_submitted(
    tmp_path: Path, words: tuple[str, ...], names: list[str]
) -> None:
    done = command(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / "sweep/manifests").glob("*.yaml"))
    assert [file.stem.rpartition("-")[2] for file in files] == names
    for file in files:
        assert lint(yaml.safe_load(file.read_text())) == []
    assert "Program   not compiled" in done.stderr
    assert "Not checked by kubeflow-trainer-api" in done.stderr
    assert "nothing was submitted" in done.stderr


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("launch.slice=v5e:3x3", "launch.slice=v5e:3x3: expected a topology of v5e; the nearest"),
        ("mesh.tensor=3", "mesh=data -1 × tensor 3: expected axes whose product divides the 4"),
        ("launch.name=" + "n" * 47, "launch.name=" + "n" * 47 + ": expected at most 35 characters"),
        ("launch.image=trainer:latest", "launch.image=trainer:latest: expected an image by its"),
        ("launch.queue=null", "launch.queue=null: expected a LocalQueue of Kueue's"),
        ("launch.dry_run=false", "launch.slice=v5e:2x2: expected a target whose compiler is"),
        ("launch.max_cost=5", "launch.hours=null: expected the hours of a trial"),
        ("optimizer.learning_rat=1,2", "optimizer.learning_rat"),
    ],
)
@pytest.mark.long
def test_mistakes_are_lines_and_leave_nothing(tmp_path: Path, word: str, said: str) -> None:
    done = command(tmp_path, word)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "sweep").exists()
