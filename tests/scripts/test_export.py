"""From a run to an artifact, as a user asks for it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from framework.artifact import inspect, load
from framework.data import table
from framework.manifest import MANIFEST
from framework.stats import TemperatureScaling
from tests.experiments.launch import SMALL, Ended, environment, here, language_words

MODULE = "scripts.export"
DEEP = "evaluation.analysis.depth=quick"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRAMEWORK_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small classifier of digits, with a temperature and a profile."""
    folder = tmp_path_factory.mktemp("exported") / "run"
    assert here(*SMALL, DEEP, f"run.dir={folder}") == 0
    return folder


@pytest.fixture(scope="module")
def artifact(run: Path) -> Path:
    """Its artifact, not to be changed."""
    assert here(f"run={run}", module=MODULE) == 0
    return run / "artifact"


@pytest.fixture
def export(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def call(*words: str) -> Ended:
        capsys.readouterr()
        code = here(f"run={run}", f"export.dir={tmp_path}/made", *words, module=MODULE)
        return Ended(code, *capsys.readouterr())

    return call


def test_it_holds_what_it_promises(run, artifact):
    names = {p.relative_to(artifact).as_posix() for p in artifact.rglob("*") if p.is_file()}
    assert names == {
        "manifest.json", "programs/predict.stablehlo", "weights/weights.safetensors",
        "calibration.json", "metrics.json", "model_card.md", "examples/inputs.npz",
        "examples/outputs.npz", "reference_profile/about.json", "reference_profile/train.npz",
        "reference_profile/validation.npz", "reference_profile/embedding.npz",
    }  # fmt: skip
    about = inspect(artifact).about
    assert about["run"]["step"] == 40
    assert about["data"] == {
        "name": "digits", "fingerprint": json.loads((run / "data.json").read_text())["fingerprint"]
    }  # fmt: skip
    image = about["signature"]["inputs"]["image"]
    assert (image["shape"], image["dtype"], image["range"]) == (["batch", 8, 8], "uint8", [0, 16])
    assert about["programs"]["predict"]["platforms"] == ["cpu", "cuda", "tpu"]
    (parity,) = about["parity"]
    assert parity["examples"] == 1000
    assert 0 < parity["largest_difference"] <= 1e-5


def test_it_says_what_the_run_says_calibrated(run, artifact):
    """Raw pixels in; the run's own probabilities, divided by its temperature, out."""
    from sklearn.datasets import load_digits

    with np.load(run / "evaluation" / "test" / "predictions.npz") as arrays:
        before = dict(arrays)
    temperature = json.loads((run / "calibration.json").read_text())["temperature"]
    logs = np.log(before["probabilities"].astype(np.float64))
    wanted = TemperatureScaling(temperature).apply(logs)
    from framework.data import digits

    source = digits(batch_size=1).splits["test"]
    raw = source.gather(before["index"])["inputs"]
    assert set(map(bytes, raw)) <= set(map(bytes, load_digits().images.astype(np.uint8)))
    found = load(artifact).predict({"image": raw})
    np.testing.assert_allclose(found["probabilities"], wanted, atol=1e-5)
    assert found["class"].tolist() == [str(c) for c in wanted.argmax(1)]


def test_its_metrics_are_its_own_with_intervals(run, artifact):
    loaded = load(artifact)
    metrics = loaded.metrics()
    before = json.loads((run / "evaluation" / "test" / "metrics.json").read_text())
    assert metrics["split"] == "test"
    assert metrics["accuracy"] == before["accuracy"]  # which a temperature does not change
    assert metrics["accuracy/low"] < metrics["accuracy"] < metrics["accuracy/high"]
    assert metrics["log_loss"] != before["log_loss"]
    inputs, outputs = loaded.examples()
    again = loaded.run(inputs)
    np.testing.assert_allclose(again["probabilities"], outputs["probabilities"], atol=1e-6)


@pytest.mark.parametrize("precision", ["bfloat16", "int8", "int8_dynamic"])
def test_another_precision_is_smaller_and_within_its_bounds(artifact, export, tmp_path, precision):
    if precision != "bfloat16":
        pytest.importorskip("qwix", reason="the extra `quantize` is not installed")
    ended = export(f"export.precision={precision}", "export.parity.examples=1000")
    assert ended.code == 0, ended
    made = tmp_path / "made"
    weights = "weights/weights.safetensors"
    assert (made / weights).stat().st_size < 0.75 * (artifact / weights).stat().st_size
    about = inspect(made).about
    assert about["precision"] == precision
    assert about["cost"]["agreement"]["value"] > 0.97
    assert load(made).predict(np.zeros((3, 8, 8), np.uint8))["probabilities"].shape == (3, 10)


def test_a_bound_that_is_passed_fails_the_export_and_leaves_nothing(export, tmp_path):
    ended = export("export.parity.float32.difference=1e-12")
    assert ended.code == 1
    assert "differs from the run by" in ended.err
    assert "where 1e-12 is allowed" in ended.err
    assert "of example" in ended.err
    assert "No artifact was made." in ended.err
    assert list(tmp_path.iterdir()) == []
    ended = export("export.precision=bfloat16", "export.parity.bfloat16.agreement=1",
                   "export.parity.bfloat16.calibration_increase=0")  # fmt: skip
    assert ended.code == 1, ended
    assert "the farthest is example" in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_a_coarse_precision_in_another_format_is_held_against_the_run_too(
    export, tmp_path, monkeypatch, value
):
    for package in ("jax2onnx", "qwix"):
        pytest.importorskip(package, reason="the extra `onnx` or `quantize` is not installed")
    from framework.export import gate

    right = gate.open_format

    def wrong(form, path):
        predict = right(form, path)
        return lambda given: {n: np.full_like(a, value) for n, a in predict(given).items()}

    monkeypatch.setattr(gate, "open_format", wrong)
    ended = export("export.precision=int8", "export.formats=[onnx]")
    assert ended.code == 1, ended
    assert "int8 as onnx" in ended.err or "onnx in int8" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_is_not_overwritten_by_chance(export, tmp_path):
    assert export().code == 0
    before = (tmp_path / "made" / MANIFEST).read_bytes()
    ended = export()
    assert ended.code == 2
    assert "export.replace=true" in ended.err
    assert (tmp_path / "made" / MANIFEST).read_bytes() == before
    assert export("export.replace=true", "export.batch_sizes=[2]").code == 0
    assert inspect(tmp_path / "made").about["batch_sizes"] == [2]
    assert [p.name for p in tmp_path.iterdir()] == ["made"]


def test_a_full_disk_leaves_nothing(export, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("framework.export.export.write_weights", full)
    ended = export()
    assert (ended.code, ended.err) == (1, "No space left on device\nNo artifact was made.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run=nowhere"], "nowhere: expected a run directory"),
        (["step=7"], "step=7: expected one of"),
        (["export.precision=int4"], "export.precision=int4"),
        (["export.formats=[tflite]"], "export.formats"),
        (["export.batch_sizes=[]"], "export.batch_sizes"),
        (["export.batch_sizes=[0]"], "export.batch_sizes"),
        (["export.dri=x"], "did you mean 'dir'"),
        (["export.layout=triton"], "export.layout=triton: expected export.formats with onnx"),
    ],
)
def test_wrong_words_are_a_line_each(export, tmp_path, words, said):
    ended = export(*words)
    assert ended.code == 2, ended
    assert said in ended.err
    assert list(tmp_path.iterdir()) == []


