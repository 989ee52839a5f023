import numpy as np
import pytest

from framework.stats.drift import Categories, Histogram, grouped


def test_quantile_groups_of_the_reference_hold_equal_shares():
    rng = np.random.default_rng(0)
    table = Histogram.of(rng.normal(size=51_200))
    reference, current = grouped(table, table.count(rng.normal(3, 1, 1000)), groups=8)
    assert reference.tolist() == [6400] * 8
    assert current.sum() == 1000
    assert current[-1] > 900


def test_there_are_ten_values_of_the_smaller_table_to_a_group():
    values = np.random.default_rng(0).normal(size=5000)
    table = Histogram.of(values)
    sizes = {n: len(grouped(table, table.count(values[:n]))[0]) for n in (5000, 100, 45, 12)}
    assert sizes == {5000: 10, 100: 10, 45: 4, 12: 2}


def test_a_frequent_value_missing_values_and_the_unknown_are_groups():
    table = Histogram.of(np.tile([0.0] * 8 + [1.0, np.nan], 50))
    reference, current = grouped(table, table.count(np.tile([0.0, 0.5, 7.0, np.nan], 50)))
    assert reference.tolist() == [400, 50, 0, 50]
    assert current.tolist() == [50, 0, 100, 50]


def test_a_constant_that_moved_is_seen():
    table = Histogram.of(np.ones(100))
    assert [c.tolist() for c in grouped(table, table.count(np.full(60, 2.0)))] == [
        [100, 0], [0, 60]
    ]  # fmt: skip
    assert [c.tolist() for c in grouped(table, table.count(np.ones(60)))] == [[100], [60]]


def test_rare_categories_are_one_group_and_the_rarest_are_with_the_unknown():
    names = ["a"] * 5000 + ["b"] * 60 + ["c"] * 40 + ["d", "e"]
    table = Categories.of(names)
    current = table.count(["a"] * 95 + ["b", "x", "y", "e", "e"])
    reference, now = grouped(table, current)
    assert reference.tolist() == [5000, 100, 2]
    assert now.tolist() == [95, 1, 4]


def test_tables_that_do_not_compare_are_refused():
    table = Histogram.of([1.0, 2.0])
    with pytest.raises(ValueError, match="Histogram beside Categories"):
        grouped(table, Categories.of([1]))
    with pytest.raises(ValueError, match="different edges"):
        grouped(table, Histogram.of([3.0]))
    with pytest.raises(ValueError, match="different known values"):
        grouped(Categories.of([1]), Categories.of([2]))
