"""Predictions of an artifact that was loaded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.artifact import ArtifactError, load
from tests.artifact import toy


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 11, (count, 2, 3), np.uint8)


@given(count=st.integers(1, 13), seed=st.integers(0, 99))
def test_any_number_of_examples_is_filled_up_or_split(loaded, count, seed):
    """The sizes are 1 and 4: 13 are three batches of 4 and one of 1."""
    batch = images(count, seed)
    found = loaded.predict({"image": batch})
    assert found["probabilities"].dtype == np.float32
    np.testing.assert_allclose(found["probabilities"], toy.expected(batch), rtol=1e-5)
    assert [len(array) for array in found.values()] == [count] * 3
    order = found["probabilities"].argmax(1)
    assert found["class"].tolist() == [toy.CLASSES[i] for i in order]
    np.testing.assert_array_equal(found["score"], found["probabilities"].max(1))


def test_only_the_chosen_sizes_are_compiled(made, monkeypatch):
    artifact = load(made, batch_sizes=[3])
    seen = []
    program = artifact.programs["predict"]
    monkeypatch.setitem(
        artifact.programs, "predict",
        lambda w, x: (seen.append(len(x["image"])), program(w, x))[1],
    )  # fmt: skip
    artifact.predict(images(7))
    assert seen == [3, 3, 3]


def test_a_size_that_is_none_is_refused(made):
    with pytest.raises(ArtifactError, match="expected sizes from 1"):
        load(made, batch_sizes=[0, 4])


def test_loading_says_how_long_it_took(loaded):
    parts = {name: seconds for name, seconds in loaded.load_seconds.items() if name != "total"}
    assert set(parts) == {"verify", "read", "compile"}
    assert sum(parts.values()) == pytest.approx(loaded.load_seconds["total"])
    assert min(parts.values()) > 0


def test_the_signature_is_what_the_manifest_says(loaded):
    assert loaded.signature == toy.SIGNATURE
    assert loaded.about["signature"]["inputs"]["image"]["shape"] == ["batch", 2, 3]
