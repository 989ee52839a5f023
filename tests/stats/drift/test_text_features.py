import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from framework.stats.drift import text_features

shapes = st.tuples(st.integers(1, 5), st.integers(0, 12))


def rows(*texts: str, length: int = 12):
    tokens, mask = np.zeros((len(texts), length), np.int32), np.zeros((len(texts), length), bool)
    for i, text in enumerate(texts):
        tokens[i, : len(text)], mask[i, : len(text)] = list(text.encode()), True
    return tokens, mask


def test_characters_by_hand():
    found = text_features(*rows("AAb 1\n2", ""), characters=True)
    first = {name: values[0] for name, values in found.items()}
    assert first["length"] == 7
    assert first["upper_case"] == pytest.approx(2 / 7)
    assert first["letters"] == pytest.approx(3 / 7)
    assert first["digits"] == first["spaces"] == pytest.approx(2 / 7)
    assert first["control"] == first["beyond_ascii"] == 0
    assert first["repeated"] == pytest.approx(1 / 7)
    assert first["distinct"] == pytest.approx(6 / 7)
    assert first["mean_character"] == pytest.approx(np.mean(list(b"AAb 1\n2")))
    assert found["length"][1] == 0
    assert all(np.isnan(v[1]) for name, v in found.items() if name != "length")


@given(shapes.flatmap(lambda s: arrays(np.int64, s, elements=st.integers(-3, 9))), st.data())
def test_entropy_and_counts_are_those_of_a_loop(tokens, data):
    mask = data.draw(arrays(bool, tokens.shape))
    found = text_features(tokens, mask, unknown=0)
    for i, row in enumerate(tokens):
        kept = row[mask[i]]
        assert found["length"][i] == len(kept)
        if len(kept):
            _, counts = np.unique(kept, return_counts=True)
            assert found["entropy"][i] == pytest.approx(stats.entropy(counts, base=2), abs=1e-6)
            assert found["distinct"][i] == pytest.approx(len(counts) / len(kept))
            assert found["unknown"][i] == pytest.approx(np.mean(kept == 0))


def test_without_a_mask_all_tokens_count():
    tokens = np.array([[5, 5, 5, 6]], np.uint16)
    found = text_features(tokens)
    assert found["length"].item() == 4
    assert set(found) == {"length", "entropy", "distinct", "repeated"}


def test_what_are_no_tokens_is_refused():
    with pytest.raises(ValueError, match="float64"):
        text_features(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"mask is \(3, 2\)"):
        text_features(np.zeros((2, 3), int), np.zeros((3, 2)))
