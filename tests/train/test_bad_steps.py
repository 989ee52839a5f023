"""What is kept of bad steps, and which batches they leave out."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from framework.data import batch_number
from framework.run import RunDirectory
from framework.train.bad_steps import (
    BadStep,
    flat,
    is_up_to_date,
    note,
    offending,
    passed_over,
    read_bad_steps,
)


def bad(step: int, action: str = "skip", *left_out: int) -> BadStep:
    return BadStep(step, step - 1, "the loss is nan", None, 2.0, action, left_out)


def test_a_run_without_any(tmp_path: Path) -> None:
    assert read_bad_steps(RunDirectory(tmp_path)) == []
    assert passed_over([]) == ()


def test_one_that_is_met_again_stands_once(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    for step in (5, 9, 5):
        note(directory, bad(step))
    assert [each.step for each in read_bad_steps(directory)] == [9, 5]
    assert read_bad_steps(directory)[0] == bad(9)


def test_the_same_number_may_be_bad_again_with_another_batch(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    note(directory, bad(5, "rewind", 4))
    note(directory, bad(5, "rewind", 5))
    assert passed_over(read_bad_steps(directory)) == (4, 5)


def test_the_batches_before_one_are_those_that_were_trained_on() -> None:
    assert offending(7, 1, ()) == (7,)
    assert offending(7, 3, (6, 4)) == (3, 5, 7)
    assert offending(1, 5, ()) == (0, 1)


@given(st.sets(st.integers(0, 30), max_size=10))
def test_the_stream_is_all_batches_but_those_passed_over(left_out: set[int]) -> None:
    expected = [n for n in range(60) if n not in left_out][:25]
    assert [batch_number(place, left_out) for place in range(25)] == expected


@given(st.sets(st.integers(0, 30), max_size=6), st.sets(st.integers(0, 30), max_size=6),
       st.integers(0, 30))  # fmt: skip
def test_a_checkpoint_is_current_if_the_same_batches_made_it(
    saved: set[int], new: set[int], step: int
) -> None:
    wanted = saved | new
    made = [batch_number(place, saved) for place in range(step)]
    would = [batch_number(place, wanted) for place in range(step)]
    current = is_up_to_date(step, sorted(saved), sorted(wanted))
    # A batch just before the next one may be left out either way: it was not trained on.
    assert not current or made == would
    assert current or made != would or any(b < batch_number(step, saved) for b in new)


def test_a_batch_as_names_and_arrays() -> None:
    batch = {"inputs": {"tokens": np.zeros((2, 3))}, "index": np.arange(2)}
    assert {name: a.shape for name, a in flat(batch).items()} == {
        "inputs/tokens": (2, 3), "index": (2,),
    }  # fmt: skip
