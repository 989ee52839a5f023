"""Every mistake of a command line at once, where Hydra stops at the first."""

from pathlib import Path

import pytest
from hydra.errors import HydraException

from framework.config.command import CONFIGS
from framework.config.diagnose import diagnose, plain


def found(*overrides: str, extra: Path | None = None) -> list[str]:
    problems, _ = diagnose(overrides, CONFIGS, "config", extra, HydraException("as a last resort"))
    return [str(problem) for problem in problems]


def test_each_wrong_word_has_its_line_in_the_order_of_the_words() -> None:
    lines = found("optimizer=adm", "model=mlp", "trainer.stepz=3", "x=[", "seed=1", "dta=digits")
    assert [line.split(":")[0] for line in lines] == [
        "optimizer=adm", "command line=x=[", "trainer.stepz=3", "dta=digits",
    ]  # fmt: skip


def test_what_is_right_is_composed_so_that_the_rest_can_be_checked() -> None:
    problems, settings = diagnose(
        ("optimizer=adm", "model=mlp", "trainer.steps=-3", "model.wdths=[3]"),
        CONFIGS, "config", None, HydraException("first"),
    )  # fmt: skip
    assert len(problems) == 2
    assert settings is not None
    assert settings["model"]["_target_"] == "framework.models.MLP"
    assert settings["trainer"]["steps"] == -3
    assert settings["optimizer"]["rule"]["_target_"] == "optax.scale_by_adam"  # the default


@pytest.mark.parametrize(
    "word",
    ["model=mlp", "~debug", "+model.depth=3", "data={batch_size: 8}", "hydra.verbose=true",
     "optimizer=adamw,sgd", "seed=1,2", "seed=range(3)", "optimizer=glob(*)"],
)  # fmt: skip
def test_words_that_are_right_are_not_blamed(word: str) -> None:
    lines = found(word, "trainer.stepz=3")
    assert [line.split("=")[0] for line in lines] == ["trainer.stepz"]


def test_a_sweep_over_choices_some_of_which_are_wrong() -> None:
    (line,) = found("optimizer=adamw,sdg,sgd", "seed=1,2")
    assert line.startswith("optimizer=sdg: expected a choice of the group 'optimizer'; did you ")


def test_keys_of_hydras_own_are_known_too() -> None:
    lines = found("hydra.sweeper.n_trials=5", "hydra.swep.dir=x", "hydra.sweep.dir=here")
    assert len(lines) == 2
    assert lines[0].startswith(
        "hydra.sweeper.n_trials=5: expected a key of 'hydra.sweeper' with hydra/sweeper=grid"
    )
    assert "did you mean 'sweep'?" in lines[1]


def test_what_no_word_explains_is_said_as_hydra_says_it() -> None:
    (line,) = found("seed=1")
    assert line == "config=as a last resort: expected settings that Hydra can compose"


def test_a_choice_of_the_users_own_is_known(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("_target_: mine.Model\n")
    assert len(found("model=mine", "trainer.stepz=3", extra=tmp_path)) == 1
    (line, _) = found("model=min", "trainer.stepz=3", extra=tmp_path)
    assert "did you mean 'mine'?" in line
    (line,) = found("model=mine", extra=tmp_path / "nowhere")
    assert line == f"--config-dir={tmp_path / 'nowhere'}: expected a folder of configs"


def test_a_config_of_the_users_own_that_is_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "torn.yaml").write_text("_target_: [\n")
    with pytest.raises(Exception):  # noqa: B017, PT011 - YAML's own
        found("model=torn", extra=tmp_path)


def test_an_error_of_many_lines_is_one() -> None:
    error = HydraException("Could not do it.\nDo this:\n  that\nSee https://hydra.cc")
    error.__cause__ = ValueError("No such thing\nCould not do it.")
    assert str(plain(error)) == (
        "config=Could not do it.: expected settings that Hydra can compose; "
        "Do this:; that; No such thing"
    )
