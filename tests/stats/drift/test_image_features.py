import numpy as np
import pytest
from scipy import ndimage

from framework.stats.drift import Profile, drift, image_features


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    rough = rng.random((64, 16, 16, 3))
    return (ndimage.gaussian_filter(rough, (0, 1, 1, 0)) * 255).astype(np.uint8)


def test_by_hand():
    image = np.zeros((1, 3, 4, 3), np.uint8)
    image[:, :, 2:, 0] = 255  # the right half is red
    found = {name: value.item() for name, value in image_features(image).items()}
    assert found["mean"] == pytest.approx(1 / 6)
    assert found["contrast"] == pytest.approx(1 / 6)
    assert found["edges"] == pytest.approx(1 / 9)
    assert found["sharpness"] == pytest.approx(1 / 9)
    assert found["saturation"] == pytest.approx(0.5)
    assert (found["dark"], found["bright"]) == (0.5, 0)
    assert [found[f"channel_{i}"] for i in range(3)] == [0.5, 0, 0]


def test_laplacian_is_that_of_scipy(pictures):
    grey = pictures.mean(axis=-1) / 255
    expected = [ndimage.laplace(image)[1:-1, 1:-1].var() for image in grey]
    np.testing.assert_allclose(image_features(pictures)["sharpness"], expected, rtol=1e-3)


def test_each_corruption_moves_the_feature_that_is_named_after_it(pictures):
    clean = image_features(pictures)
    rng = np.random.default_rng(1)
    blurred = image_features(ndimage.gaussian_filter(pictures, (0, 1, 1, 0)))
    noisy = image_features((pictures + rng.normal(0, 20, pictures.shape)).clip(0, 255) / 255)
    brighter = image_features((pictures * 1.3).clip(0, 255).astype(np.uint8))
    assert np.all(blurred["sharpness"] < clean["sharpness"])
    assert np.all(noisy["edges"] > clean["edges"])
    assert np.all(brighter["mean"] > clean["mean"])
    grey = np.repeat(pictures.mean(axis=-1, keepdims=True), 3, axis=-1)
    assert np.all(image_features(grey)["saturation"] == 0)
    reference = Profile.of(clean)
    assert drift(reference, reference.count(blurred)).verdict == "major"


def test_grey_images_with_and_without_a_channel_are_the_same():
    images = np.random.default_rng(0).random((5, 8, 9)).astype(np.float32)
    one, two = image_features(images), image_features(images[..., None])
    assert one.keys() == two.keys()
    assert "saturation" not in one
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])
        assert one[name].dtype == np.float32


def test_no_images_have_no_features_but_their_names():
    assert {v.shape for v in image_features(np.zeros((0, 8, 8, 3))).values()} == {(0,)}


@pytest.mark.parametrize("shape", [(8, 8), (2, 2, 8), (2, 8, 8, 0), (1, 2, 3, 4, 5)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match="images must be"):
        image_features(np.zeros(shape))
