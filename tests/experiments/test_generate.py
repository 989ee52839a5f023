"""Text from a run, as a user asks for it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.experiments.launch import Ended, here, language_words

CONTEXT = 48
MODULE = "experiments.generate"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a tiny language model on a few made-up pages."""
    folder = tmp_path_factory.mktemp("text")
    run = folder / "run"
    assert here(*language_words(folder, run, CONTEXT), "model.layers=1") == 0
    return run


@pytest.fixture
def generate(trained: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """The command on the run; the last word for a key counts."""

    def run(*words: str) -> Ended:
        given = {word.partition("=")[0] for word in words}
        code = here(*([f"run={trained}"] if "run" not in given else []), *words, module=MODULE)
        return Ended(code, *capsys.readouterr())

    return run


def test_it_goes_on_as_the_text_it_was_trained_on(generate: Callable[..., Ended]) -> None:
    ended = generate("prompt=1 rose is a", "temperature=0", "tokens=12")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("1 rose is a rose. ")


def test_the_same_seed_gives_the_same_texts_and_another_one_others(
    generate: Callable[..., Ended],
) -> None:
    words = ("samples=2", "temperature=1.5", "tokens=20", "top_k=200", "top_p=0.99")
    first, again = generate(*words, "seed=3").out, generate(*words, "seed=3").out
    assert first == again
    assert first != generate(*words, "seed=4").out
    one, two = first.split("— 2 —")
    assert one.removeprefix("— 1 —").strip() != two.strip()


def test_an_earlier_checkpoint_and_the_best_can_be_asked(generate: Callable[..., Ended]) -> None:
    assert generate("step=40", "tokens=4").code == 0
    assert generate("step=best", "tokens=4").code == 0


def test_what_cannot_be_written_is_said_with_the_remedy(
    generate: Callable[..., Ended], trained: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(trained, other)
    (other / "tokenizer.json").unlink()
    empty = tmp_path / "empty"
    shutil.copytree(trained, empty, ignore=shutil.ignore_patterns("checkpoints"))
    wrong = {
        (f"prompt={'a rose, ' * 20}",): f"the context is {CONTEXT} (it has 160); shorten it",
        ("prompt=a rose", "tokens=48"): "tokens=48: expected at most 41",
        (f"run={tmp_path}/none",): "expected a run directory",
        (f"run={other}",): "experiment=shakespeare trains one",
        (f"run={empty}",): "a run with a checkpoint",
        ("step=41",): "step=41: expected one of 40, 80, latest or best",
        ("temperature=-1",): "temperature=-1: expected",
        ("tokns=3",): "did you mean 'tokens'",
    }
    for words, line in wrong.items():
        ended = generate(*words)
        assert ended.code == 2, words
        assert line in ended.err
        assert "Traceback" not in ended.err


def test_a_flipped_byte_in_the_weights_is_noticed(
    generate: Callable[..., Ended], trained: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(trained, copy)
    largest = max(
        (copy / "checkpoints" / "80" / "state").rglob("*"), key=lambda f: f.stat().st_size
    )
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(bytes(content))
    ended = generate(f"run={copy}", "tokens=4")
    assert ended.code == 1
    assert largest.name in ended.err


def test_the_run_keeps_its_tokenizer(trained: Path) -> None:
    assert "_target_" in json.loads((trained / "tokenizer.json").read_text())
