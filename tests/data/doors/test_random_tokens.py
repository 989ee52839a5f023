"""Random tokens: a function of the row's number, uniform, and shaped like packed text."""

import numpy as np

from framework.data import random_tokens, training_batches
from framework.spec import Field, Labels

DATA = random_tokens(vocabulary=50, sequence_length=40, batch_size=8, examples=128)


def test_a_row_is_a_function_of_its_number() -> None:
    source = DATA.splits["train"]
    whole, some = source.gather(np.arange(128)), source.gather(np.array([100, 3, 3]))
    for name in ("tokens", "positions", "segments"):
        np.testing.assert_array_equal(whole["inputs"][name][[100, 3, 3]], some["inputs"][name])
    tokens = whole["inputs"]["tokens"]
    assert len(np.unique(tokens, axis=0)) == 128
    np.testing.assert_array_equal(whole["labels"][:, :-1], tokens[:, 1:])
    other = DATA.splits["validation"].gather(np.arange(2))["inputs"]["tokens"]
    assert not (other == tokens[:2]).all(axis=1).any()


def test_tokens_are_uniform() -> None:
    tokens = DATA.splits["train"].gather(np.arange(128))["inputs"]["tokens"]
    counts = np.bincount(tokens.ravel(), minlength=50)
    assert len(counts) == 50
    # Chi squared with 49 degrees of freedom: its mean is 49, its deviation 10.
    assert abs(((counts - counts.mean()) ** 2 / counts.mean()).sum() - 49) < 40


def test_batches_are_those_of_a_language_model() -> None:
    assert DATA.spec.labels == Labels("token", count=50)
    assert isinstance(DATA.spec.inputs, dict)
    assert DATA.spec.inputs["tokens"] == Field((40,), "int32", vocabulary=(50,))
    batch = next(training_batches(DATA, seed=0))
    arrays = [*batch["inputs"].values(), batch["labels"], batch["bytes"]]
    assert all(array.dtype == np.int32 for array in arrays)
    assert batch["inputs"]["positions"][0].tolist() == list(range(40))
    assert set(batch["inputs"]["segments"].ravel()) == {1}
