"""Shifts made on purpose."""

from typing import Any

import numpy as np
import pytest

from framework.data import ArraySource
from framework.evaluation.shift import Shift, Shifted, shifts_for
from framework.evaluation.shift.shifts import STRENGTHS, with_label_shift
from framework.spec import Field, Labels, Spec

CLASSES = Labels("class", ("a", "b"))
RANDOM = np.random.default_rng(0)
# Blocks at random places: what blurs and turns has a shape.
IMAGES = np.zeros((40, 12, 12), np.uint8)
for row, (top, left) in enumerate(RANDOM.integers(0, 7, (40, 2))):
    IMAGES[row, top : top + 5, left : left + 3] = 200
TABLE = {
    "numeric": RANDOM.normal(size=(200, 4)).astype(np.float32),
    "categorical": RANDOM.integers(0, 4, (200, 3)).astype(np.int32),
}
TOKENS = RANDOM.integers(1, 200, (20, 30)).astype(np.int32)
TEXT = {
    "tokens": TOKENS, "segments": np.ones_like(TOKENS),
    "positions": np.tile(np.arange(30, dtype=np.int32), (20, 1)),
}  # fmt: skip
SPECS: dict[str, tuple[Spec, Any]] = {
    "images": (Spec(Field((12, 12, 1), "float32"), CLASSES), IMAGES),
    "table": (
        Spec({"numeric": Field((4,), "float32"), "categorical": Field((3,), "int32")}, CLASSES),
        TABLE,
    ),
    "text": (Spec({"tokens": Field((30,), "int32")}, Labels("token", count=200)), TEXT),
}
ALL = [(kind, shift) for kind, (spec, _) in SPECS.items() for shift in shifts_for(spec)]


def source(kind: str) -> ArraySource:
    rows = {"images": 40, "table": 200, "text": 20}[kind]
    return ArraySource("own", SPECS[kind][1], TOKENS if kind == "text" else np.zeros(rows))


def moved(before: Any, after: Any) -> float:
    """How much of the inputs changed, between 0 and 1 an array."""
    if isinstance(before, dict):
        return sum(moved(before[name], after[name]) for name in before)
    both = [np.nan_to_num(a.astype(np.float64), nan=1e3) for a in (before, after)]
    return float(np.abs(both[0] - both[1]).mean())


@pytest.mark.parametrize(("kind", "shift"), ALL, ids=[f"{k} {s.name}" for k, s in ALL])
def test_a_shift_grows_with_its_strength_and_keeps_types(kind: str, shift: Shift) -> None:
    inputs = SPECS[kind][1]
    rows = np.arange(20 if kind == "text" else 40)
    before = source(kind).gather(rows)["inputs"]
    sizes = []
    for strength in STRENGTHS:
        own = Shifted(source(kind), shift, strength)
        found = own.gather(rows)
        again = own.gather(rows)
        sizes.append(moved(before, found["inputs"]))
        assert moved(found["inputs"], again["inputs"]) == 0
        if isinstance(inputs, dict):
            assert {n: a.dtype for n, a in found["inputs"].items()} == {
                n: a.dtype for n, a in inputs.items()
            }
        else:
            assert found["inputs"].dtype == inputs.dtype
            assert found["inputs"].shape == before.shape
    assert sizes[0] > 0
    assert sizes[-1] > 1.2 * sizes[0]


def test_all_that_the_issue_of_trust_needs_is_there() -> None:
    names = {kind: [s.name for s in shifts_for(spec)] for kind, (spec, _) in SPECS.items()}
    assert names == {
        "images": ["noise", "blur", "brightness", "contrast", "rotation", "occlusion"],
        "table": ["missing", "scaled", "swapped"],
        "text": ["character noise", "truncation"],
    }
    assert shifts_for(Spec(Field((7,), "float32"), CLASSES)) == []


def test_the_originals_stay_as_they_are() -> None:
    before = IMAGES.copy()
    for _, shift in [each for each in ALL if each[0] == "images"]:
        Shifted(source("images"), shift, 5).gather(np.arange(40))
    np.testing.assert_array_equal(IMAGES, before)


def test_truncated_text_begins_anew() -> None:
    shift = next(s for s in shifts_for(SPECS["text"][0]) if s.name == "truncation")
    found = Shifted(source("text"), shift, 3).gather(np.arange(4))
    assert (found["inputs"]["segments"][:, :15] == 0).all()
    assert (found["labels"][:, :15] == -1).all()
    np.testing.assert_array_equal(found["inputs"]["positions"][0, 15:], np.arange(15))


@pytest.mark.parametrize("strength", STRENGTHS)
def test_label_shift_moves_the_classes(strength: int) -> None:
    labels = np.repeat([0, 1, 2, 3], 2000)
    rows = with_label_shift(labels, strength, np.random.default_rng(0))
    later = (labels[rows] >= 2).mean()
    kept = 1 - 0.15 * strength
    assert later == pytest.approx(kept / (1 + kept), abs=0.02)
