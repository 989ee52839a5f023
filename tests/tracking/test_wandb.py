import base64
import hashlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from framework.tracking.options import WandbOptions
from framework.tracking.wandb import WandbRun, _quieter
from tests.tracking.wandb_records import history, records

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch):
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)


def opened(directory: Path) -> WandbRun:
    settings = WandbOptions(project="tests", tags=("a", "b"))
    return WandbRun(settings, directory, {"seed": 3, "model": {"width": 8}}, "trial", print)


def offline_runs(directory: Path) -> list[Path]:
    return sorted((directory / "wandb").glob("offline-run-*"))


def test_an_offline_run_is_read_back(tmp_path, capfd):
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"weights")
    run = opened(tmp_path)
    for step in range(5):
        run.scalars(step, {"loss": 1 / (step + 1)})
    run.scalars(2, {"accuracy": 0.5})  # late, as evaluations are
    run.picture(4, "sample", image)
    run.table(4, "classes", ["class", "recall"], [["a", 0.25], [3, None]])
    run.text(4, "note", "a < b")
    run.artifact("model", "checkpoint", weights)
    run.hyperparameters({"learning_rate": 0.1}, {"best": 0.75})
    run.close(True)

    (directory,) = offline_runs(tmp_path)
    rows = history(directory)
    losses = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    assert losses == [(step, 1 / (step + 1)) for step in range(5)]
    assert [row["step"] for row in rows if "accuracy" in row] == [2]
    media = {
        name: (directory / "files" / row[f"{name}.path"], row["step"])
        for row in rows
        for name in ("sample", "classes", "note")
        if f"{name}.path" in row
    }
    assert [step for _, step in media.values()] == [4, 4, 4]
    np.testing.assert_array_equal(np.asarray(Image.open(media["sample"][0])), image)
    table = json.loads(media["classes"][0].read_text())
    assert (table["columns"], table["data"]) == (["class", "recall"], [["a", 0.25], [3, None]])
    assert "a &lt; b" in media["note"][0].read_text()

    found = records(directory)
    (start,) = [record.run for record in found if record.HasField("run")]
    config = {item.key: json.loads(item.value_json) for item in start.config.update}
    assert (config["seed"], config["model"]) == (3, {"width": 8})
    assert (start.project, start.display_name, list(start.tags)) == ("tests", "trial", ["a", "b"])
    later = [item for record in found for item in record.config.update]
    assert {"learning_rate": 0.1} in [json.loads(item.value_json) for item in later]
    summary = [item for record in found for item in record.summary.update]
    assert ("best", "0.75") in [(item.key, item.value_json) for item in summary]
    artifacts = [record.artifact for record in found if record.HasField("artifact")]
    (artifact,) = [found for found in artifacts if found.name == "model"]
    (entry,) = artifact.manifest.contents
    digest = hashlib.md5(b"weights", usedforsecurity=False).digest()
    assert (artifact.type, entry.path, entry.size) == ("checkpoint", "weights.bin", 7)
    assert Path(entry.local_path).read_bytes() == b"weights"
    assert entry.digest == base64.b64encode(digest).decode()
    (end,) = [record.exit for record in found if record.HasField("exit")]
    assert end.exit_code == 0
    assert capfd.readouterr() == ("", "")


def test_values_of_one_step_are_one_row(tmp_path):
    run = opened(tmp_path)
    run.scalars(1, {"loss": 1.0})
    run.scalars(1, {"accuracy": 0.5, "loss": 0.75})
    run.text(1, "note", "x")
    run.scalars(2, {"loss": 0.5})
    run.close(True)
    (directory,) = offline_runs(tmp_path)
    first, second = history(directory)
    assert (first["step"], first["loss"], first["accuracy"]) == (1, 0.75, 0.5)
    assert "note.path" in first
    assert (second["step"], second["loss"]) == (2, 0.5)


def test_nothing_is_written_outside_and_no_variable_stays(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    before = dict(os.environ)
    run = opened(tmp_path / "run")
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"weights")
    run.artifact("model", "checkpoint", weights)
    run.close(True)
    assert list(home.rglob("*")) == []
    assert {p.name for p in tmp_path.iterdir()} == {"home", "run", "weights.bin"}
    assert dict(os.environ) == before


def test_without_a_login_it_records_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    said: list[str] = []
    settings = WandbOptions(mode="online", project="tests")
    run = WandbRun(settings, tmp_path / "run", {}, "trial", said.append)
    run.scalars(1, {"loss": 1.0})
    run.close(True)
    (line,) = said
    assert line.startswith("W&B records offline")
    (directory,) = offline_runs(tmp_path / "run")
    assert [row["loss"] for row in history(directory)] == [1.0]


@pytest.mark.parametrize(
    ("mode", "variable", "result"),
    [
        ("online", None, "online"),
        ("online", "offline", "offline"),
        ("online", "disabled", "disabled"),
        ("offline", "online", "offline"),
        ("offline", "nonsense", "offline"),
    ],
)
def test_the_environment_makes_it_quieter_only(mode, variable, result):
    assert _quieter(mode, variable) == result


def test_offline_asks_no_network(tmp_path):
    """Not a name is looked up and no address connected to, by Python or by W&B's own process."""
    program = textwrap.dedent(
        f"""
        from pathlib import Path
        from framework.tracking.options import WandbOptions
        from framework.tracking.wandb import WandbRun
        run = WandbRun(WandbOptions(), Path({str(tmp_path)!r}), {{}}, "trial", print)
        run.scalars(1, {{"loss": 1.0}})
        run.close(True)
        """
    )
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-qq", "-e", "trace=connect,sendto", "-o", str(trace)]
    try:
        run = subprocess.run(
            [*command, sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
        )
    except FileNotFoundError:
        pytest.skip("strace is not installed")
    if "ptrace" in run.stderr and run.returncode:
        pytest.skip(f"strace may not trace here: {run.stderr.strip()}")
    assert run.returncode == 0, run.stderr
    calls = trace.read_text().splitlines()
    assert any("AF_UNIX" in call for call in calls), "W&B's own process was not traced"
    assert [call for call in calls if "AF_INET" in call] == []
