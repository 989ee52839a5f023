import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import framework.data
from framework.config import InvalidConfig
from framework.data import Data, RandomFlip, evaluation_batches
from framework.spec import Field, Labels

ROWS = 40


def columns() -> dict[str, list[object]]:
    """Numbers with and without gaps, text, whole numbers, booleans, a label of three strings."""
    return {
        "id": list(range(100, 100 + ROWS)),
        "age": [float(20 + i) for i in range(ROWS)],
        "income": [None if i % 5 == 0 else float(i) for i in range(ROWS)],
        "city": [None if i % 7 == 0 else ("Bern", "Oslo", "Rome")[i % 3] for i in range(ROWS)],
        "code": [(1, 2, 10)[i % 3] for i in range(ROWS)],
        "member": [i % 2 == 0 for i in range(ROWS)],
        "answer": [("no", "yes", "unsure")[i % 3] for i in range(ROWS)],
    }


def write(path: Path, **changed: list[object] | None) -> Path:
    """The columns, some replaced or (None) left out, as the path's suffix says."""
    found = {k: v for k, v in {**columns(), **changed}.items() if v is not None}
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pa.table(found), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writerow(found)
            writer.writerows(zip(*found.values(), strict=True))
    return path


def load(path: Path, **arguments: object) -> Data:
    given = {"label": "answer", "drop": ("id",), "categorical": ("code",), **arguments}
    return framework.data.table(str(path), batch_size=8, **given)


def rows(data: Data) -> dict[str, dict[str, object]]:
    """Every raw example by its age, decoded by the published categories, from all splits."""
    found = {}
    for split in data.splits.values():
        batch = split.gather(np.arange(len(split)))
        for i in range(len(split)):
            row: dict[str, object] = dict(
                zip(data.spec.inputs["numeric"].names, batch["inputs"]["numeric"][i], strict=False)
            )
            for j, (name, names) in enumerate(data.categories.items()):
                row[name] = ("?", *names)[batch["inputs"]["categorical"][i, j]]
            row["answer"] = data.spec.labels.names[batch["labels"][i]]
            found[float(row["age"])] = row
    return found


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv"])
def test_every_value_arrives(tmp_path: Path, suffix: str) -> None:
    data = load(write(tmp_path / f"rows{suffix}"))
    assert {k: len(v) for k, v in data.splits.items()} == {"train": 28, "validation": 4, "test": 8}
    assert data.spec.labels == Labels("class", ("no", "unsure", "yes"))
    assert data.spec.inputs == {
        "numeric": Field((3,), "float32", names=("age", "income", "income is missing")),
        "categorical": Field((3,), "int32", vocabulary=(4, 4, 3), names=("city", "code", "member")),
    }
    assert data.categories["code"] == ("1", "2", "10")  # in the order of the numbers
    found = rows(data)
    assert len(found) == ROWS
    given = columns()
    for i, age in enumerate(given["age"]):
        row = found[age]
        assert row["city"] == (given["city"][i] or "?")
        assert row["code"] == str(given["code"][i])
        assert str(row["member"]).lower() == str(given["member"][i]).lower()
        assert row["answer"] == given["answer"][i]
        wanted = np.nan if given["income"][i] is None else given["income"][i]
        np.testing.assert_equal(float(row["income"]), wanted)


