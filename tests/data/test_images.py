import numpy as np
import pytest

from framework.data import ArraySource, Subset
from framework.data.images import image_field, image_preprocess, pixel_statistics
from framework.spec import Field
from tests.data import make


@pytest.mark.parametrize("channels", [None, 1, 3])
def test_statistics_are_those_of_numpy(channels: int | None) -> None:
    random = np.random.default_rng(0)
    shape = (1203, 4, 5) if channels is None else (1203, 4, 5, channels)
    images = random.integers(0, 256, shape, np.uint8)
    mean, std = pixel_statistics(ArraySource("made", images, np.zeros(1203, np.int32)))
    flat = images.reshape(-1, channels or 1).astype(np.float64)
    np.testing.assert_allclose(mean, flat.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, flat.std(axis=0), rtol=1e-9)


def test_only_the_examples_of_the_split_count() -> None:
    images = make.images(10)
    source = ArraySource("made", images, np.zeros(10, np.int32))
    mean, _ = pixel_statistics(Subset("part", source, np.array([2, 7])))
    np.testing.assert_allclose(mean, images[[2, 7]].mean())


def test_a_sample_lies_evenly_over_the_split() -> None:
    images = np.repeat(np.arange(200, dtype=np.uint8), 4).reshape(200, 2, 2)
    mean, _ = pixel_statistics(ArraySource("made", images, np.zeros(200, np.int32)), examples=20)
    np.testing.assert_allclose(mean, 99.5, atol=0.6)


def test_blank_images_are_not_divided_by_nothing() -> None:
    blank = ArraySource("blank", np.zeros((3, 2, 2), np.uint8), np.zeros(3, np.int32))
    found = image_preprocess(blank, None, None)
    np.testing.assert_array_equal(found(blank.inputs), np.zeros((3, 2, 2, 1)))


def test_fields_have_a_channel_axis() -> None:
    assert image_field((4, 5)) == Field((4, 5, 1), "float32")
    assert image_field((4, 5, 3)) == Field((4, 5, 3), "float32")
