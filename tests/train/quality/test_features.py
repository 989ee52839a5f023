"""A few numbers for each example, by hand."""

import numpy as np
import pytest

from framework.train.quality.features import simple_features, thumbnails, token_shares
from tests.data import make


def test_thumbnails_are_means_of_the_grey_image() -> None:
    image = np.arange(28 * 28 * 3, dtype=np.float32).reshape(1, 28, 28, 3)
    expected = image.mean(axis=3).reshape(1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(1, -1)
    np.testing.assert_allclose(thumbnails(image), expected, rtol=1e-6)
    small = make.images(3)
    np.testing.assert_array_equal(thumbnails(small), small.reshape(3, -1))


@pytest.mark.parametrize("shape", [(30, 17), (1, 40), (224, 224)])
def test_thumbnails_of_any_shape_are_small(shape: tuple[int, int]) -> None:
    found = thumbnails(np.full((2, *shape), 7, np.uint8))
    assert found.shape == (2, min(shape[0], 14) * min(shape[1], 14))
    np.testing.assert_allclose(found, 7)


def test_token_shares_leave_padding_out() -> None:
    tokens = np.array([[5, 5, 261, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    segments = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    found = token_shares({"tokens": tokens, "segments": segments})
    assert found[0, 5] == pytest.approx(1)  # 261 is 5 modulo 256
    assert found[1, 1] == 1
    np.testing.assert_allclose((found**2).sum(axis=1), [1, 1, 0])


def test_what_the_inputs_are() -> None:
    assert simple_features(make.data(30, 6)).kind == "images"
