"""What `predict` takes, and what it says of what it does not take."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.artifact import Argument, Input, InvalidInput, Signature
from framework.artifact.inputs import category_text, encode
from framework.data.columns import _text
from tests.artifact import toy

GOOD = np.full((2, 2, 3), 7, np.uint8)
WANTED = r"The signature wants image: uint8 \[batch, 2, 3\] from 0 to 10\.$"
TABLE = Signature(
    {
        "age": Input((), "float32", missing=True),
        "job": Input((), "string", categories=("1", "2.5", "cook", "true"), missing=True),
        "hours": Input((), "float32"),
    },
    {},
    {
        "numeric": Argument((2,), "float32", ("age", "hours"), stacked=True),
        "categorical": Argument((1,), "int32", ("job",), stacked=True),
    },
)


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        ({"imag": GOOD}, r"'imag': no input of that name; did you mean 'image'\?"),
        ({}, "'image': missing"),
        ({"image": GOOD, "label": [1, 2]}, "'label': no input of that name"),
        (GOOD[:0], "the batch is empty"),
        (GOOD[0], r"got shape \[2, 3\]; a single example is a batch of one: x\[None\]"),
        (GOOD[..., None], r"got shape \[2, 2, 3, 1\]"),
        (GOOD.astype(float), r"got type float64; its values are whole: .astype\('uint8'\)"),
        (GOOD / 255, "give the raw values"),
        (GOOD.astype(str), "got type text"),
        (GOOD.astype(object), "got type object"),
        (GOOD.astype(int) + 1000, r"got the value 1007 in example 0 at \[0, 0\]"),
        (-GOOD.astype(int), "got the value -7"),
        (GOOD + 4, "got the value 11"),
        ([[[1, 2, 3], [1, 2]]], "rows of different lengths"),
        (None, r"got shape \[\]"),
        ("image.png", r"got shape \[\]"),
    ],
)
def test_a_wrong_image_is_told_what_is_wanted(batch, said):
    with pytest.raises(InvalidInput, match=said) as raised:
        encode(toy.SIGNATURE, batch)
    assert raised.match(WANTED)


@pytest.mark.parametrize("batch", [GOOD, GOOD.astype(np.int64), GOOD.tolist(), {"image": GOOD}])
def test_whole_numbers_of_any_type_are_taken(batch):
    array = encode(toy.SIGNATURE, batch)["image"]
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, GOOD)


def test_columns_stand_side_by_side_and_categories_become_indices():
    columns = {"job": ["cook", None, "pilot", 1], "age": [30, None, 4.5, np.nan], "hours": range(4)}
    found = encode(TABLE, columns)
    np.testing.assert_array_equal(found["categorical"], [[3], [0], [0], [1]])
    np.testing.assert_array_equal(found["numeric"], [[30, 0], [np.nan, 1], [4.5, 2], [np.nan, 3]])
    assert found["numeric"].dtype == np.float32
    assert found["categorical"].dtype == np.int32


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hours": [np.nan, 1]}, r"'hours': expected float32 \[batch\], got nan in example 0"),
        ({"age": [np.inf, 1]}, "'age': expected float32 .* or missing, got inf in example 0"),
        ({"age": ["x", "y"]}, "'age': .* got type text"),
        ({"age": [1, 2, 3]}, "expected as many examples of each, got age 3, job 2, hours 2"),
        ({"job": [["cook"], ["cook"]]}, r"'job': .* got shape \[2, 1\]"),
        ({"job": [b"cook", {}]}, r"'job': .* got b'cook' in row 0"),
        ({"ages": [1, 2]}, "did you mean 'age'"),
    ],
)
def test_a_wrong_column_is_named(change, said):
    good = {"job": ["cook", "cook"], "age": [1, 2], "hours": [3, 4]}
    assert encode(TABLE, good)
    with pytest.raises(InvalidInput, match=said):
        encode(TABLE, good | change)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(InvalidInput) as raised:
        encode(TABLE, {"job": [[1]], "hours": ["x"]})
    assert str(raised.value).count("\n") == 3


def test_several_inputs_must_be_named():
    with pytest.raises(InvalidInput, match="expected a mapping of names to arrays, got list"):
        encode(TABLE, [1, 2])


@given(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3),
        st.binary(max_size=3), st.lists(st.integers(), max_size=3),
        st.lists(st.lists(st.floats(), max_size=3), max_size=3),
        st.dictionaries(st.text(max_size=5), st.lists(st.integers(), max_size=2), max_size=3),
    )
)  # fmt: skip
def test_anything_else_is_refused_and_never_fails_otherwise(batch):
    for signature in (toy.SIGNATURE, TABLE):
        with pytest.raises(InvalidInput):
            encode(signature, batch)


@settings(deadline=None)  # the first call imports pyarrow.compute
@given(st.one_of(st.integers(-(2**53), 2**53), st.booleans(), st.text()))
def test_categories_are_written_as_training_reads_them(value):
    written = _text(pa.table({"column": [value]}), "column").to_pylist()
    assert [category_text(value)] == written


@given(st.integers(-(2**31), 2**31))
def test_whole_numbers_in_a_column_of_floats_have_no_point(value):
    written = _text(pa.table({"column": [float(value)]}), "column").to_pylist()
    assert [category_text(float(value))] == written
