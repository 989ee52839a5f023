import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from framework.stats.drift import Histogram

anything = arrays(np.float64, st.integers(0, 60), elements=st.floats(width=32) | st.integers(-3, 3))


def same(first: Histogram, second: Histogram) -> bool:
    return (
        np.array_equal(first.edges, second.edges)
        and np.array_equal(first.counts, second.counts)
        and (first.missing, first.lowest, first.highest)
        == (second.missing, second.lowest, second.highest)
    )


@given(anything, anything, st.lists(st.integers(0, 60), max_size=4), st.randoms())
def test_any_partition_in_any_order_adds_up_to_the_same_table(reference, values, cuts, random):
    table = Histogram.of(reference, 8)
    parts = [table.count(part) for part in np.split(values, sorted(cuts))]
    random.shuffle(parts)
    assert same(sum(parts, table.count([])), table.count(values))
    assert same(sum(parts, table), table.count(np.concatenate([reference, values])))


@given(anything, anything, st.integers(2, 9))
def test_every_value_is_in_the_bin_whose_edges_hold_it(reference, values, bins):
    table = Histogram.of(reference, bins)
    assert len(table.edges) <= bins + 1
    bounds = np.concatenate([[-np.inf], table.edges, [np.inf]])
    counted = table.count(values)
    for i, count in enumerate(counted.counts):
        inside = (values > bounds[i]) & (values <= bounds[i + 1])
        inside |= (i == 0) & (values == -np.inf)
        assert count == inside.sum()
    assert counted.missing == np.isnan(values).sum()
    assert counted.total == len(values)


@given(anything)
def test_nothing_finite_of_the_reference_is_outside(values):
    table = Histogram.of(values, 8)
    finite = values[np.isfinite(values)]
    assert table.outside == np.isinf(values).sum()
    assert table.lowest == min(finite, default=np.inf)
    assert table.highest == max(finite, default=-np.inf)


def test_quantiles_of_a_continuous_column_hold_equal_shares():
    values = np.random.default_rng(0).normal(size=51_200)
    table = Histogram.of(values)
    assert len(table.edges) == 513
    assert set(table.counts[1:-1].tolist()) == {100}
    assert table.outside == 0


def test_a_constant_column_tells_below_equal_and_above_apart():
    table = Histogram.of(np.full(100, 3.0))
    assert table.counts.tolist() == [0, 100, 0]
    assert table.atoms.tolist() == [False, True, False]
    assert table.count([2.9, 3.0, 3.0, 3.1, np.inf, np.nan]).counts.tolist() == [1, 2, 2]


def test_each_value_of_a_column_of_few_has_its_bin_and_what_is_between_another():
    table = Histogram.of(np.tile([0, 1, 5], 20))
    assert table.counts.tolist() == [0, 20, 0, 20, 0, 20, 0]
    assert table.count([0.5, 1, 4, 7]).counts.tolist() == [0, 0, 1, 1, 1, 0, 1]


def test_a_frequent_value_of_a_continuous_column_has_a_bin_of_its_own():
    values = np.random.default_rng(0).normal(size=10_000)
    table = Histogram.of(np.where(values < 0.5, values, 0.5))
    assert table.counts[table.atoms].tolist() == [(values >= 0.5).sum()]


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.int32, np.uint8, np.bool_])
def test_types_of_numbers_count_alike(kind):
    values = np.tile([0, 1, 1], 30)
    assert same(Histogram.of(values.astype(kind)), Histogram.of(values))


def test_an_empty_reference_counts_and_knows_no_range():
    table = Histogram.of([])
    assert table.total == 0
    counted = table.count([1.0, np.nan])
    assert (counted.counts.tolist(), counted.missing, counted.outside) == ([1], 1, 1)
    assert Histogram.of([np.nan] * 3).missing == 3


def test_a_million_rows():
    values = np.random.default_rng(0).normal(size=1_000_000).astype(np.float32)
    table = Histogram.of(values)
    assert table.total == 1_000_000
    assert table.edges.nbytes + table.counts.nbytes < 9_000


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(ValueError, match=r"not \(2, 1\)"):
        Histogram.of([[1.0], [2.0]])
    with pytest.raises(ValueError, match="use Categories"):
        Histogram.of(["a", "b"])
    with pytest.raises(ValueError, match="not 1"):
        Histogram.of([1.0], bins=1)
    with pytest.raises(ValueError, match="same reference"):
        Histogram.of([1.0]) + Histogram.of([2.0])
