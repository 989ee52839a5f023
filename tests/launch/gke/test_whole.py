"""The whole command against a cluster whose pods do what their manifests say, on this machine."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from framework.launch.gke.manifest import Manifest
from framework.launch.table import Table
from tests.launch.gke.conftest import IMAGE
from tests.launch.gke.fake_cluster import FakeCluster
from tests.launch.gke.fake_server import FakeServer

ROOT = Path(__file__).resolve().parents[3]
LIBTPU = pytest.importorskip("libtpu", reason="the compiler of TPUs is not installed: tpu-plan")


class Pods(threading.Thread):
    """Admits what is queued, one after another, and runs the line of its container.

    Attributes:
        ran: the arguments of every container, in the order of their ends.
    """

    def __init__(self, fake: FakeCluster) -> None:
        super().__init__(daemon=True)
        self.fake, self.over, self.ran = fake, threading.Event(), list[str]()

    def run(self) -> None:
        while not self.over.wait(0.1):
            with self.fake.changed:
                waiting = [n for n, j in self.fake.jobsets.items() if j["spec"]["suspend"]]
                if not waiting:
                    continue
                name = waiting[0]
                self.fake.admit(name)
                job = self.fake.jobsets[name]["spec"]["replicatedJobs"][0]["template"]["spec"]
            code, log = self.container(job["template"]["spec"]["containers"][0])
            with self.fake.changed:
                self.fake.fail(name, code, log) if code else self.fake.finish(name)

    def container(self, container: Manifest) -> tuple[int, str]:
        """Its exit code and the end of its log."""
        own = {each["name"]: each["value"] for each in container["env"] if "value" in each}
        own |= {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [*container["command"], container["args"][0].replace("$$", "$")],
            env={**os.environ, **own}, capture_output=True, text=True,
        )  # fmt: skip
        self.ran.append(container["args"][0])
        return done.returncode, done.stderr[-2000:]


def kubeconfig(path: Path, server: FakeServer) -> Path:
    """As gcloud writes one."""
    address = f"http://127.0.0.1:{server.server_port}"
    path.write_text(
        yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": address}}],
            "users": [{"name": "me", "user": {}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "me"}}],
        })
    )  # fmt: skip
    return path


@pytest.mark.long
def test_a_sweep_from_the_command_to_its_results(
    tmp_path: Path, fake: FakeCluster, server: FakeServer
) -> None:
    pytest.importorskip("kubernetes", reason="the extra gke is not installed")
    pods = Pods(fake)
    pods.start()
    sweep, bucket = tmp_path / "sweep", tmp_path / "bucket"
    words = [
        "--multirun", "experiment=digits", "hydra/launcher=gke", "launch.slice=v5e:1x1",
        "launch.queue=tpus", f"launch.image={IMAGE}", "launch.storage=gs://my-bucket",
        f"launch.seen_at={bucket}", f"launch.mount={bucket}", "launch.poll_seconds=0.2",
        "launch.price=1.2", "launch.max_cost=50", f"hydra.sweep.dir={sweep}",
        "trainer.steps=20", "model.dense=8", "optimizer.learning_rate=0.001,0.003",
    ]  # fmt: skip
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig(tmp_path / "config", server))}
    environment |= {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "experiments.run", *words],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=400,
        )  # fmt: skip
    finally:
        pods.over.set()
    assert done.returncode == 0, done.stderr
    table = Table(sweep / "trials.jsonl")
    assert [row.state for row in table] == ["done", "done"]
    assert all("validation/log_loss" in row.result for row in table)
    assert [row.device for row in table] == ["TPU v5e 1x1"] * 2
    assert len(fake.created) == 2
    assert done.stderr.count("Program   v5e:1x1") == 1  # compiled once
    assert "Price     2 trials, at least" in done.stderr
    for number in range(2):
        run = sweep / "trials" / str(number)
        assert (run / "summary.json").exists()
        assert (run / "evaluation/validation/metrics.json").exists()
        assert not (run / "evaluation/test").exists()  # which a sweep never sees
        name = fake.created[number].rpartition("-t")[0]
        assert (bucket / name / "trials" / str(number) / "checkpoints").is_dir()
    assert all("evaluation.final=[validation]" in line for line in pods.ran)