def test_what_is_learned_is_learned_from_the_training_rows_alone(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet")
    other = {"age": [1e6] * ROWS, "city": ["Paris"] * ROWS, "income": [None] * ROWS}
    write(tmp_path / "test.parquet", **other)
    files = {"train": "train.parquet", "test": "test.parquet"}
    data = load(tmp_path, files=files, validation_fraction=0.0)
    assert {k: len(v) for k, v in data.splits.items()} == {"train": ROWS, "test": ROWS}
    np.testing.assert_allclose(data.preprocess.mean[0], np.mean(columns()["age"]))
    np.testing.assert_allclose(data.preprocess.std[0], np.std(columns()["age"]))
    incomes = [value for value in columns()["income"] if value is not None]
    np.testing.assert_allclose(data.preprocess.fill[1], np.median(incomes))
    test = data.splits["test"].gather(np.arange(ROWS))["inputs"]
    assert (test["categorical"][:, 0] == 0).all()  # Paris is unknown
    filled = load(tmp_path, files=files, fill="mean")
    assert filled.preprocess.fill[1] != data.preprocess.fill[1]
    train = data.splits["train"].gather(np.arange(ROWS))["inputs"]
    numeric = np.asarray(data.preprocess(train)["numeric"])
    np.testing.assert_allclose(numeric[:, :2].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(numeric[:, :2].std(axis=0), 1, atol=1e-6)
    np.testing.assert_array_equal(numeric[:, 2], np.isnan(train["numeric"][:, 1]))


def test_a_second_start_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "rows.parquet")
    first = load(path)
    monkeypatch.setattr(pyarrow.parquet, "read_table", None)
    second = load(path)
    assert first.fingerprint == second.fingerprint
    assert first.spec == second.spec
    assert first.categories == second.categories
    np.testing.assert_array_equal(
        first.splits["test"].gather(np.arange(8))["inputs"]["categorical"],
        second.splits["test"].gather(np.arange(8))["inputs"]["categorical"],
    )


def test_the_fingerprint_changes_with_content_and_columns(tmp_path: Path) -> None:
    first = load(write(tmp_path / "rows.csv")).fingerprint
    assert load(tmp_path / "rows.csv", drop=("id", "member")).fingerprint != first
    write(tmp_path / "rows.csv", age=[float(i) for i in range(ROWS)])
    assert load(tmp_path / "rows.csv").fingerprint != first


def test_numbers_to_predict(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet")
    data = load(path, label=("age", "id"), kind="number", drop=())
    assert data.spec.labels == Labels("number", ("age", "id"))
    labels = data.splits["train"].gather(np.arange(28))["labels"]
    assert labels.dtype == np.float32
    assert (labels[:, 1] - labels[:, 0] == 80).all()


def test_several_labels_of_zero_and_one(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet", first=[0, 1] * 20, second=[1, 1] * 20)
    data = load(path, label=("first", "second"), kind="multi_label", drop=("id", "answer"))
    assert data.spec.labels == Labels("multi_label", ("first", "second"))
    assert data.splits["test"].gather(np.arange(8))["labels"].shape == (8, 2)
    line = refused(path, label=("first", "code"), kind="multi_label", categorical=())
    assert "expected 0 or 1 in each row; row 1 of" in line


def test_whole_numbers_are_classes_under_their_own_name(tmp_path: Path) -> None:
    data = load(write(tmp_path / "rows.parquet"), label="code", categorical=())
    assert data.spec.labels.names == ("1", "2", "10")


def test_labels_in_a_file_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet")
    write(tmp_path / "later.parquet", answer=None)
    order = np.random.default_rng(0).permutation(ROWS)
    labels = {k: [columns()[k][i] for i in order] for k in ("id", "answer")}
    pyarrow.parquet.write_table(pa.table(labels), tmp_path / "labels.parquet")
    given = {
        "files": {"train": "train.parquet", "later": "later.parquet"},
        "label_files": {"later": "labels.parquet"},
        "drop": (),
    }
    data = load(tmp_path, key="id", **given)
    assert {name: len(s) for name, s in data.splits.items()}["later"] == ROWS
    later = data.splits["later"].gather(np.arange(ROWS))
    names = np.array(data.spec.labels.names)[later["labels"]]
    assert names.tolist() == columns()["answer"]
    np.testing.assert_array_equal(later["inputs"]["numeric"][:, 0], columns()["age"])
    assert "id" not in data.spec.inputs["numeric"].names

    pyarrow.parquet.write_table(pa.table(labels).slice(1), tmp_path / "labels.parquet")
    assert f"has {labels['id'][0]}, which is not there" in refused(tmp_path, key="id", **given)
    line = refused(tmp_path, **{**given, "label_files": {"latter": "labels.parquet"}})
    assert line.startswith("label_files=latter: expected labels of a split that has a file: train")
    assert "did you mean 'later'?" in line
    line = refused(tmp_path, **{**given, "drop": ("id",)})
    assert "expected 40 rows, as later.parquet has; it has 39; name the column to join by" in line
    twice = {k: [v[0], *v[:-1]] for k, v in labels.items()}
    pyarrow.parquet.write_table(pa.table(twice), tmp_path / "labels.parquet")
    assert "key=id: expected a different value in each row of" in refused(
        tmp_path, key="id", **given
    )


def refused(path: Path, **arguments: object) -> str:
    with pytest.raises(InvalidConfig) as caught:
        load(path, **arguments)
    return str(caught.value)


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet")
    assert refused(path, label="anser").startswith(
        f"label=anser: expected a column of {path}; did you mean 'answer'?"
    )
    assert refused(path, drop=("idd",)).startswith("drop=idd: expected a column of")
    assert refused(path, numeric=("ages", "incom")).count("did you mean") == 2
    write(tmp_path / "other.parquet", city=None)
    files = {"train": "rows.parquet", "test": "other.parquet"}
    assert "path=city: expected a column of" in refused(tmp_path, files=files)


@pytest.mark.parametrize("suffix", [".parquet", ".csv.gz"])
def test_a_file_that_is_no_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_bytes(b"\x1f\x8b\x08 this is not a table")
    line = refused(path)
    assert line.startswith(f"path={path}: expected a table that can be read; ")
    assert "\n" not in line


def test_a_truncated_parquet_file(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet")
    path.write_bytes(path.read_bytes()[:-40])
    assert refused(path).startswith(f"path={path}: expected a table that can be read; ")


def test_a_csv_file_with_a_short_row(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv")
    path.write_text(path.read_text() + "1,2\n")
    assert "expected a table that can be read; CSV parse error" in refused(path)


def test_a_table_without_rows_and_one_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("age,answer\n")
    assert refused(path) == f"path={path}: expected a table with rows"
    path.rename(tmp_path / "rows.xlsx")
    assert "expected a table ending in .parquet, .csv" in refused(tmp_path / "rows.xlsx")


def test_a_folder_needs_files(tmp_path: Path) -> None:
    assert "expected a file for the `train` split" in refused(tmp_path)
    write(tmp_path / "rows.csv")
    line = refused(tmp_path, files={"train": "row.csv"})
    assert line.startswith(f"files={tmp_path}/row.csv: expected an existing file")
    assert "expected a folder, as `files`" in refused(tmp_path / "rows.csv", files={"train": "x"})


def test_a_label_that_is_missing_or_no_class(tmp_path: Path) -> None:
    answers = [*columns()["answer"][:-1], None]
    path = write(tmp_path / "rows.parquet", answer=answers)
    assert refused(path) == (
        "label=answer: expected one of the classes no, unsure, yes in each row;"
        f" row 39 of {path} has None (1 such rows)"
    )
    write(tmp_path / "rows.parquet")
    line = refused(path, classes=("no", "yes"))
    assert "expected one of the classes no, yes in each row; row 2 of" in line
    assert "has unsure (13 such rows)" in line
    assert "expected a number in each row; row 0" in refused(path, label="income", kind="number")


def test_too_many_classes_or_categories(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet")
    line = refused(path, label="age", max_categories=30)
    assert f"expected 2 to 30 classes in {path}, not 40; kind=number" in line
    assert "label=id: expected 2 to" in refused(
        write(tmp_path / "one.parquet", id=[1] * ROWS), label="id", drop=()
    )
    line = refused(path, categorical=("id",), drop=(), max_categories=10)
    assert line.startswith("categorical=id: expected at most 10 categories in a column, not 28;")
    assert "expected one column where kind is class" in refused(path, label=("age", "answer"))


def test_columns_that_cannot_be_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", age=[*range(ROWS - 1), "old"])
    line = refused(path, numeric=("age",))
    assert line.startswith("numeric=age: expected a column of numbers;")
    assert "'old'" in line
    path = write(tmp_path / "rows.parquet", income=[None] * ROWS)
    assert "numeric=income: expected a value in some training row; name it in `drop`" in refused(
        path, numeric=("income",)
    )
    path = write(tmp_path / "rows.parquet", income=[float("inf")] * ROWS)
    assert "row 0 of" in refused(path)
    path = write(tmp_path / "rows.parquet", income=[[1]] * ROWS)
    assert "path=income: expected numbers, text or booleans, not list<" in refused(path)


def test_marks_for_missing_values_in_text(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", age=["?" if i == 3 else i for i in range(ROWS)])
    ages = [
        split.gather(np.arange(len(split)))["inputs"]["numeric"][:, 0]
        for split in load(path, missing=("?",)).splits.values()
    ]
    assert np.isnan(np.concatenate(ages)).sum() == 1


def test_nothing_but_labels(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet")
    drop = ("id", "age", "income", "city", "member")
    assert "expected a column besides the labels" in refused(
        path, drop=(*drop, "code"), categorical=()
    )


def test_image_augmentations_do_not_fit(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet")
    line = refused(path, augmentations=(RandomFlip(),))
    assert "augmentations.0=RandomFlip(probability=0.5): expected an augmentation of images" in line
    assert "expected mixup only where" in refused(path, augmentations=(framework.data.Mixup(),))


def test_employment(shared_data: Path) -> None:
    data = framework.data.table(
        str(shared_data / "employment"),
        label="employed",
        key="id",
        files={"train": "reference.parquet", "analysis": "analysis.parquet"},
        label_files={"analysis": "analysis_target.parquet"},
        drop=("year", "prediction", "predicted_probability"),
        batch_size=256,
    )
    sizes = {name: len(split) for name, split in data.splits.items()}
    assert sizes == {"train": 48_149, "validation": 6_879, "test": 13_757, "analysis": 208_892}
    assert data.spec.inputs["numeric"].names == ("AGEP",)
    assert len(data.spec.inputs["categorical"].names) == 15
    assert data.spec.labels == Labels("class", ("0", "1"))
    analysis = evaluation_batches(data, "analysis", batch_size=60_000)
    employed = sum(int(batch["labels"][batch["mask"]].sum()) for batch in analysis)
    assert employed == 105_093


def test_booleans_and_dictionaries_may_be_numbers(tmp_path: Path) -> None:
    found = {**columns(), "code": pa.array(columns()["code"]).dictionary_encode()}
    pyarrow.parquet.write_table(pa.table(found), tmp_path / "rows.parquet")
    data = load(tmp_path / "rows.parquet", numeric=("code", "member"), categorical=())
    assert data.spec.inputs["numeric"].names[:4] == ("age", "income", "code", "member")
    numeric = data.splits["train"].gather(np.arange(28))["inputs"]["numeric"]
    assert set(numeric[:, 2]) == {1, 2, 10}
    assert set(numeric[:, 3]) == {0, 1}


def test_other_rows_are_read_as_these_were(tmp_path: Path) -> None:
    mine = load(write(tmp_path / "mine.csv"))
    city = [("Rome", "Paris")[i % 2] for i in range(ROWS)]
    path = write(tmp_path / "other.csv", city=city, age=[float(60 + i) for i in range(ROWS)])
    other = load(path, **mine.learned)
    assert other.spec == mine.spec
    assert other.categories == mine.categories
    assert other.preprocess.mean.tolist() == mine.preprocess.mean.tolist()
    assert other.learned == mine.learned
    assert {row["city"] for row in rows(other).values()} == {"Rome", "?"}
    assert load(path).categories != mine.categories
    assert load(path).fingerprint != other.fingerprint


def test_each_column_that_other_rows_lack_or_add_is_named(tmp_path: Path) -> None:
    mine = load(write(tmp_path / "mine.csv"))
    path = write(tmp_path / "other.csv", age=None, size=[1] * ROWS)
    with pytest.raises(InvalidConfig) as caught:
        load(path, **mine.learned)
    missing, added = map(str, caught.value.problems)
    assert missing.startswith("age=(missing): expected a column of")
    assert added.startswith("size=a column: expected none of that name in")
    with pytest.raises(InvalidConfig, match="label=answer: expected one of the classes"):
        load(write(path, answer=["perhaps", "no"] * (ROWS // 2)), **mine.learned)
    with pytest.raises(InvalidConfig, match="learned="):
        load(path, learned={"numeric": []})


def test_other_categories_and_classes_are_other_data(tmp_path: Path) -> None:
    mine = load(write(tmp_path / "table.csv"))
    for changed in ("city", "answer"):
        values = [f"{value}." if value else value for value in columns()[changed]]
        other = load(write(tmp_path / "table.csv", **{changed: values}))
        for name, source in mine.splits.items():
            codes = source.gather(np.arange(len(source)))
            again = other.splits[name].gather(np.arange(len(source)))
            np.testing.assert_array_equal(
                codes["inputs"]["categorical"], again["inputs"]["categorical"]
            )
            np.testing.assert_array_equal(codes["labels"], again["labels"])
        assert other.fingerprint != mine.fingerprint
