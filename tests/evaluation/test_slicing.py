"""Which slices are looked at."""

import sys
import types
from typing import Any

import numpy as np
import pytest

from framework.config import InvalidConfig
from framework.evaluation.slicing import MOST, QUARTERS, of_column, slicings
from framework.spec import Field, Labels, Spec

SPEC = Spec(
    {
        "numeric": Field((1,), "float32", names=("age",)),
        "categorical": Field((1,), "int32", vocabulary=(3,), names=("sex",)),
    },
    Labels("class", ("no", "yes")),
)
CATEGORIES = {"sex": ("female", "male")}
BATCH = {
    "inputs": {
        "numeric": np.arange(80.0)[:, None],
        "categorical": (np.arange(80)[:, None] % 3).astype(np.int32),
    },
    "labels": (np.arange(80) >= 40).astype(np.int32),
}


def test_a_column_of_categories_a_column_of_numbers_and_the_label() -> None:
    sex, age, label = slicings(["sex", "age", "label"], [BATCH], SPEC, CATEGORIES)
    assert sex.names == ("female", "male")
    assert (sex.codes[:3] == [-1, 0, 1]).all()  # index 0 is missing: in no slice
    assert age.names == QUARTERS
    assert np.bincount(age.codes).tolist() == [20, 20, 20, 20]
    assert label.names == ("no", "yes")
    assert label.codes.sum() == 40


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = types.ModuleType("own")
    monkeypatch.setitem(sys.modules, "own", module)
    return module


def test_a_function_of_the_batch(own: Any) -> None:
    own.old = lambda batch: np.where(batch["inputs"]["numeric"][:, 0] > 60, "old", "young")
    (found,) = slicings(["own.old"], [BATCH], SPEC, CATEGORIES)
    assert (found.name, found.names) == ("old", ("young", "old"))
    assert found.codes.sum() == 19


def test_mistakes_name_the_slice(own: Any) -> None:
    own.wrong = lambda batch: [1, 2]
    with pytest.raises(InvalidConfig) as caught:
        slicings(["sexx", "own.nothing", "own.wrong", "age"], [BATCH], SPEC, CATEGORIES)
    lines = [str(problem) for problem in caught.value.problems]
    assert len(lines) == 3
    assert lines[0].startswith("0=sexx: expected a column, label or a function's full name")
    assert "did you mean 'sex'" in lines[0]
    assert "expected a function that can be imported" in lines[1]
    assert "a name for each of the 80 examples; it gives shape (2,)" in lines[2]


def test_rare_values_are_together() -> None:
    values = np.concatenate([np.repeat(np.arange(MOST - 1), 3), np.arange(1000, 1100)])
    found = of_column("code", values)
    assert len(found.names) == MOST
    assert found.names[-1] == "other"
    assert (found.codes == MOST - 1).sum() == 100


def test_a_constant_and_a_missing_column() -> None:
    assert of_column("x", np.full(9, 2.0)).names == ("2",)
    nothing = of_column("x", np.full(9, np.nan))
    assert nothing.names == ()
    assert (nothing.codes == -1).all()
