import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.stats.drift import Categories

words = st.lists(st.sampled_from(["cat", "dog", "a", "", None]), max_size=40)


def as_column(values: list) -> np.ndarray:
    return np.array([*values, None], dtype=object)[:-1]


def plain(table: Categories) -> tuple:
    return table.known.tolist(), table.counts.tolist(), table.other, table.missing


@given(words, words, st.lists(st.integers(0, 40), max_size=4), st.randoms())
def test_any_partition_in_any_order_adds_up_to_the_same_table(reference, values, cuts, random):
    table = Categories.of(as_column(reference), most=2)
    parts = [table.count(part) for part in np.split(as_column(values), sorted(cuts))]
    random.shuffle(parts)
    assert plain(sum(parts, table.count([]))) == plain(table.count(as_column(values)))


@given(words, words)
def test_counts_are_those_of_a_loop(reference, values):
    table = Categories.of(as_column(reference)).count(as_column(values))
    known = sorted({word for word in reference if word is not None})
    assert table.known.tolist() == known
    assert table.counts.tolist() == [values.count(word) for word in known]
    assert table.missing == values.count(None)
    assert table.other == sum(word is not None and word not in known for word in values)
    assert table.total == len(values)


def test_classes_that_are_known_need_not_have_been_seen():
    table = Categories.of([0, 2, 2], known=range(4))
    assert table.counts.tolist() == [1, 0, 2, 0]
    assert table.count([3, 7, -1]).outside == 2


def test_the_most_frequent_are_kept_and_the_rest_is_other():
    table = Categories.of(["b", "a", "c", "c", "b"], most=2)
    assert plain(table) == (["b", "c"], [2, 2], 1, 0)


def test_numbers_with_nan_and_booleans():
    assert plain(Categories.of([1.0, np.nan, 1.0])) == ([1.0], [2], 0, 1)
    assert plain(Categories.of([True, False, True])) == ([False, True], [1, 2], 0, 0)


def test_what_cannot_be_counted_is_refused():
    table = Categories.of(["a"])
    with pytest.raises(ValueError, match="but these int64"):
        table.count([1])
    with pytest.raises(ValueError, match="one reference"):
        table + Categories.of(["b"])
    with pytest.raises(ValueError, match="of shape"):
        table.count([["a"]])
    with pytest.raises(ValueError, match="numbers or strings"):
        table.count(np.array(["2020-01-01"], "datetime64[D]"))