def test_another_directory_is_not_replaced(run, tmp_path, capsys):
    (tmp_path / "notes").write_text("mine")
    code = here(f"run={run}", f"export.dir={tmp_path}", "export.replace=true", module=MODULE)
    assert code == 2
    assert "a directory that is not there yet, or an artifact" in capsys.readouterr().err
    assert (tmp_path / "notes").read_text() == "mine"


def test_a_key_that_is_none_is_found_before_anything_is_done(export, tmp_path):
    pytest.importorskip("model_signing", reason="the extra `signing` is not installed")
    (tmp_path / "key").write_text("no key")
    ended = export("--sign", f"{tmp_path}/key")
    assert ended.code == 1
    assert "expected an elliptic-curve private key" in ended.err


def test_a_killed_export_leaves_no_artifact_and_the_next_one_tidies(run, tmp_path):
    """Killed while the parity is measured: everything is written but the manifest."""
    place = tmp_path / "made"
    script = (
        "import os, sys; sys.argv = ['export', *sys.argv[1:]]\n"
        "import framework.export.export as e\n"
        "e.pass_gate = lambda *_: os.kill(os.getpid(), 9)\n"
        "from scripts.export import main; main()\n"
    )
    words = [f"run={run}", f"export.dir={place}"]
    ended = subprocess.run(
        [sys.executable, "-c", script, *words], env=environment(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ended.returncode == -9, ended
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".partial")
    assert not (left / MANIFEST).exists()
    assert here(*words, module=MODULE) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["made"]


def test_of_two_exports_to_one_place_one_wins_and_the_other_says_so_in_a_line(run, tmp_path):
    """Two processes, both of which have made all but the manifest before either goes on."""
    (tmp_path / "at_the_gate").mkdir()
    script = (
        "import os, sys, time; from pathlib import Path\n"
        "sys.argv = ['export', *sys.argv[1:]]\n"
        "import framework.export.export as e\n"
        "gate, write = Path('at_the_gate'), e.write_card\n"
        "def wait(*given):\n"
        "    (gate / str(os.getpid())).touch()\n"
        "    end = time.monotonic() + 120\n"
        "    while len(list(gate.iterdir())) < 2 and time.monotonic() < end: time.sleep(0.01)\n"
        "    return write(*given)\n"
        "e.write_card = wait\n"
        "from scripts.export import main; sys.exit(main())\n"
    )
    place = tmp_path / "there" / "made"
    exports = [
        subprocess.Popen(
            [sys.executable, "-c", script, f"run={run}", f"export.dir={place}",
             f"export.batch_sizes=[{size}]"],
            cwd=tmp_path, env=environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for size in (2, 4)
    ]  # fmt: skip
    said = [export.communicate(timeout=300) for export in exports]
    codes = [export.returncode for export in exports]
    assert sorted(codes) == [0, 1], said
    winner, loser = codes.index(0), codes.index(1)
    assert f"Artifact  {place}" in said[winner][0]
    assert "Artifact  " not in said[loser][0]
    assert said[loser][1] == (
        f"export.dir={place}: another export has written its artifact there meanwhile, which "
        "stays, and this export was removed; name another place with export.dir=…, or replace an "
        "artifact with export.replace=true\n"
    )
    assert [path.name for path in place.parent.iterdir()] == ["made"]
    assert inspect(place).about["batch_sizes"] == [(2, 4)[winner]]


def test_columns_come_unscaled_and_categories_as_text(tmp_path, capsys):
    """A table with missing values, text and numbers that stand for categories."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(0)
    age = random.normal(40, 12, 600)
    age[::7] = np.nan
    job = random.choice(["cook", "pilot", "nurse"], 600)
    code = random.integers(1, 4, 600)
    label = np.where((np.nan_to_num(age, nan=40) > 40) ^ (job == "cook"), "yes", "no")
    columns = {"age": age, "job": job, "code": code, "label": label}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    run = tmp_path / "run"
    words = [
        "data=table", f"data.path={tmp_path}/t.parquet", "data.label=label", "model=table",
        "data.categorical=[code]", "data.augmentations=[]", "model.width=16", "model.depth=1",
    ]  # fmt: skip
    small = [w for w in SMALL if not w.startswith("model")]
    assert here(*small, DEEP, *words, f"run.dir={run}") == 0, capsys.readouterr()
    assert here(f"run={run}", module=MODULE) == 0, capsys.readouterr()
    loaded = load(run / "artifact")
    assert loaded.signature.inputs["code"].categories == ("1", "2", "3")
    with np.load(run / "evaluation" / "test" / "predictions.npz") as arrays:
        before = dict(arrays)
    data = table(f"{tmp_path}/t.parquet", label="label", batch_size=1, categorical=("code",))
    rows = data.splits["test"].gather(before["index"])["inputs"]
    known = data.categories
    given = {
        "age": rows["numeric"][:, 0],
        "job": [known["job"][i - 1] for i in rows["categorical"][:, 0]],
        "code": [int(known["code"][i - 1]) for i in rows["categorical"][:, 1]],
    }
    found = loaded.predict(given)
    temperature = json.loads((run / "calibration.json").read_text())["temperature"]
    logs = np.log(np.clip(before["probabilities"].astype(np.float64), 1e-12, None))
    wanted = TemperatureScaling(temperature).apply(logs)
    np.testing.assert_allclose(found["probabilities"], wanted, atol=1e-5)
    one = {name: [values[0]] for name, values in given.items()}
    unknown = loaded.predict(one | {"job": ["astronaut"]})["probabilities"]
    np.testing.assert_allclose(
        unknown, loaded.predict(one | {"job": [None]})["probabilities"], atol=1e-7
    )


def test_a_checkpoint_that_is_not_the_last_has_a_temperature_of_its_own(run, tmp_path):
    place = tmp_path / "early"
    assert here(f"run={run}", "step=20", f"export.dir={place}", module=MODULE) == 0
    early = json.loads((place / "calibration.json").read_text())
    last = json.loads((run / "calibration.json").read_text())
    assert early["temperature"] != last["temperature"]
    assert inspect(place).about["run"]["step"] == 20


def test_a_model_that_says_otherwise_than_its_run_recorded_is_refused(run, tmp_path, capsys):
    """As after an edit of a user's own model: the same parameters, another function."""
    copied = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("artifact*"))
    config = (copied / "config.yaml").read_text()
    assert "_target_: framework.models.MLP" in config
    changed = config.replace("framework.models.MLP", "tests.scripts.changed_model.Changed")
    (copied / "config.yaml").write_text(changed)
    assert here(f"run={copied}", module=MODULE) == 2
    said = capsys.readouterr().err
    assert "a model that says what it said when the run ended: probabilities of example" in said
    assert "its code has changed since; the run's commit is" in said
    assert not (copied / "artifact").exists()


def test_a_run_that_reports_its_best_weights_is_held_against_them(run, tmp_path, capsys):
    copied = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("artifact*"))
    summary = json.loads((copied / "summary.json").read_text())
    (copied / "summary.json").write_text(json.dumps({**summary, "weights": "step 40 (best)"}))
    assert here(f"run={copied}", module=MODULE) == 0
    assert "instead of" not in (copied / "artifact" / "model_card.md").read_text()
    shutil.rmtree(copied / "artifact")
    file = copied / "evaluation" / "test" / "predictions.npz"
    with np.load(file) as arrays:
        changed = {**arrays, "probabilities": np.roll(arrays["probabilities"], 1, axis=1)}
    np.savez(file, **changed)
    capsys.readouterr()
    assert here(f"run={copied}", module=MODULE) == 2
    assert "a model that says what it said when the run ended" in capsys.readouterr().err


