"""Spaces: what is written in Hydra's grammar is what is searched, and mistakes are lines."""

import math

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from framework.config import InvalidConfig
from framework.config.swept import parse
from framework.launch.space import Choice, Interval, as_range, make_space

NUMBERS = st.floats(-1e6, 1e6).map(lambda number: round(number, 6))


def space_of(*words: str):
    return make_space(parse(words, {}, None)[1])


@pytest.mark.parametrize(
    ("words", "parameter"),
    [
        ("interval(1e-5,1e-1)", Interval(1e-5, 1e-1)),
        ("tag(log, interval(1e-5,1e-1))", Interval(1e-5, 1e-1, log=True)),
        ("range(1,8)", Interval(1, 7, integer=True)),
        ("range(8,1,-1)", Interval(2, 8, integer=True)),
        ("range(16,129,16)", Interval(16, 128, step=16, integer=True)),
        ("range(0,1,0.25)", Interval(0.0, 0.75, step=0.25)),
        ("tag(log,range(1,100))", Interval(1, 99, log=True, integer=True)),
        ("int(interval(16,512))", Interval(16, 512, integer=True)),
        ("tag(log,int(interval(16,512)))", Interval(16, 512, log=True, integer=True)),
        ("choice(relu,gelu)", Choice(("relu", "gelu"))),
        ("1,2.5,null,'1',true", Choice((1, 2.5, None, "1", True))),
        ("[32,64],[64]", Choice(([32, 64], [64]))),
    ],
)
def test_what_is_written(words: str, parameter: object) -> None:
    found = space_of(f"a.b={words}")["a.b"]
    assert found == parameter
    assert type(getattr(found, "low", 0)) is type(getattr(parameter, "low", 0))


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ("interval(0,9)", "range(0,10)"),
        ("interval(-2,2.0)", "range(-2,3)"),
        ("tag(log,interval(1,64))", "tag(log,range(1,65))"),
        ("interval(0,9.5)", None),
        ("interval(0,inf)", None),
        ("1,2", None),
    ],
)
def test_the_whole_numbers_of_an_interval(words: str, whole: str | None) -> None:
    (one,) = parse([f"a={words}"], {}, None)[1]
    assert as_range(one) == whole


def test_of_a_config_file() -> None:
    params = {"a": "tag(log,interval(1,2))", "b": "1,2"}
    _, written = parse(["b=3,4"], params, None)
    assert make_space(written) == {"a": Interval(1.0, 2.0, log=True), "b": Choice((3, 4))}


@given(st.tuples(NUMBERS, NUMBERS).map(sorted))
def test_an_interval_has_the_ends_that_were_written(ends: list[float]) -> None:
    low, high = ends
    assert space_of(f"a=interval({low},{high})") == {"a": Interval(low, high)}


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(1, 50), st.booleans())
def test_a_range_holds_the_points_that_a_grid_walks(
    start: int, stop: int, step: int, down: bool
) -> None:
    words = f"a=range({start},{stop},{-step if down else step})"
    walked = list(OverridesParser.create().parse_override(words).sweep_iterator())
    if not walked or step > abs(stop - start):
        with pytest.raises(InvalidConfig):
            space_of(words)
        return
    found = space_of(words)["a"]
    assert isinstance(found, Interval)
    points = range(int(found.low), int(found.high) + 1, int(found.step or 1))
    assert list(points) == sorted(walked)


@given(st.integers(1, 40), st.integers(1, 20))
def test_steps_of_a_quantised_range_reach_its_end(points: int, tenths: int) -> None:
    words = f"a=range(0.0,{points * tenths / 10},{tenths / 10})"
    found = space_of(words)["a"]
    assert isinstance(found, Interval)
    assert found.step is not None
    steps = (found.high - found.low) / found.step
    assert math.isclose(steps, round(steps), abs_tol=1e-6)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("interval(1e-1,1e-5)", "a=interval(1e-1,1e-5): expected an interval whose low end"),
        ("tag(log,interval(0,1))", "above zero, which a logarithm needs"),
        ("tag(log,interval(-1,1))", "above zero, which a logarithm needs"),
        ("interval(0,inf)", "two finite numbers"),
        ("tag(lgo,interval(1,2))", "expected no tag 'lgo'; did you mean 'log'?"),
        ("tag(log,choice(1,2))", "log on an interval, not on a list"),
        ("range(1,8,10)", "a step that fits between start and stop"),
        ("range(0.0,0.5)", "a step that fits between start and stop"),
        ("tag(log,range(1,100,5))", "either a logarithmic interval or one with steps"),
        ("range(8,1)", "at least one value"),
    ],
)
def test_a_mistake_is_a_line(words: str, says: str) -> None:
    with pytest.raises(InvalidConfig) as raised:
        space_of(f"a={words}")
    [problem] = raised.value.problems
    assert says in str(problem)
    assert "\n" not in str(problem)


def test_all_mistakes_at_once() -> None:
    with pytest.raises(InvalidConfig) as raised:
        space_of("a=interval(2,1)", "b=tag(log,interval(0,1))", "c=1,2")
    assert [problem.key for problem in raised.value.problems] == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"low": 0, "high": 1, "step": 0.3}, "a step"),
        ({"low": 0, "high": 1, "step": 0.0}, "a step"),
        ({"low": 0.5, "high": 2, "integer": True}, "whole numbers"),
        ({"low": math.nan, "high": 2}, "finite"),
    ],
)
def test_intervals_that_do_not_exist(arguments: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Interval(**arguments)


def test_a_list_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Choice(())
