"""What is planted in data is found; what cannot be judged is said."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from framework.data import ArraySource, Data, digits, table, text
from framework.spec import Field, Labels, Spec
from framework.train.quality import DataCheck, QualityOptions, finish
from tests.data import make

Look = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    def call(data: Data, **options: Any) -> tuple[dict[str, Any], str]:
        said = io.StringIO()
        out = tmp_path / "out"
        finish(DataCheck(data, out, QualityOptions(**options)), Console(file=said))
        return json.loads((out / "quality.json").read_text()), said.getvalue()

    return call


@pytest.fixture(scope="module")
def scans() -> Data:
    return digits(batch_size=32)


def arrays(data: Data, split: str) -> tuple[np.ndarray, np.ndarray]:
    source = data.splits[split]
    batch = source.gather(np.arange(len(source)))
    return batch["inputs"], batch["labels"]


def changed(data: Data, **splits: tuple[np.ndarray, np.ndarray]) -> Data:
    made = {name: ArraySource(name, *arrays) for name, arrays in splits.items()}
    return replace(data, splits={**data.splits, **made})


def across(found: dict[str, Any], split: str, other: str) -> dict[str, Any]:
    rows = found["duplicates"]["across"]
    return next(row for row in rows if (row["split"], row["other"]) == (split, other))


@pytest.mark.long
def test_leaked_images_are_found(scans: Data, look: Look, tmp_path: Path) -> None:
    train, classes = arrays(scans, "train")
    test, labels = arrays(scans, "test")
    test = test.copy()
    test[:30] = train[100:130]
    labels = labels.copy()
    labels[:30] = classes[100:130]
    labels[0] = (labels[0] + 1) % 10  # the same scan with another label
    test[30:50] = train[200:220]
    test[30:50, 3, 3] ^= 1  # another by one of 16 levels
    found, said = look(changed(scans, test=(test, labels)))
    row = across(found, "test", "train")
    assert row["equal"] == 30
    assert row["equal_share"] == pytest.approx(30 / 360)
    assert 49 <= row["near"] <= 55
    assert found["duplicates"]["groups_with_several_labels"] == 1
    assert found["duplicates"]["equal"] == 30
    (first, *_) = pairs = found["duplicates"]["pairs"]
    assert len(pairs) == 24
    assert first["equal"]
    assert first["first"]["picture"].startswith("data:image/png")
    assert {first["first"]["split"], first["second"]["split"]} == {"train", "test"}
    assert first["second"]["index"] - first["first"]["index"] == -100
    assert "test in train: 30 of 360 equal (8.3%)" in said
    assert Image.open(tmp_path / "out" / "duplicates.png").size[0] > 500


def test_flipped_labels_are_found(scans: Data, look: Look, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    flipped: set[tuple[str, int]] = set()
    splits = {}
    for name in scans.splits:
        inputs, labels = arrays(scans, name)
        wrong = random.permutation(len(labels))[: round(0.05 * len(labels))]
        labels = labels.copy()
        labels[wrong] = (labels[wrong] + random.integers(1, 10, len(wrong))) % 10
        flipped |= {(name, int(index)) for index in wrong}
        splits[name] = (inputs, labels)
    found, said = look(changed(scans, **splits), shown=500)
    result = found["label_errors"]
    suspects = {(one["split"], one["index"]) for one in result["worst"]}
    assert len(suspects) == result["suspects"]
    assert len(suspects & flipped) / len(suspects) > 0.95  # precision
    assert len(suspects & flipped) / len(flipped) > 0.75  # recall
    first = {(one["split"], one["index"]) for one in result["worst"][:45]}
    assert len(first & flipped) >= 43
    assert 70 <= result["estimated_errors"] <= 125
    assert "more like" in said
    assert (tmp_path / "out" / "suspect_labels.png").exists()


@pytest.mark.long
def test_outliers_come_first(scans: Data, look: Look) -> None:
    test, labels = arrays(scans, "test")
    test = test.copy()
    test[7] = 16 - test[7]
    test[99] = np.random.default_rng(0).integers(0, 17, (8, 8))
    found, said = look(changed(scans, test=(test, labels)))
    worst = [(one["split"], one["index"]) for one in found["anomalies"]["worst"][:2]]
    assert sorted(worst) == [("test", 7), ("test", 99)]
    assert found["anomalies"]["splits"]["test"] >= 2
    assert "Anomalies" in said


def people(folder: Path, rows: list[list[Any]]) -> Data:
    with (folder / "people.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["age", "town", "answer"], *rows])
    return table(
        str(folder / "people.csv"), label="answer", batch_size=8, cache=str(folder / "cache")
    )


def test_a_table(tmp_path: Path, look: Look) -> None:
    random = np.random.default_rng(0)
    age = random.normal(50, 10, 400)
    rows = [[f"{a:.6f}", "Bern" if a > 50 else "Oslo", "yes" if a > 52 else "no"] for a in age]
    rows[7] = rows[3]
    rows[20] = [f"{age[11] + 1e-5:.6f}", *rows[11][1:]]  # another number beyond rounding
    rows[50] = ["", "Bern", "yes"]
    found, said = look(people(tmp_path, rows))
    assert found["duplicates"]["equal"] == 1
    counted = [*found["duplicates"]["within"], *found["duplicates"]["across"]]
    assert sum(row["near"] for row in counted) > sum(row["equal"] for row in counted)
    assert found["label_errors"]["agreement"] > 0.9
    assert set(found["duplicates"]["pairs"][0]["first"]["values"]) >= {"age", "town"}
    assert "hundredth" in said


def test_text(tmp_path: Path, look: Look) -> None:
    folder = make.text_folder(tmp_path / "texts")
    random = np.random.default_rng(0)
    words = " ".join(str(n) for n in random.integers(0, 10_000, 200))
    (folder / "a.txt").write_text("Before it. " + words)
    (folder / "b.txt").write_text(words)
    data = text(
        str(folder), sequence_length=64, batch_size=4, cache=str(tmp_path / "cache"),
        test_files=("b.txt",),
    )  # fmt: skip
    found, said = look(data)
    assert found["label_errors"]["unknown"] == "labels of kind token are not classes"
    (row,) = [one for one in found["duplicates"]["shared_text"] if one["split"] == "test"]
    assert row["share"] > 0.9
    assert found["duplicates"]["groups_with_several_labels"] is None
    assert "tokens in a row with train" in said


def test_numbers_that_are_missing_in_images(look: Look) -> None:
    data = make.data(300, 6)
    inputs, labels = arrays(data, "train")
    pixels = inputs.astype(np.float32)
    pixels[5, 2, 2] = np.nan
    found, said = look(changed(data, train=(pixels, labels)))
    assert found["anomalies"]["not_finite"] == 1
    assert found["anomalies"]["worst"][0]["split"] == "train"
    assert found["anomalies"]["worst"][0]["distance"] is None
    assert found["label_errors"]["examples"] == 899
    assert "1 of them hold NaN or infinite numbers" in said


def test_one_class(look: Look) -> None:
    data = make.data(120, 6)
    inputs, labels = arrays(data, "train")
    one = (inputs, np.zeros_like(labels))
    found, said = look(changed(data, train=one, validation=one, test=one))
    assert found["label_errors"]["unknown"].startswith("not enough data: a is all there is")
    assert "Labels      not judged: not enough data" in said
    assert across(found, "test", "train")["equal_share"] == 1


def test_an_empty_split_and_few_examples(look: Look) -> None:
    data = make.data(20, 6)
    nothing = (np.zeros((0, 6, 6), np.uint8), np.zeros(0, np.int32))
    found, said = look(changed(data, validation=nothing))
    assert found["splits"]["validation"] == {"examples": 0, "looked_at": 0}
    assert "validation: empty" in said
    assert "fewer than 100 different training examples" in found["anomalies"]["unknown"]


def test_labels_that_are_numbers(look: Look) -> None:
    values = np.random.default_rng(0).random((150, 3)).astype(np.float32)
    data = replace(
        make.data(3, 1),
        spec=Spec(Field((3,), "float32"), Labels("number", ("y",))),
        splits={"train": ArraySource("made", values, values[:, :1])},
    )
    found, _ = look(data)
    assert "unknown" in found["label_errors"]
    assert found["anomalies"]["threshold"] > 0


def test_no_more_is_looked_at_than_was_asked(look: Look) -> None:
    found, said = look(make.data(300, 6), examples=50)
    assert {s["looked_at"] for s in found["splits"].values()} == {50}
    assert "train: 50 of them, evenly spaced" in said
    assert found["duplicates"]["examples"] == 150
    assert max(one["second"]["index"] for one in found["duplicates"]["pairs"]) > 100