def test_data_that_have_changed_are_refused_and_moved_ones_are_found(tmp_path, capsys):
    pages = tmp_path / "pages"
    pages.mkdir()
    run = tmp_path / "run"
    words = language_words(pages, run, 48)
    short = ["trainer.steps=40", "evaluation.every=40", "model.layers=1"]
    assert here(*words, *short, "evaluation.analysis.depth=none") == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    pages.rename(elsewhere / "pages")  # a corpus goes by its folder's name
    assert here(f"run={run}", module=MODULE) == 2
    assert "expected an existing path" in capsys.readouterr().err
    moved = f"data.path={elsewhere / 'pages'}"
    assert here(f"run={run}", moved, module=MODULE) == 0, capsys.readouterr().err
    about = inspect(run / "artifact").about
    assert (
        about["data"]["fingerprint"] == json.loads((run / "data.json").read_text())["fingerprint"]
    )
    (elsewhere / "pages" / "0.txt").write_text("Something else. " * 60)
    assert here(f"run={run}", moved, "export.replace=true", module=MODULE) == 2
    assert "their content has changed (fingerprint" in capsys.readouterr().err


def test_no_artifact_is_made_inside_another(export, artifact):
    ended = export(f"export.dir={artifact}/deep/er")
    assert ended.code == 2
    assert "a place outside other artifacts" in ended.err
    assert inspect(artifact)


