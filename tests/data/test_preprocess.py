import jax
import jax.numpy as jnp
import numpy as np
import pytest

from framework.data import Identity, Images, Table
from tests.data import make


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_get_a_channel_and_are_standardised(dtype: type) -> None:
    images = make.images(5).astype(dtype)
    found = jax.jit(lambda p, x: p(x))(Images(np.float32([100]), np.float32([50])), images)
    assert found.shape == (5, 6, 6, 1)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found[..., 0], (images.astype(float) - 100) / 50, rtol=1e-6)


def test_each_channel_has_its_own_mean_and_deviation() -> None:
    images = np.stack([make.images(5, seed=seed) for seed in range(3)], axis=3)
    found = Images(np.float32([1, 2, 3]), np.float32([4, 5, 6]))(images)
    np.testing.assert_allclose(found[..., 2], (images[..., 2].astype(float) - 3) / 6, rtol=1e-6)


def test_the_numbers_are_leaves_and_compile_nothing_anew() -> None:
    compiled = jax.jit(lambda preprocess, x: preprocess(x))
    for mean in (1.0, 2.0):
        compiled(Images(np.float32([mean]), np.float32([1])), make.images(2))
    assert compiled._cache_size() == 1
    assert len(jax.tree.leaves(Table(np.zeros(2), np.zeros(2), np.ones(2), (1,)))) == 3


def test_missing_numbers_are_filled_marked_and_standardised() -> None:
    preprocess = Table(
        fill=np.float32([1, 2]), mean=np.float32([3, 4]), std=np.float32([2, 10]), indicators=(1,)
    )
    inputs = {
        "numeric": np.float32([[5, np.nan], [np.nan, 14]]),
        "categorical": np.int32([[0], [3]]),
    }
    found = jax.jit(lambda p, x: p(x))(preprocess, inputs)
    np.testing.assert_allclose(found["numeric"], [[1, -0.2, 1], [-1, 1, 0]], rtol=1e-6)
    assert found["categorical"].dtype == jnp.int32
    np.testing.assert_array_equal(found["categorical"], [[0], [3]])


def test_a_table_without_numbers_passes() -> None:
    nothing = np.zeros(0, np.float32)
    found = Table(nothing, nothing, nothing)(
        {"numeric": np.zeros((4, 0), np.float32), "categorical": np.ones((4, 2), np.int32)}
    )
    assert found["numeric"].shape == (4, 0)


def test_identity_passes_arrays_and_dictionaries() -> None:
    found = Identity()({"a": np.arange(3), "b": np.ones(2, np.float32)})
    np.testing.assert_array_equal(found["a"], [0, 1, 2])
    assert isinstance(found["b"], jax.Array)
