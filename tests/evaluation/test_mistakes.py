import numpy as np
import pytest

from framework.evaluation import Evaluation
from framework.evaluation.mistakes import as_picture, decoded, find_mistakes, illustrate
from framework.spec import Field, Labels, Spec
from tests.evaluation.fake_run import gather_images, gather_table, image_spec, table_spec


def evaluation(labels, index=None, **outputs):
    arrays = {name: np.asarray(values) for name, values in outputs.items()}
    at = np.arange(len(labels)) if index is None else np.asarray(index)
    return Evaluation("test", {}, arrays | {"labels": np.asarray(labels), "index": at})


def test_wrong_classes_come_surest_first_and_right_ones_never():
    p = [[0.6, 0.4], [0.1, 0.9], [0.99, 0.01], [0.8, 0.2]]
    found = find_mistakes(
        evaluation([1, 1, 0, 1], index=[7, 8, 9, 10], probabilities=p), Labels("class", ("a", "b"))
    )
    assert [(m.index, m.said, m.truth, m.weight) for m in found] == [
        (10, "a", "b", "80.0%"),
        (7, "a", "b", "60.0%"),
    ]


def test_no_more_than_the_limit():
    p = np.tile([0.9, 0.1], (50, 1))
    labels = Labels("class", ("a", "b"))
    assert len(find_mistakes(evaluation(np.ones(50, int), probabilities=p), labels)) == 24


def test_soft_labels_count_by_their_largest():
    found = find_mistakes(
        evaluation([[0.3, 0.7], [0.9, 0.1]], probabilities=[[0.8, 0.2], [0.8, 0.2]]),
        Labels("class", ("a", "b")),
    )
    assert [m.index for m in found] == [0]


def test_of_several_labels_the_surest_wrong_one_is_told():
    found = find_mistakes(
        evaluation([[1.0, 0.0], [1.0, 0.0]], probabilities=[[0.1, 0.7], [0.9, 0.2]]),
        Labels("multi_label", ("sea", "sky")),
    )
    assert [(m.index, m.said, m.truth) for m in found] == [(0, "not sea", "sea")]


def test_numbers_are_ranked_in_their_own_spread():
    # The second target is a thousand times wider: its error of 100 is the smaller one.
    labels = [[0.0, 0.0], [1.0, 1000.0], [2.0, 2000.0]]
    guess = [[0.0, 100.0], [2.0, 1000.0], [2.0, 2000.0]]
    found = find_mistakes(evaluation(labels, predictions=guess), Labels("number", ("x", "y")))
    assert [(m.index, m.said, m.truth) for m in found][:2] == [(1, "x 2", "1"), (0, "y 100", "0")]


def test_pictures_of_images_and_values_of_tables():
    labels = Labels("class", ("a", "b"))
    found = find_mistakes(evaluation([1, 1], index=[3, 5], probabilities=[[0.9, 0.1]] * 2), labels)
    pictured = illustrate(found, gather_images, image_spec("class", labels.names))
    expected = as_picture(gather_images(np.array([5]))["inputs"][0])
    np.testing.assert_array_equal(decoded(pictured[1].picture), expected)
    told = illustrate(found, gather_table, table_spec("class", labels.names))
    assert told[0].values == {"age": "23", "income": "3,000", "hours": "3", "sector": "3"}
    assert told[0].picture == ""


def test_large_pictures_are_made_small_and_tokens_are_listed():
    found = find_mistakes(evaluation([1], probabilities=[[0.9, 0.1]]), Labels("class", ("a", "b")))
    spec = Spec(Field((300, 200, 3), "float32"), Labels("class", ("a", "b")))
    noise = np.random.default_rng(0).integers(0, 255, (1, 300, 200, 3), np.uint8)
    (large,) = illustrate(found, lambda _: {"inputs": noise}, spec)
    assert max(decoded(large.picture).shape) == 112
    tokens = Spec(Field((30,), "int32"), Labels("class", ("a", "b")))
    (text,) = illustrate(found, lambda _: {"inputs": np.arange(30)[None]}, tokens)
    assert text.values["input"].startswith("0 1 2")
    assert text.values["input"].endswith("23 …")


def test_bytes_that_use_little_of_their_range_are_brightened_together():
    found = find_mistakes(
        evaluation([1, 1], probabilities=[[0.9, 0.1]] * 2), Labels("class", ("a", "b"))
    )
    digits = np.zeros((2, 8, 8, 1), np.uint8)
    digits[0], digits[1] = 16, 8
    spec = image_spec("class", ("a", "b"))
    first, second = illustrate(found, lambda _: {"inputs": digits}, spec)
    assert (decoded(first.picture).max(), decoded(second.picture).max()) == (255, 127)
    photographs = np.full((2, 8, 8, 1), 130, np.uint8)
    first, _ = illustrate(found, lambda _: {"inputs": photographs}, spec)
    assert decoded(first.picture).max() == 130


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((5, 4)),
        np.full((5, 4, 1), 0.5),
        np.full((5, 4, 2), -3.0),
        np.zeros((5, 4, 3), np.uint8),
        np.full((5, 4, 4), np.nan),
    ],
)
def test_any_pixels_become_a_picture(pixels):
    picture = as_picture(pixels)
    assert picture.shape == (5, 4, 3)
    assert picture.dtype == np.uint8
