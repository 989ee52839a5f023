"""The schema of a run: written when it begins, enforced on other data."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data.make import text_folder
from tests.experiments.launch import Command, Ended, here

SMALL = (
    "data=table", "data.label=answer", "data.batch_size=16", "model=table", "mesh=single",
    "tracker=none", "trainer.steps=4", "trainer.log_every=2", "evaluation.every=2",
    "checkpoint.every=2", "evaluation.final=[]", "data.augmentations=[]",
)  # fmt: skip
Write = Callable[..., Path]


@pytest.fixture
def people(tmp_path: Path) -> Write:
    def write(name: str, towns: tuple[str, ...] = ("Bern", "Oslo"), oldest: int = 70, **more: str):  # type: ignore[no-untyped-def]
        path = tmp_path / f"{name}.csv"
        ages = [20 + i * (oldest - 20) // 99 for i in range(100)]
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["age", "town", *more, "answer"])
            for i, age in enumerate(ages):
                rows.writerow(
                    [age, towns[i % len(towns)], *more.values(), ("no", "yes")[i // 3 % 2]]
                )
        return path

    return write


def evaluate(capsys: pytest.CaptureFixture[str], *words: str) -> Ended:
    capsys.readouterr()
    code = here(*words, "tracker=none", module="experiments.evaluate")
    return Ended(code, *capsys.readouterr())


def test_a_run_keeps_its_schema_and_holds_other_data_against_it(
    command: Command, people: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = command(*SMALL, f"data.path={people('mine')}", "run.dir=run")
    assert ended.code == 0, ended
    assert list(json.loads(Path("run/schema.json").read_text())["columns"]) == ["age", "town"]

    wider = people("wider", size="3")
    ended = evaluate(capsys, "run=run", f"data.path={wider}")
    assert ended.code == 2
    assert "data.size=a column: expected none of that name in" in ended.err

    moved = people("moved", towns=("Oslo", "Rome"))
    ended = evaluate(capsys, "run=run", f"data.path={moved}")
    assert ended.code == 0, ended
    assert "% missing or unknown: expected at most" in " ".join(ended.out.split())

    older = people("older", oldest=200)
    ended = evaluate(capsys, "run=run", f"data.path={older}")
    assert ended.code == 0, ended
    said = " ".join(ended.out.split())
    assert "Unlike the run's training data: data.age=" in said
    assert "in the split test" in said

    before = Path("run/schema.json").read_text()
    again = (*SMALL, "run.dir=run", "run.resume=allow_changes", "trainer.steps=6")
    ended = command(*again, f"data.path={moved}")
    assert ended.code == 2
    assert "data.town=never seen: Rome" in ended.err
    ended = command(*again, f"data.path={older}")
    assert ended.code == 0, ended
    assert "Unlike the run's training data: data.age=" in ended.err
    assert Path("run/schema.json").read_text() == before


def test_a_schema_that_the_user_keeps(command: Command, people: Write) -> None:
    assert command(*SMALL, f"data.path={people('mine')}", "run.dir=run").code == 0
    Path("run/schema.json").rename("kept.json")
    older = people("older", oldest=200)
    ended = command(*SMALL, f"data.path={older}", "run.dir=other", "data_schema=kept.json")
    assert ended.code == 2
    assert "data.age=" in ended.err
    assert not Path("other").exists()
    ended = command(*SMALL, f"data.path={older}", "run.dir=other", "data_schema=none.json")
    assert "data_schema=none.json: expected a schema, as" in ended.err


def test_other_text_is_read_by_the_runs_tokenizer(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tokenizers")
    mine, other = text_folder(tmp_path / "mine"), text_folder(tmp_path / "other", seed=1)
    words = (
        "data=text", "data/tokenizer=bpe", "data.tokenizer.vocabulary_size=270",
        "task=language_modeling",
        "data.sequence_length=16", "data.batch_size=4", "model=transformer", "model.width=8",
        "model.layers=1", "model.heads=1", "data.augmentations=[]", "checkpoint.metric=null",
    )  # fmt: skip
    ended = command(
        *(word for word in SMALL if not word.startswith(("data", "model"))), *words,
        f"data.path={mine}", "run.dir=run",
    )  # fmt: skip
    assert ended.code == 0, ended
    ended = evaluate(capsys, "run=run", f"data.path={other}", "data.split=validation")
    assert ended.code == 0, ended
    assert Path("run/evaluation/validation-other/metrics.json").exists()
