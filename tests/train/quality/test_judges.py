"""The small model has not seen what it judges, and learns where there is something to learn."""

import numpy as np
import pytest

from framework.train.quality.judges import out_of_fold


def test_labels_that_mean_nothing_are_not_remembered() -> None:
    random = np.random.default_rng(0)
    vectors, labels = random.standard_normal((2000, 5)), random.integers(0, 2, 2000)
    p = out_of_fold(vectors, labels, 2, 0)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p.argmax(axis=1) == labels).mean() == pytest.approx(0.5, abs=0.04)


def test_classes_that_no_plane_divides_are_learned() -> None:
    vectors = np.random.default_rng(0).standard_normal((1000, 2))
    labels = (np.hypot(*vectors.T) > 1.2).astype(int)
    assert (out_of_fold(vectors, labels, 2, 0).argmax(axis=1) == labels).mean() > 0.97


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_scale_does_not_matter(scale: float) -> None:
    vectors = np.random.default_rng(0).standard_normal((300, 3))
    labels = (vectors[:, 0] > 0).astype(int)
    expected = out_of_fold(vectors, labels, 2, 0)
    np.testing.assert_allclose(out_of_fold(vectors * scale, labels, 2, 0), expected, atol=1e-3)


def test_a_class_of_one_example_and_one_without() -> None:
    vectors = np.random.default_rng(0).standard_normal((50, 3))
    labels = np.zeros(50, int)
    labels[7] = 2
    p = out_of_fold(vectors, labels, 4, 0)
    assert p[7, 0] == pytest.approx(1)  # no other of its class to learn from
    assert (p[:, [1, 3]] == 0).all()


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_hardly_any_examples(rows: int) -> None:
    p = out_of_fold(np.zeros((rows, 2)), np.arange(rows) % 2, 2, 0)
    np.testing.assert_allclose(p.sum(axis=1), 1)
