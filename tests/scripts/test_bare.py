"""Artifacts in a virtual environment that has jax, numpy, safetensors and flatbuffers only."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.experiments.launch import ROOT, SMALL, environment, here

pytestmark = pytest.mark.long
NEEDED = ("jax", "numpy", "safetensors", "flatbuffers")
SCRIPT = """
import sys
import numpy as np
from framework.artifact import load
for path in sys.argv[1:]:
    artifact = load(path)
    with np.load(path + "/../given.npz") as given:
        found = artifact.run(dict(given))
    np.savez(path + "/../found.npz", **found)
"""
SHORT = [word for word in SMALL if not word.startswith("model")]
RUNS = {
    "cnn": ["experiment=digits", "model=cnn", "model.channels=[8]", *SHORT],
    "vit": ["experiment=digits", "model=vit", "model.layers=1", "model.width=32", *SHORT],
    "transformer": [
        "experiment=shakespeare", "data.files='*.txt'", "data.sequence_length=48",
        "model.layers=1", "model.width=32", "model.heads=2", "schedule.warmup=5", *SHORT,
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of such an environment, with the versions that are installed here."""
    from importlib.metadata import version

    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    found = folder / "bin" / "python"
    packages = [f"{name}=={version(name)}" for name in NEEDED]
    subprocess.run([found, "-m", "pip", "install", "-q", *packages], check=True)
    return found


def test_exported_networks_say_there_what_their_runs_say(python, tmp_path):
    for page in range(6):
        text = "".join(f"{page} rose is a rose. " for _ in range(60))
        (tmp_path / f"{page}.txt").write_text(text)
    wanted = {}
    for name, words in RUNS.items():
        run = tmp_path / name
        data = [f"data.path={tmp_path}"] if name == "transformer" else []
        assert here(*words, *data, f"run.dir={run}") == 0
        assert here(f"run={run}", "export.batch_sizes=[8]", module="scripts.export") == 0
        wanted[name] = _by_the_run(run)
        np.savez(run / "given.npz", **wanted[name][0])
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True
    )
    installed = {package["name"] for package in json.loads(listed.stdout)}
    assert not installed & {"flax", "optax", "orbax-checkpoint", "hydra-core", "framework"}
    paths = [str(tmp_path / name / "artifact") for name in RUNS]
    subprocess.run(
        [python, "-c", SCRIPT, *paths], check=True, env=environment(PYTHONPATH=str(ROOT))
    )
    for name, (_, predictions) in wanted.items():
        with np.load(tmp_path / name / "found.npz") as found:
            for output, array in predictions.items():
                there = array != 0  # of padding nothing is asked
                np.testing.assert_allclose(
                    np.where(there, found[output], 0), array, atol=1e-5, err_msg=name
                )


def _by_the_run(run: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Raw examples of the test split, and what the run itself wrote down of them."""
    from framework.train.rebuilt import rebuilt

    experiment, directory = rebuilt(run, print)
    with np.load(directory.evaluation("test") / "predictions.npz") as arrays:
        said = dict(arrays)
    batch = experiment.data.splits["test"].gather(said["index"])
    inputs = batch["inputs"]
    if isinstance(inputs, dict):
        given = {name: np.asarray(array, np.int32) for name, array in inputs.items()}
        given["labels"] = np.asarray(batch["labels"], np.int32)
        there = given["labels"] >= 0
        return given, {"log_likelihood": np.where(there, said["log_likelihood"], 0)}
    return {"image": inputs}, {"probabilities": said["probabilities"]}
