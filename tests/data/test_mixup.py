import numpy as np
import pytest

from framework.data import Mixup
from framework.data.random import example_keys
from framework.spec import Field, Labels, Spec
from tests.data import make

SPEC = Spec(Field((6, 6, 1), "float32"), Labels("class", ("a", "b", "c")))
KEYS = example_keys(0, np.zeros(20, np.int64), np.arange(20))


def batch(count: int = 20) -> dict[str, np.ndarray]:
    return {"inputs": make.images(count), "labels": (np.arange(count) % 3).astype(np.int32)}


def test_labels_are_mixed_as_the_inputs_are() -> None:
    one_hot = {"inputs": np.eye(20, dtype=np.uint8), "labels": np.eye(20, dtype=np.float32)}
    mixed = Mixup(1.0)(one_hot, KEYS)
    np.testing.assert_array_equal(mixed["inputs"], mixed["labels"])
    np.testing.assert_allclose(mixed["labels"].sum(axis=1), 1, rtol=1e-6)
    assert ((mixed["labels"] > 0).sum(axis=1) == 2).all()
    assert mixed["inputs"].dtype == mixed["labels"].dtype == np.float32
    partners = np.where(np.eye(20, dtype=bool), 0, mixed["labels"]).argmax(axis=1)
    assert sorted(partners) == list(range(20))  # each is a partner once


def test_classes_become_soft() -> None:
    mixed = Mixup(0.4).bind(SPEC)(batch(), KEYS)
    assert mixed["labels"].shape == (20, 3)
    np.testing.assert_allclose(mixed["labels"].sum(axis=1), 1, rtol=1e-6)


def test_the_order_of_the_batch_does_not_matter() -> None:
    mixup, given = Mixup(0.4).bind(SPEC), batch()
    order = np.random.default_rng(0).permutation(20)
    whole = mixup(given, KEYS)
    moved = mixup({name: value[order] for name, value in given.items()}, KEYS[order])
    for name in whole:
        np.testing.assert_array_equal(moved[name], whole[name][order])


def test_the_same_keys_give_the_same_and_others_another_mixture() -> None:
    mixup = Mixup(0.4).bind(SPEC)
    np.testing.assert_array_equal(mixup(batch(), KEYS)["inputs"], mixup(batch(), KEYS)["inputs"])
    other = mixup(batch(), KEYS + np.uint64(1))
    assert not np.array_equal(mixup(batch(), KEYS)["inputs"], other["inputs"])


def test_weights_follow_the_beta_distribution() -> None:
    count = 4000
    keys = example_keys(0, np.zeros(count, np.int64), np.arange(count))
    pair = {"inputs": np.arange(count)[:, None], "labels": np.eye(2)[np.zeros(count, int)]}
    pair["inputs"] = np.where(np.argsort(np.argsort(keys)) % 2 == 0, 0.0, 1.0)[:, None]
    weight = Mixup(0.5)(pair, keys)["inputs"].ravel()
    assert abs(weight.mean() - 0.5) < 0.02
    assert abs(weight.var() - 0.125) < 0.01  # Beta(1/2, 1/2)


def test_an_unbound_mixup_says_so() -> None:
    with pytest.raises(ValueError, match="number of classes"):
        Mixup(0.2)(batch(), KEYS)
