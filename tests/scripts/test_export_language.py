"""From a language model's run to an artifact that writes, as a user asks for it."""

from pathlib import Path

import numpy as np
import pytest

import framework.export.language
from framework.artifact import Sampling, generate, inspect, load
from framework.data import Bytes
from tests.experiments.launch import here, language_words

MODULE = "scripts.export"


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of a tiny language model that has learned two sentences."""
    folder = tmp_path_factory.mktemp("text")
    run = folder / "run"
    words = language_words(folder, run, 96)
    assert here(*words, "model.layers=2", "evaluation.analysis.depth=none") == 0
    assert here(f"run={run}", "export.batch_sizes=[1,4]", module=MODULE) == 0
    return run / "artifact"


def test_a_language_model_writes_what_its_run_writes(language, capsys):
    prompt = "3 rose is a"
    words = [f"run={language.parent}", f"prompt={prompt}", "tokens=20", "temperature=0"]
    capsys.readouterr()
    assert here(*words, module="experiments.generate") == 0
    written = capsys.readouterr().out
    loaded = load(language, warm=False)
    assert set(loaded.programs) == {"predict", "prefill", "decode"}
    (ids,) = generate(loaded, prompt, 20)
    assert loaded.tokenizer is not None
    assert prompt + loaded.tokenizer.decode(ids) + "\n" == written


def test_what_is_written_is_compared_with_the_run_token_by_token(
    language, tmp_path, capsys, monkeypatch
):
    told = [entry["format"] for entry in inspect(language).about["parity"]]
    assert told == ["stablehlo", "stablehlo, token by token"]

    def one_place_off(model, inputs):  # type: ignore[no-untyped-def]
        return right(model, {**inputs, "positions": inputs["positions"] - 1})

    right = framework.export.language._decode
    monkeypatch.setattr("framework.export.language._decode", one_place_off)
    words = [f"run={language.parent}", f"export.dir={tmp_path}/wrong"]
    assert here(*words, module=MODULE) == 1
    assert "What is written token by token in float32 on cpu differs" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_prompts_of_unequal_length_do_not_see_each_other(language):
    loaded = load(language, warm=False)
    prompts = ["3 rose is a", "1", "a rose. 2 rose"]
    together = generate(loaded, prompts, 12)
    assert together == [generate(loaded, one, 12)[0] for one in prompts]


def test_drawing_is_repeatable_and_top_one_is_greedy(language):
    loaded = load(language, warm=False)
    drawn = [generate(loaded, "1", 20, Sampling(1.5, seed=seed)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert generate(loaded, "1", 20, Sampling(1.5, top_k=1)) == generate(loaded, "1", 20)


def test_the_likelihood_of_a_text_is_that_of_its_tokens_one_by_one(language):
    """Against the decoding programs: what was said before each token, token by token."""
    loaded = load(language, warm=False)
    text = "2 rose is a rose."
    found = loaded.predict({"text": [text, "a much longer text. " * 4]})
    ids = Bytes().fit([]).encode(text)
    total, said = 0.0, []
    for place in range(len(ids)):
        inputs = {
            "tokens": np.asarray([[256, *ids[:place]]], np.int32),
            "lengths": np.asarray([place + 1], np.int32),
            **{
                name: np.zeros((2, 1, 32, *loaded.about["language"]["cache"]["shape"][3:]), "f4")
                for name in ("keys", "values")
            },
        }
        logits = np.asarray(loaded.programs["prefill"](loaded.weights, inputs)["logits"])[0]
        logits = logits.astype(np.float64)
        nats = logits[ids[place]] - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
        said.append(nats)
        total += nats
    assert found["log_likelihood"][0] == pytest.approx(total, abs=1e-3)
    np.testing.assert_allclose(found["token_log_likelihood"][0, : len(ids)], said, atol=1e-4)
    assert np.isnan(found["token_log_likelihood"][0, len(ids) :]).all()
    assert found["tokens"].tolist() == [len(text), 80]


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        ({"text": []}, "the batch is empty"),
        ({"text": [""]}, "text 0: expected at least one character"),
        ({"text": ["x" * 97]}, "text 0: expected at most 96 tokens, got 97"),
        ({"text": [3]}, "text 0: expected a string, got int"),
        ({"tokens": [[257]]}, "tokens 0: expected ids from 0 to 256, got 257"),
        ({"tokens": [[0.5]]}, "expected a list of at least one whole number"),
        ({"tokens": [[]]}, "expected a list of at least one whole number"),
        ({"texts": ["x"]}, "expected text: strings, or tokens"),
        ({}, "got nothing"),
    ],
)
def test_wrong_texts_are_told_what_is_wanted(language, batch, said):
    loaded = load(language, warm=False)
    with pytest.raises(ValueError, match=said):
        loaded.predict(batch)


def test_more_than_the_context_is_not_written(language):
    loaded = load(language, warm=False)
    with pytest.raises(ValueError, match="expected from 1 to 85, as the context is 96"):
        generate(loaded, "x" * 10, 86)
    assert len(generate(loaded, "x" * 10, 85)[0]) <= 85


def test_a_mixture_of_experts_that_writes_is_refused_in_a_line(tmp_path, capsys):
    run = tmp_path / "run"
    short = ["trainer.steps=10", "evaluation.every=10", "model.layers=1", "model.experts=2"]
    words = [*language_words(tmp_path, run, 48), *short, "evaluation.analysis.depth=none"]
    assert here(*words) == 0
    capsys.readouterr()
    assert here(f"run={run}", module=MODULE) == 2
    said = capsys.readouterr().err
    assert "expected a model whose program holds for texts of any length" in said
    assert "Traceback" not in said
    assert not (run / "artifact").exists()
