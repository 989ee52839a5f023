import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.config import InvalidConfig
from framework.data import BPE, BPETokenizer, Bytes, ByteTokenizer, Tokenizer, tokenizer_from_json

WORDS = ("the", "rain", "in", "spain", "stays", "mainly", "plain;", "naïve", "— 雨が\r\n", "\ttabs")
TEXTS = [" ".join(np.random.default_rng(seed).choice(WORDS, 200)) for seed in range(5)]
few = settings(max_examples=100, deadline=None)
LEARNED = BPE(280).fit(TEXTS)
both = pytest.mark.parametrize("tokenizer", [ByteTokenizer(), LEARNED], ids=["bytes", "bpe"])


@both
@few
@given(text=st.text(max_size=60) | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_any_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert ids.dtype == np.int32
    assert tokenizer.decode(ids) == tokenizer.decode(ids.tolist()) == text
    assert tokenizer.end not in ids
    assert tokenizer.lengths[ids].sum() == len(text.encode())


@both
@few
@given(ids=st.lists(st.integers(0, 256), max_size=20))
def test_any_tokens_are_text(tokenizer: Tokenizer, ids: list[int]) -> None:
    with_ends = [tokenizer.end, *ids, tokenizer.end]
    text = tokenizer.decode(with_ends)
    assert text == tokenizer.decode([i for i in ids if i != tokenizer.end])
    if "\ufffd" not in text:
        assert len(text.encode()) == tokenizer.lengths[with_ends].sum()


@both
def test_it_is_made_again_from_its_json(tokenizer: Tokenizer) -> None:
    again = tokenizer_from_json(tokenizer.json())
    assert again == tokenizer
    assert again.json() == tokenizer.json()
    np.testing.assert_array_equal(again.encode(TEXTS[0]), tokenizer.encode(TEXTS[0]))


def test_bytes_are_bytes() -> None:
    assert Bytes().fit(TEXTS).encode("é!").tolist() == [0xC3, 0xA9, 0x21]
    assert ByteTokenizer().size == 257
    assert ByteTokenizer().decode([0xC3, 256, 0x21]) == "\ufffd!"


def test_pairs_are_learned_from_the_texts_and_no_others() -> None:
    assert LEARNED.size == 280
    assert len(LEARNED.encode(" mainly")) == 1
    assert len(LEARNED.encode(" qzxj")) == 5
    assert BPE(280).fit(TEXTS) == LEARNED
    assert BPE(280).fit(TEXTS[:1] + ["another text"] * 99) != LEARNED


def test_what_looks_like_a_special_token_is_text() -> None:
    for text in ("<|endoftext|>", "</s>", "<unk>"):
        assert LEARNED.decode(LEARNED.encode(text)) == text


def test_a_small_corpus_gives_fewer_tokens() -> None:
    found = BPE(5000).fit(["ab ab"])
    assert found.size == 257 + 2  # "ab" and " ab"
    assert found.end == found.size - 1 == len(found.lengths) - 1


def test_reading_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = LEARNED.encode(TEXTS[0])
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    again = tokenizer_from_json(LEARNED.json())
    assert isinstance(again, BPETokenizer)
    assert again.decode(ids) == TEXTS[0]
    lines = []
    for call in (lambda: again.encode("a"), lambda: BPE().fit(TEXTS)):
        with pytest.raises(InvalidConfig) as caught:
            call()
        lines.append(str(caught.value))
    assert lines[0] == lines[1]
    assert lines[0].endswith('pip install -e ".[text]", or choose data/tokenizer=bytes')
