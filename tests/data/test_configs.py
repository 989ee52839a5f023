"""The group files in configs/data against the doors they name."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import framework.data
from framework.config import InvalidConfig, build
from framework.data import Data
from tests.conftest import ROOT
from tests.data import make

CHOICES = sorted(path.stem for path in (ROOT / "configs" / "data").glob("*.yaml"))
NEEDED = {
    "idx": ["data.path=x"],
    "image_folder": ["data.path=x", "data.size=[8,8]"],
    "text": ["data.path=x"],
    "text_mixture": ["data.corpora={a: {path: x}}"],
    "tfds_text": ["data.name=lm1b"],
    "table": ["data.path=x", "data.label=y"],
    "tfds": ["data.name=mnist"],
}


def settings(choice: str, *overrides: str) -> dict[str, object]:
    with initialize_config_dir(str(ROOT / "configs"), version_base=None):
        config = compose(overrides=[f"+data={choice}", *overrides])
    return OmegaConf.to_container(config.data)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_file_says_what_its_door_takes(choice: str) -> None:
    given = settings(choice, *NEEDED.get(choice, []))
    call, problems = build.read(given, "data")
    assert problems == []
    assert call is not None
    defaults = call.target.__kwdefaults__
    for name, default in defaults.items():
        assert name in given, f"{choice}.yaml does not show {name}"
        if choice not in ("employment", "fashion_mnist") and name != "batch_size":
            value = call.arguments[name]
            assert (value() if isinstance(value, build.Call) else value) == default


@pytest.mark.parametrize("choice", CHOICES)
def test_a_file_begins_with_a_sentence(choice: str) -> None:
    first = (ROOT / "configs" / "data" / f"{choice}.yaml").read_text().splitlines()[0]
    assert first.startswith("# ")
    assert first.endswith(".")


def test_what_must_be_given_is_said() -> None:
    _, problems = build.read(settings("idx"), "data")
    assert [problem.key for problem in problems] == ["data.path"]


def test_mistakes_are_found_before_anything_is_read() -> None:
    overrides = ["data.path=nowhere", "data.batch_size=0", "+data.colour=red"]
    overrides += ["data.validation_fraction=2"]
    _, problems = build.read(settings("idx", *overrides), "data")
    assert {p.key for p in problems} == {
        "data.batch_size",
        "data.colour",
        "data.validation_fraction",
    }


def test_augmentations_are_built_from_their_names(tmp_path: Path) -> None:
    make.idx_folder(tmp_path)
    names = "[{_target_: framework.data.RandomShift, pixels: 2},{_target_: framework.data.Mixup}]"
    given = settings("idx", f"data.path={tmp_path}", f"data.augmentations={names}")
    data = build.require(given, "data")
    assert isinstance(data, Data)
    assert data.augmentations == (framework.data.RandomShift(2), framework.data.Mixup(0.2))


def test_the_named_sets_are_what_they_say(shared_data: Path) -> None:
    fashion = build.require(settings("fashion_mnist", f"data.path={shared_data}/fashion_mnist"))
    assert fashion.spec.labels.names[0] == "T-shirt/top"
    employment = build.require(settings("employment", f"data.path={shared_data}/employment"))
    assert list(employment.splits) == ["train", "validation", "test", "analysis"]


def test_what_is_no_augmentation_is_refused(tmp_path: Path) -> None:
    make.idx_folder(tmp_path)
    given = settings("idx", f"data.path={tmp_path}", "data.augmentations=[flip]")
    with pytest.raises(InvalidConfig, match=r"augmentations\.0=flip: expected an Augmentation"):
        build.require(given, "data")
