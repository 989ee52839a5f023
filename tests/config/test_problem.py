"""Problems as lines, and hints."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from framework.config import InvalidConfig, Problem, nearest


def test_a_problem_is_one_line() -> None:
    problem = Problem("a.b", None, "a number", "give one")
    assert str(problem) == "a.b=null: expected a number; give one"
    assert str(Problem("a", "x" * 500, "less")) == f"a={'x' * 117}…: expected less"


def test_prefixes() -> None:
    error = InvalidConfig(Problem("path", 1, "x"), Problem("size", 2, "y")).under("data")
    assert [problem.key for problem in error.problems] == ["data.path", "data.size"]


def test_problems_survive_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(InvalidConfig(Problem("path", "/x", "a file"))))
    assert error.problems == (Problem("path", "/x", "a file"),)


@given(st.sets(st.text("abc", min_size=1, max_size=6), min_size=1, max_size=30))
def test_the_name_itself_is_the_nearest(names: set[str]) -> None:
    name = max(names)
    assert nearest(name, names).startswith(f"did you mean '{name}'?")
