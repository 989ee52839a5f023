"""What the teacher said, kept in the run's directory."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from framework.config import InvalidConfig
from framework.data import Taught, training_batches
from framework.train.distilling import kept
from framework.train.distilling.lesson import as_words
from tests.data.make import data as made

DATA = made(30, 6)
SAID = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)


def begun(run: Path) -> dict[str, str]:
    """A run that has asked its teacher."""
    about = {"name": "big", "fingerprint": "f", kept.HASH: kept.keep_words(run, SAID)}
    (run / "data.json").write_text(json.dumps({"teacher": about}))
    return about


def test_the_same_words_are_read_again(tmp_path: Path) -> None:
    about = begun(tmp_path)
    assert kept.kept_teacher(tmp_path) == about
    np.testing.assert_array_equal(kept.read_words(tmp_path, about), SAID)


def test_one_flipped_bit_is_seen(tmp_path: Path) -> None:
    about, file = begun(tmp_path), tmp_path / kept.FILE
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    file.write_bytes(content)
    assert kept.read_words(tmp_path, about) is None
    kept.said_again(tmp_path, about, SAID)  # the teacher says the same: it may go on
    with pytest.raises(InvalidConfig, match="it is damaged, and the teacher's outputs differ"):
        kept.said_again(tmp_path, about, SAID + 1)


def test_a_run_is_looked_at_with_the_words_it_had(tmp_path: Path) -> None:
    begun(tmp_path)
    told: list[str] = []
    data = kept.as_begun(DATA, tmp_path, 3, told.append)
    batch = next(training_batches(data, seed=0, prefetch=0))
    np.testing.assert_array_equal(batch["teacher"], SAID[batch["index"]])
    assert kept.taught_by(data) == {"teacher": kept.kept_teacher(tmp_path)}
    assert not told


def test_lost_words_are_not_taken_for_none(tmp_path: Path) -> None:
    begun(tmp_path)
    (tmp_path / kept.FILE).unlink()
    told: list[str] = []
    data = kept.as_begun(DATA, tmp_path, 3, told.append)
    assert "no step of the training can be made again" in told[0]
    assert np.isnan(next(training_batches(data, seed=0, prefetch=0))["teacher"]).all()


def test_a_run_without_a_teacher_is_as_it_was(tmp_path: Path) -> None:
    assert kept.as_begun(DATA, tmp_path, 3, print) is DATA
    assert kept.taught_by(DATA) == {}


def test_words_take_the_place_of_earlier_ones() -> None:
    data = kept.with_words(kept.speechless(DATA, 3), SAID, {})
    train = data.splits["train"]
    assert isinstance(train, Taught)
    assert train.source is DATA.splits["train"]


@given(arrays(np.float32, (4, 3), elements=st.floats(0, 1, width=32)))
def test_words_are_finite_log_probabilities(probabilities: np.ndarray) -> None:
    words = as_words({"probabilities": probabilities})
    assert np.isfinite(words).all()
    np.testing.assert_allclose(np.exp(words), probabilities, rtol=1e-5, atol=2e-38)


def test_numbers_are_as_they_are() -> None:
    assert as_words({"predictions": np.array([[3.5]])}) == [[3.5]]
