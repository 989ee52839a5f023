import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.data import Augmentation, Cutout, RandomCrop, RandomFlip, RandomShift
from framework.data.random import example_keys
from tests.data import make

ALL = (RandomShift(2), RandomCrop(2), RandomFlip(), Cutout(3))
any_of_them = pytest.mark.parametrize("augmentation", ALL, ids=lambda a: type(a).__name__)


def keys(count: int, seed: int = 0) -> np.ndarray:
    return example_keys(seed, np.zeros(count, np.int64), np.arange(count))


def apply(augmentation: Augmentation, images: np.ndarray, seed: int = 0) -> np.ndarray:
    return augmentation({"inputs": images}, keys(len(images), seed))["inputs"]


@any_of_them
def test_an_example_changes_the_same_in_any_batch(augmentation: Augmentation) -> None:
    images = make.images(12)
    whole = apply(augmentation, images)
    chosen = np.array([7, 2, 2, 11])
    part = augmentation({"inputs": images[chosen]}, keys(12)[chosen])["inputs"]
    np.testing.assert_array_equal(part, whole[chosen])


@any_of_them
def test_the_batch_given_is_left_alone_and_other_entries_pass(augmentation: Augmentation) -> None:
    images = make.images(12)
    labels = np.arange(12)
    found = augmentation({"inputs": images, "labels": labels}, keys(12))
    np.testing.assert_array_equal(images, make.images(12))
    assert found["labels"] is labels
    assert found["inputs"].shape == images.shape
    assert found["inputs"].dtype == images.dtype


@any_of_them
def test_channels_move_together(augmentation: Augmentation) -> None:
    images = make.images(12)
    coloured = apply(augmentation, np.stack([images, images, 255 - images], axis=3))
    np.testing.assert_array_equal(coloured[..., 0], apply(augmentation, images))
    np.testing.assert_array_equal(coloured[..., 0], coloured[..., 1])


@any_of_them
def test_other_keys_give_other_changes(augmentation: Augmentation) -> None:
    images = make.images(12)
    assert not np.array_equal(apply(augmentation, images, 0), apply(augmentation, images, 1))


@settings(max_examples=20)
@given(st.integers(0, 3), st.integers(0, 99))
def test_a_shift_moves_each_image_whole(pixels: int, seed: int) -> None:
    images = make.images(8, size=7)
    for before, after in zip(images, apply(RandomShift(pixels), images, seed), strict=True):
        padded = np.pad(before, pixels)
        assert any(
            np.array_equal(padded[y : y + 7, x : x + 7], after)
            for y in range(2 * pixels + 1)
            for x in range(2 * pixels + 1)
        )


def test_all_shifts_are_drawn() -> None:
    image = np.zeros((2000, 5, 5), np.uint8)
    image[:, 2, 2] = 1
    rows, columns = np.nonzero(apply(RandomShift(2), image).sum(axis=0))
    assert len(rows) == len(columns) == 25


def test_a_crop_reflects_at_the_border() -> None:
    images = np.arange(1, 26, dtype=np.uint8).reshape(1, 5, 5).repeat(200, axis=0)
    assert (apply(RandomCrop(2), images) > 0).all()
    padded = np.pad(images[0], 2, mode="reflect")
    assert any(
        np.array_equal(padded[y : y + 5, x : x + 5], apply(RandomCrop(2), images)[0])
        for y in range(5)
        for x in range(5)
    )


def test_a_flip_is_as_frequent_as_asked_and_a_mirror() -> None:
    images = make.images(4000)
    flipped = apply(RandomFlip(0.3), images)
    mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2))
    kept = (flipped == images).all(axis=(1, 2))
    assert (mirrored | kept).all()
    assert 0.27 < mirrored.mean() < 0.33
    np.testing.assert_array_equal(apply(RandomFlip(0.0), images), images)
    np.testing.assert_array_equal(apply(RandomFlip(1.0), images), images[:, :, ::-1])


def test_cutout_clears_one_square() -> None:
    images = np.ones((500, 8, 8), np.uint8)
    for image in apply(Cutout(4), images):
        rows, columns = np.nonzero(image == 0)
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == height * width
        assert max(height, width) <= 4
    sizes = (apply(Cutout(4), images) == 0).sum(axis=(1, 2))
    assert sizes.max() == 16
    assert sizes.min() < 16
