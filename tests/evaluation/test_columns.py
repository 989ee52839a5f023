"""Inputs and embeddings as named columns."""

import numpy as np
import pytest

from framework.evaluation.columns import Basis, input_columns
from framework.spec import Field, Labels, Spec

CLASSES = Labels("class", ("no", "yes"))


def test_a_table_has_its_own_columns_and_categories_by_name() -> None:
    spec = Spec(
        {
            "numeric": Field((3,), "float32", names=("age", "hours", "age is missing")),
            "categorical": Field((1,), "int32", vocabulary=(3,), names=("sex",)),
        },
        CLASSES,
    )
    inputs = {"numeric": np.array([[30.0, np.nan], [40.0, 8.0]]),
              "categorical": np.array([[2], [0]])}  # fmt: skip
    columns = input_columns(inputs, spec, {"sex": ("female", "male")})
    assert list(columns) == ["age", "hours", "sex"]
    assert columns["sex"].tolist() == ["male", None]
    np.testing.assert_array_equal(columns["age"], [30, 40])


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 8, 8, 3)])
def test_images_have_features(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    columns = input_columns(images, Spec(Field(shape[1:], "float32"), CLASSES))
    assert "image contrast" in columns
    assert all(values.shape == (5,) for values in columns.values())


def test_texts_have_features_that_leave_padding_out() -> None:
    spec = Spec({"tokens": Field((4,), "int32", vocabulary=(257,))}, Labels("token", count=257))
    inputs = {"tokens": np.array([[65, 66, 0, 0]]), "segments": np.array([[1, 1, 0, 0]])}
    columns = input_columns(inputs, spec)
    assert columns["text length"].tolist() == [2]
    assert columns["text upper_case"].tolist() == [1]


def test_other_arrays_have_their_first_numbers() -> None:
    columns = input_columns(np.zeros((3, 100)), Spec(Field((100,), "float32"), CLASSES))
    assert len(columns) == 64
    assert columns["input 63"].shape == (3,)


def test_a_basis_keeps_what_varies_most() -> None:
    random = np.random.default_rng(0)
    hidden = random.normal(size=(500, 3)) * (10, 5, 2)
    mixed = hidden @ np.linalg.qr(random.normal(size=(100, 100)))[0][:3]
    basis = Basis.of(mixed + 7)
    columns = basis.columns(mixed + 7)
    assert len(columns) == 64
    spreads = [values.std() for values in columns.values()]
    assert spreads[0] > spreads[1] > spreads[2] > 1 > 1e-3 > spreads[3]
    np.testing.assert_allclose(spreads[0], 10, rtol=0.1)


def test_a_narrow_embedding_keeps_its_axes() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    np.testing.assert_allclose(Basis.of(rows).project(rows), rows - rows.mean(axis=0), atol=1e-6)
