"""Evaluating a run as a job of its own."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.experiments.launch import SMALL, Ended, here

JOB = ("tracker=none",)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert here(*SMALL, "run.dir=run") == 0
    return folder / "run"


@pytest.fixture
def evaluate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Ended:
        capsys.readouterr()
        code = here(*words, *JOB, module="experiments.evaluate")
        return Ended(code, *capsys.readouterr())

    return call


def test_it_finds_what_the_training_found(run: Path, evaluate) -> None:  # type: ignore[no-untyped-def]
    folder = run / "evaluation" / "test"
    before = json.loads((folder / "metrics.json").read_text())
    with np.load(folder / "predictions.npz") as arrays:
        expected = dict(arrays)
    ended = evaluate(f"run={run}")
    assert ended.code == 0, ended
    after = json.loads((folder / "metrics.json").read_text())
    assert {name: after[name] for name in before} == pytest.approx(before)
    assert (run / "model_card.md").exists()
    with np.load(folder / "predictions.npz") as arrays:
        np.testing.assert_allclose(arrays["probabilities"], expected["probabilities"], atol=1e-6)
        np.testing.assert_array_equal(arrays["index"], expected["index"])
    assert f"Evaluated step 40: {folder}" in ended.out


def test_another_checkpoint_has_a_folder_of_its_own(run: Path, evaluate) -> None:  # type: ignore[no-untyped-def]
    assert evaluate(f"run={run}", "step=20", "data.split=validation").code == 0
    assert (run / "evaluation" / "validation-step-20" / "metrics.json").exists()
    assert "validation-step-20" in (run / "report.html").read_text()


def test_a_shallower_look_leaves_nothing_of_the_deeper_one(run: Path, evaluate) -> None:  # type: ignore[no-untyped-def]
    folder = run / "evaluation" / "validation"
    deep = {"analysis.json", "slices.png", "risk_coverage.png"}
    words = (f"run={run}", "data.split=validation")
    assert evaluate(*words, "evaluation.analysis.slices=[label]").code == 0
    assert deep <= {path.name for path in folder.iterdir()}
    assert evaluate(*words, "evaluation.analysis.depth=none").code == 0
    assert not deep & {path.name for path in folder.iterdir()}


def test_all_examples_may_be_asked_for(run: Path, evaluate) -> None:  # type: ignore[no-untyped-def]
    ended = evaluate(f"run={run}", "data.split=all", "evaluation.analysis.depth=none")
    assert ended.code == 0, ended
    numbers = json.loads((run / "evaluation" / "all" / "metrics.json").read_text())
    assert numbers["examples"] == 1797


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("data.split=tset",),
            "data.split=tset: expected one of all, train, validation, test",
        ),
        (("step=7",), "step=7: expected one of 20, 40, latest or best"),
        (("step=-1",), "step=-1"),
        (
            ("evaluation.analysis.slices=[labl]",),
            "evaluation.analysis.slices.0=labl: expected a column",
        ),
    ],
)
def test_mistakes_are_lines(run: Path, evaluate, words: tuple[str, ...], said: str) -> None:  # type: ignore[no-untyped-def]
    ended = evaluate(f"run={run}", *words)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_a_directory_without_a_run(tmp_path: Path, evaluate) -> None:  # type: ignore[no-untyped-def]
    ended = evaluate(f"run={tmp_path}")
    assert ended.code == 2
    assert "expected a run directory" in ended.err


def test_what_is_asked_for_is_found_out(run: Path, evaluate) -> None:  # type: ignore[no-untyped-def]
    words = ("evaluation=full", "evaluation.analysis.slices=[label]", "data.other=validation",
             "evaluation.analysis.shift_resamples=3", "evaluation.analysis.shift_examples=40",
             "evaluation.analysis.resamples=50")  # fmt: skip
    ended = evaluate(f"run={run}", *words)
    assert ended.code == 0, ended
    folder = run / "evaluation" / "test"
    analysis = json.loads((folder / "analysis.json").read_text())
    # The run kept no profile, as nothing was analysed at its end.
    assert analysis["not_measured"] == {"drift": "the run kept no reference profile"}
    numbers = json.loads((folder / "metrics.json").read_text())
    assert numbers["accuracy/low"] < numbers["accuracy"] < numbers["accuracy/high"]
    assert numbers["slice/label=3/accuracy"] >= 0


def write_table(path: Path, rows: int, flipped: bool = False) -> Path:
    """Two numbers that say the label, or its opposite."""
    random = np.random.default_rng(rows)
    numbers = random.normal(size=(rows, 2))
    labels = (numbers.sum(axis=1) > 0) ^ flipped
    lines = [
        f"{a},{b},{'yes' if label else 'no'}" for (a, b), label in zip(numbers, labels, strict=True)
    ]
    path.write_text("\n".join(["a,b,y", *lines]) + "\n")
    return path


@pytest.mark.long
def test_other_data_are_judged_by_what_the_run_held_out(tmp_path: Path, evaluate) -> None:  # type: ignore[no-untyped-def]
    own = write_table(tmp_path / "own.csv", 1000)
    other = write_table(tmp_path / "other.csv", 400, flipped=True)
    run = tmp_path / "run"
    words = ("data=table", f"data.path={own}", "data.label=y", "data.augmentations=[]",
             "data.batch_size=32", "model=table", "trainer.steps=60", "evaluation.every=60",
             "checkpoint.every=60", "mesh=single", "tracker=none", f"run.dir={run}")  # fmt: skip
    assert here(*words, "evaluation.analysis.resamples=20") == 0
    job = (f"run={run}", f"data.path={other}", "data.split=all", "evaluation=full",
           "evaluation.analysis.resamples=20", "evaluation.analysis.shift_resamples=2",
           "evaluation.analysis.shift_examples=50")  # fmt: skip
    assert evaluate(*job).code == 0
    file = run / "evaluation" / "all-other" / "analysis.json"
    told = json.loads(file.read_text())
    # Fitted on the other data, whose labels are the opposite, it would promise what came.
    assert told["estimates"]["accuracy"]["value"] < 0.3
    assert told["estimated_accuracy"]["thresholded_confidence"]["accuracy"] > 0.8
    assert told["recalibration"]["fitted_examples"] == 100
    # Without the run's data the profile is enough.
    own.unlink()
    ended = evaluate(*job)
    assert ended.code == 0, ended
    assert "The run's own data are not there" in ended.out
    told = json.loads(file.read_text())
    assert "drift" in told
    assert "recalibration" not in told
