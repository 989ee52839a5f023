"""Settings become objects, and every mistake in them is found before that."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest

from framework.config import InvalidConfig, PositiveFloat, PositiveInt, Problem
from framework.config.build import read, require

HERE = __name__


class Shape(Protocol):
    sides: int


@dataclass(frozen=True)
class Square:
    side: PositiveFloat = 1.0
    corners: tuple[str, ...] = ()
    kind: Literal["full", "empty"] = "full"
    place: Path | None = None


@dataclass(frozen=True)
class Drawing:
    count: PositiveInt
    square: Square
    shape: Shape | None = None
    shapes: tuple[Shape, ...] = ()
    named: dict[str, Square] | None = None
    make: Callable[..., Any] | None = None


def refuse(side: float) -> Square:
    raise InvalidConfig(Problem("side", side, "another side"))


def node(name: str, **arguments: object) -> dict[str, object]:
    return {"_target_": f"{HERE}.{name}", **arguments}


def problems(settings: dict[str, object]) -> list[str]:
    return [str(problem) for problem in read(settings)[1]]


def test_builds_what_the_settings_say() -> None:
    square = node("Square", side=2, corners=["a", "b"], place="x/y")
    drawing = require(node("Drawing", count=3, square=square, shapes=[square]))
    assert drawing.square == Square(2.0, ("a", "b"), place=Path("x/y"))
    assert drawing.count == 3
    assert drawing.shapes == (drawing.square,)


def test_builds_mappings_of_objects() -> None:
    drawing = require(node("Drawing", count=1, square=node("Square"), named={"a": node("Square")}))
    assert drawing.named == {"a": Square()}


def test_named_objects_need_no_target() -> None:
    drawing = require(node("Drawing", count=1, square=node("Square"), named={"a": {"side": 2}}))
    assert drawing.named == {"a": Square(2.0)}
    lines = problems(node("Drawing", count=1, square=node("Square"), named={"a": {"sid": 2}}))
    assert lines[0].startswith(
        "named.a.sid=2: expected an argument that Square takes; did you mean"
    )


def test_partial_leaves_arguments_open() -> None:
    made = require(
        node("Drawing", count=1, square=node("Square"), make=node("refuse", _partial_=True))
    )
    assert isinstance(made.make, functools.partial)
    assert made.make.func.__name__ == "refuse"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (node("Square", side=-1.0), ["side=-1.0: expected greater than 0"]),
        (node("Square", side="wide"), ["side=wide: expected a valid number"]),
        (node("Square", side=True), ["side=True: expected a valid number"]),
        (node("Square", kind="half"), ["kind=half: expected 'full' or 'empty'"]),
        (node("Square", corners="a"), ["corners=a: expected a valid array"]),
        (node("Square", corners=["a", 3]), ["corners.1=3: expected a valid string"]),
        (node("Square", sides=1),
         ["sides=1: expected an argument that Square takes; did you mean 'side'? "
          "choices: corners, kind, place, side"]),
        (node("Drawing", count=0.5, square=node("Square")),
         ["count=0.5: expected a valid integer"]),
        (node("Drawing", square=node("Square")),
         ["count=(missing): expected a value; give it: count=…"]),
        (node("Drawing", count="???", square=node("Square")),
         ["count=(missing): expected a value; give it: count=…"]),
        (node("Drawing", count=1, square=node("Square", side=0)),
         ["square.side=0: expected greater than 0"]),
        (node("Drawing", count=1, square=node("Square"), shape=3),
         ["shape=3: expected a Shape; give it a _target_"]),
        (node("Drawing", count=1, square=node("Drawing", count=1, square=node("Square"))),
         [f"square._target_={HERE}.Drawing: expected a {HERE}.Square"]),
    ],
)  # fmt: skip
def test_says_what_is_wrong(settings: dict[str, object], expected: list[str]) -> None:
    assert problems(settings) == expected


def test_says_everything_that_is_wrong_at_once() -> None:
    found = problems(node("Drawing", count=-1, square=node("Square", side=0, colour="red")))
    assert [line.split("=")[0] for line in found] == ["count", "square.colour", "square.side"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nowhere.Thing", "there is no module named nowhere"),
        (f"{HERE}.Sqare", "has no 'Sqare'; did you mean 'Square'?"),
        ("no dots", "the full name of a class or function"),
        (None, "the full name of a class or function"),
        (f"{HERE}.HERE", "it is neither"),
    ],
)
def test_a_target_that_does_not_import(target: object, said: str) -> None:
    (line,) = problems({"_target_": target})
    assert said in line


def test_a_module_that_fails_at_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_module.py").write_text("import not_installed_here\n")
    (tmp_path / "wrong_module.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert (
        "importing broken_module failed: No module named 'not_installed_here'"
        in problems({"_target_": "broken_module.Thing"})[0]
    )
    assert (
        "importing wrong_module failed: ZeroDivisionError"
        in problems({"_target_": "wrong_module.Thing"})[0]
    )


def test_what_constructors_refuse_is_collected_with_its_key() -> None:
    settings = node(
        "Drawing", count=1, square=node("refuse", side=1.0), shapes=[node("refuse", side=2.0)]
    )
    with pytest.raises(InvalidConfig) as caught:
        require(settings)
    assert [problem.key for problem in caught.value.problems] == ["square.side", "shapes.0.side"]
