import sys
from pathlib import Path

import hydra
import pytest
from hydra.errors import HydraException

from framework.config.command import CONFIGS
from framework.config.compose import compose_once
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
             "+hydra.job.name=x", "~hydra.help"]
)  # fmt: skip
def test_what_only_hydra_can_do_is_left_to_it(word: str) -> None:
    assert compose_once([*WORDS, word], CONFIGS, "config") is None


@pytest.mark.parametrize(
    "own", ["mode: MULTIRUN", "mode: RUN", "callbacks: {one: {_target_: somewhere.Callback}}"]
)
def test_so_is_a_config_that_asks_for_it(own: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"a: 1\nhydra: {{{own}}}\n")
    assert compose_once(["a=2"], tmp_path, "config") is None


@pytest.mark.parametrize("word", ["trainer.stepz=4", "model=cnm", "trainer.steps=1,2", "a b"])
def test_mistakes_raise_what_hydra_raises(word: str) -> None:
    with pytest.raises(HydraException):
        compose_once([word], CONFIGS, "config")