def test_the_card_says_what_holds_for_the_artifact(run, artifact, tmp_path):
    card = (artifact / "model_card.md").read_text()
    loaded = load(artifact, warm=False)
    assert card.index("## This artifact") < card.index("## Model details")
    assert f"log loss {loaded.metrics()['log_loss']:.4g}" in card
    before_prose = card.index("On 360 test examples it is right")
    assert card.index("What follows describes the run") < before_prose
    index = yaml.safe_load(card.split("---")[1])["model-index"][0]["results"][0]["metrics"]
    measured = {one["type"]: one["value"] for one in index}
    assert measured["log_loss"] == loaded.metrics()["log_loss"]
    assert set(measured) <= set(loaded.metrics())
    assert repr(loaded).count("\n") == 0
    place = tmp_path / "early"
    words = [f"run={run}", "step=20", "export.precision=bfloat16", f"export.dir={place}"]
    loose = ["export.parity.bfloat16.agreement=0.9", "export.parity.bfloat16.accuracy_drop=0.1"]
    assert here(*words, *loose, module=MODULE) == 0
    early = (place / "model_card.md").read_text()
    assert "step 20: " in early
    assert "in bfloat16" in early
    assert "with the weights of step 40 instead of 20" in early


def test_a_run_without_analysis_is_exported_uncalibrated(run, tmp_path):
    copied = shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(copied / "reference_profile")
    shutil.rmtree(copied / "artifact", ignore_errors=True)
    (copied / "calibration.json").unlink()
    assert here(f"run={copied}", module=MODULE) == 0
    made = copied / "artifact"
    assert json.loads((made / "calibration.json").read_text()) == {"method": "none"}
    assert not (made / "reference_profile").exists()
