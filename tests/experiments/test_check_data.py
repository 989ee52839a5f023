"""Looking at data by command: before training, by a run's model, with a schema to keep."""

import json
from pathlib import Path

import pytest

from tests.experiments.launch import SMALL, Command, Ended, here

MODULE = "experiments.check_data"


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Ended:
        capsys.readouterr()
        code = here(*words, module=MODULE)
        return Ended(code, *capsys.readouterr())

    return call


def test_before_training_and_after_it(command: Command, check) -> None:  # type: ignore[no-untyped-def]
    ended = check("schema=kept/schema.json")
    assert ended.code == 0, ended
    assert "Numbers   data_quality/quality.json" in ended.out
    found = json.loads(Path("data_quality/quality.json").read_text())
    assert found["run"] is None
    assert found["label_errors"]["examples"] == 1797
    assert json.loads(Path("kept/schema.json").read_text()) == found["schema"]

    assert command(*SMALL, "run.dir=run", "data_schema=kept/schema.json").code == 0
    ended = check("run=run", "quality.shown=3")
    assert ended.code == 0, ended
    found = json.loads(Path("run/data_quality/quality.json").read_text())
    assert found["label_errors"]["by"] == "the run's model at step 40"
    assert found["label_errors"]["examples"] == 540  # not those that it was trained on
    assert found["anomalies"]["measured_in"] == "the embedding of the run's model at step 40"
    assert Path("run/schema.json").read_text() == Path("kept/schema.json").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run=nowhere",), "nowhere: expected a run directory"),
        (("run=nowhere", "data.batch_size=3"), "data.batch_size=3: expected nothing but run, step"),
        (("quality.cosine=2",), "quality.cosine=2: expected less than or equal to 1"),
        (("quality.cosin=1",), "did you mean 'cosine'"),
        (("data=idx", "data.path=gone", "~experiment"), "data.path=gone: expected"),
        (("data_schema=gone.json",), "data_schema=gone.json: expected a schema"),
    ],
)
def test_a_mistake_is_a_line(check, words: tuple[str, ...], said: str) -> None:  # type: ignore[no-untyped-def]
    ended = check(*words)
    assert ended.code == 2, ended
    assert said in ended.err
    assert not Path("data_quality").exists()
