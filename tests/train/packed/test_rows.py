"""States as rows of one, and back."""

import jax
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from jax.sharding import SingleDeviceSharding

from framework.train.packed.rows import fewest, ladder, on_host, padded, row_of, stacked

ROWS, DEVICES = st.integers(1, 300), st.integers(1, 16)
HERE = SingleDeviceSharding(jax.devices()[0])


@given(ROWS, DEVICES)
def test_rows_are_padded_to_the_devices_and_no_further(rows: int, devices: int) -> None:
    size = padded(rows, devices)
    assert size % devices == 0
    assert rows <= size < rows + devices


@given(ROWS, DEVICES)
def test_a_pack_shrinks_through_few_sizes(rows: int, devices: int) -> None:
    sizes = ladder(rows, devices)
    assert sizes[0] == padded(rows, devices)
    assert sizes[-1] == devices
    assert all(size % devices == 0 for size in sizes)
    assert list(sizes) == sorted(set(sizes), reverse=True)
    assert len(sizes) <= 10
    for left in range(1, rows + 1):
        assert left <= fewest(left, sizes) <= max(2 * left + 2 * devices, devices)


def test_a_row_comes_back_as_it_went_in() -> None:
    def tree(n: int) -> dict:
        return {
            "key": jax.random.key(n),
            "weights": np.full((2, 3), n, np.float32),
            "step": np.int32(n),
        }

    trees = [jax.device_put(tree(n), HERE) for n in range(3)]
    rows = stacked(trees, HERE)
    assert rows["weights"].shape == (3, 2, 3)
    assert rows["key"].shape == (3,)
    like = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=HERE), trees[0])
    back = row_of(on_host(rows), 1, like)
    assert back["key"].dtype == trees[1]["key"].dtype
    for one, other in zip(
        jax.tree.leaves(on_host(back)), jax.tree.leaves(on_host(trees[1])), strict=True
    ):
        np.testing.assert_array_equal(one, other)
