import sys
from pathlib import Path

import hydra
import pytest
from hydra.errors import HydraException
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.config.command import CONFIGS
from framework.config.compose import compose_once, compose_plain
from framework.config.diagnose import as_plain

WORDS = ["model=mlp", "trainer.steps=40", "optimizer.learning_rate=3e-4", "run.dir=somewhere"]


def test_it_composes_what_hydra_does(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = []
    monkeypatch.setattr(sys, "argv", ["run", *WORDS])
    hydra.main(config_path=str(CONFIGS), config_name="config", version_base="1.3")(
        lambda config: expected.append(as_plain(config))
    )()
    composed = compose_once(WORDS, CONFIGS, "config")
    assert composed is not None
    config, own = composed
    assert [as_plain(config)] == expected
    assert list(own.overrides.task) == WORDS
    assert own.runtime.choices["model"] == "mlp"


@pytest.mark.parametrize(
    "word", ["--multirun", "-m", "--help", "--cfg=job", "hydra.verbose=true", "hydra/sweeper=basic",
             "+hydra.job.name=x", "~hydra.help", "trainer.steps=1,2"]
)  # fmt: skip
def test_what_only_hydra_can_do_is_left_to_it(word: str) -> None:
    assert compose_once([*WORDS, word], CONFIGS, "config") is None


@pytest.mark.parametrize(
    "own", ["mode: MULTIRUN", "mode: RUN", "callbacks: {one: {_target_: somewhere.Callback}}"]
)
def test_so_is_a_config_that_asks_for_it(own: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"a: 1\nhydra: {{{own}}}\n")
    assert compose_once(["a=2"], tmp_path, "config") is None


@pytest.mark.parametrize("word", ["trainer.stepz=4", "model=cnm", "a b"])
def test_mistakes_raise_what_hydra_raises(word: str) -> None:
    with pytest.raises(HydraException):
        compose_once([word], CONFIGS, "config")


MORE = [
    "optimizer=sgd", "~debug", "data.augmentations=[]", "++trainer.own=1",
    "+optimizer.rule.own={a: 1}",
    "checkpoint.metric=null", "name=${data._target_}", "mesh.rules={batch: data}", "seed=3",
]  # fmt: skip


@settings(deadline=None, max_examples=15)
@given(words=st.lists(st.sampled_from([*WORDS, *MORE]), max_size=5, unique=True))
def test_values_laid_over_what_is_composed_are_what_hydra_composes(words: list[str]) -> None:
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        expected = as_plain(hydra.compose("config", words))
    assert as_plain(compose_plain(words, CONFIGS, "config")) == expected


def test_nothing_of_one_composition_is_left_in_the_next() -> None:
    first = as_plain(compose_plain(["seed=5", "model.widths=[1]", "model=mlp"], CONFIGS, "config"))
    second = as_plain(compose_plain(["model=mlp"], CONFIGS, "config"))
    assert (first["seed"], second["seed"]) == (5, 0)
    assert (first["model"]["widths"], second["model"]["widths"]) == ([1], [256, 256])
