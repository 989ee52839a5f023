"""What is inferred of a data set, and what other data are held against it."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.config import InvalidConfig
from framework.data import (
    ArraySource,
    Data,
    Identity,
    Schema,
    departures,
    infer,
    read_schema,
    table,
    text,
    violations,
)
from framework.spec import Field, Labels, Spec
from tests.data import make

COLUMNS = {
    "age": [str(20 + i % 50) for i in range(60)],
    "town": [("Bern", "Rome", "Oslo")[i % 3] for i in range(60)],
    "income": [str(i * 1.5) if i % 4 else "" for i in range(60)],
    "answer": [("no", "yes")[i % 2] for i in range(60)],
}


def people(folder: Path, columns: dict[str, list[str]]) -> Data:
    path = folder / "people.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([list(columns), *zip(*columns.values(), strict=True)])
    return table(str(path), label="answer", batch_size=8, cache=str(folder / "cache"))


def said(schema: Schema, data: Data) -> list[str]:
    return [str(problem) for problem in violations(schema, data) + departures(schema, data)]


@pytest.fixture
def schema(tmp_path: Path) -> Schema:
    return infer(people(tmp_path, COLUMNS))


def test_a_table(schema: Schema) -> None:
    assert list(schema.columns) == ["age", "income", "town"]
    age, income, town = schema.columns.values()
    assert (age.kind, age.dtype, age.shape, age.low, age.missing) == (
        "number", "float32", (), 20.0, 0.0,
    )  # fmt: skip
    assert income.missing == pytest.approx(0.25, abs=0.06)
    assert (town.kind, town.categories, town.missing) == ("category", ("Bern", "Oslo", "Rome"), 0.0)
    assert schema.labels == Labels("class", ("no", "yes"))
    assert sum(schema.shares) == pytest.approx(1)
    assert schema.examples == 42


def test_images() -> None:
    schema = infer(make.data(30, 6))
    (column,) = schema.columns.values()
    assert (column.kind, column.dtype, column.shape) == ("number", "uint8", (6, 6))
    assert 0 <= column.low < 10 < 245 < column.high <= 255
    assert schema.shares == pytest.approx((1 / 3,) * 3)


def test_text(tmp_path: Path) -> None:
    data = text(
        str(make.text_folder(tmp_path / "texts")), sequence_length=16, batch_size=4,
        cache=str(tmp_path / "cache"),
    )  # fmt: skip
    schema = infer(data)
    tokens = schema.columns["tokens"]
    assert (tokens.kind, tokens.shape, tokens.vocabulary) == ("token", (16,), 257)
    assert schema.labels.count == 257
    shorter = text(
        str(tmp_path / "texts"), sequence_length=8, batch_size=4, cache=str(tmp_path / "cache")
    )
    assert "data.tokens=token of 257 (int32 of 8): expected token of 257 (int32 of 16)" in said(
        schema, shorter
    )


def test_another_tokenizer_of_the_same_size() -> None:
    data = replace(make.data(30, 6), files={"tokenizer.json": "one"})
    other = replace(data, files={"tokenizer.json": "two"})
    (problem,) = violations(infer(data), other)
    assert problem.key == "data.tokenizer.json"
    assert "a token would mean something else" in str(problem)


def test_several_numbers_to_predict() -> None:
    values = np.array([[0.0, 5.0], [1.0, 7.0]], np.float32)
    data = replace(
        make.data(2, 1),
        spec=Spec(Field((2,), "float32"), Labels("number", ("x", "y"))),
        splits={"train": ArraySource("two", values, values)},
    )
    schema = infer(data)
    assert (schema.targets["y"].low, schema.targets["y"].high) == (5.0, 7.0)
    far = replace(data, splits={"train": ArraySource("two", values, values * 10)})
    assert [problem.key for problem in departures(schema, far)] == ["data.x", "data.y"]


def test_it_is_the_same_from_json(schema: Schema) -> None:
    assert Schema.from_json(json.loads(json.dumps(schema.json(), allow_nan=False))) == schema


def test_the_data_it_is_of_agree_with_it(schema: Schema, tmp_path: Path) -> None:
    data = people(tmp_path, COLUMNS)
    assert violations(schema, data) == []
    assert [p for split in data.splits for p in departures(schema, data, split)] == []


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"age": None}, ["data.age=(missing): expected a column: number (float32)"]),
        (
            {"height": ["1.8"] * 60},
            ["data.height=number (float32): expected no such column; leave it out"],
        ),
        (
            {"age": ["old", "young"] * 30},
            ["data.age=category of 3 (int32): expected number (float32)"],
        ),
        (
            {"town": [("Bern", "Rome", "Paris")[i % 3] for i in range(60)]},
            [
                "data.town=never seen: Paris; absent: Oslo: expected the categories Bern, Oslo,"
                " Rome; their numbers follow from the list"
            ],
        ),
        (
            {"answer": [("no", "yes", "maybe")[i % 3] for i in range(60)]},
            [
                "data.label=never seen: maybe: expected the classes no, yes;"
                " their numbers follow from the list"
            ],
        ),
        (
            {"age": ["500"] * 60},
            [
                "data.age=500 to 500: expected values from 20 to 69, or 4.9 beyond;"
                " in the split train"
            ],
        ),
        ({"income": [""] * 50 + ["1"] * 10}, ["data.income="]),
    ],
)
def test_each_changed_column_is_named(
    schema: Schema, tmp_path: Path, changes: dict[str, list[str] | None], lines: list[str]
) -> None:
    changed = {k: v for k, v in {**COLUMNS, **changes}.items() if v is not None}
    found = said(schema, people(tmp_path, changed))
    assert len(found) == len(lines)
    for line, expected in zip(found, lines, strict=True):
        # A column of text has its categories in the description's place.
        assert line.replace("category (int32)", "category of 3 (int32)").startswith(expected)


def test_a_share_of_missing_values_says_both(schema: Schema, tmp_path: Path) -> None:
    data = people(tmp_path, {**COLUMNS, "age": ["", "44"] * 30})
    (line,) = said(schema, data)
    assert line.endswith("% missing: expected at most 15.1%; in the split train")


def test_a_class_without_examples() -> None:
    data = make.data(30, 6)
    schema = infer(data)
    source = data.splits["train"]
    some = ArraySource("some", source.inputs[::3], source.labels[::3])
    found = departures(schema, replace(data, splits={**data.splits, "other": some}), "other")
    assert "data.label=none of b, c" in str(found[0])


def test_an_empty_split_has_columns_and_no_range() -> None:
    data = make.data(30, 6)
    nothing = ArraySource("none", np.zeros((0, 6, 6), np.uint8), np.zeros(0, np.int32))
    empty = replace(data, splits={**data.splits, "train": nothing})
    schema = infer(empty)
    assert schema.columns["inputs"].low is None
    assert schema.columns["inputs"].shape == (6, 6)
    assert violations(schema, data) == departures(schema, data) == []
    assert Schema.from_json(schema.json()) == schema


@given(st.floats(0, 3), st.floats(-500, 500))
def test_the_margin_is_in_units_of_the_range(margin: float, value: float) -> None:
    def of(*values: float) -> Data:
        column = np.asarray(values, np.float32)[:, None]
        return Data(
            "one",
            Spec({"numeric": Field((1,), "float32", names=("x",))}, Labels("class", ("a", "b"))),
            {"train": ArraySource("one", {"numeric": column}, np.array([0, 1], np.int32))},
            "", 1, Identity(),
        )  # fmt: skip

    schema = replace(infer(of(-10.0, 30.0)), margin=margin)
    beyond = max(-10 - value, value - 30)
    if abs(beyond - 40 * margin) > 1e-2:
        assert bool(departures(schema, of(value, 0.0))) == (beyond > 40 * margin)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("not JSON", "Expecting value"),
        ("{}", "columns: Field required"),
        ('{"columns": {"x": {"kind": "colour"}}}', "columns.x.kind: Input should be"),
    ],
)
def test_a_file_that_is_no_schema(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "schema.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidConfig, match=f"data_schema=.*check_data schema=PATH.*{said}"):
        read_schema(path, "data_schema")
