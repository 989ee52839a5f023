"""The directory of a sweep, and what another one differs in."""

from pathlib import Path

import pytest

from framework.config import InvalidConfig
from framework.config.swept import Dimension
from framework.launch.request import Request
from framework.launch.sweep import Sweep, differences, record_of

RATES = Dimension("rate", "list", (1, 2), written="1,2")


def request(*fixed: str, space: tuple[Dimension, ...] = (RATES,), **more: object) -> Request:
    return Request("digits", Path("/sweep"), fixed, space, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "after",
    [
        request("seed=1"),
        request("seed=1", space=(Dimension("rate", "list", (0, 1, 2, 3), written="0,1,2,3"),)),
        request("seed=1", space=(Dimension("rate", "list", (1.0, 2), written="1.0,2"),)),
        request("seed=1", "tracker=wandb", "run.root=else", "trainer.grace_seconds=3"),
        request("seed=1", launch={"workers": 4}),
    ],
)
def test_the_same_or_more_is_no_other(after: Request) -> None:
    assert differences(record_of(request("seed=1")), record_of(after)) == []


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (request("seed=2"), "seed: 1 → 2"),
        (request(), "seed: 1 → (not given)"),
        (request("seed=1", space=(Dimension("rate", "list", (1,), written="1"),)), "rate: 1,2 → 1"),
        (
            request("seed=1", space=(Dimension("rate", "list", (True, 2), written="true,2"),)),
            "rate: 1,2 → true,2",
        ),
        (request("seed=1", space=()), "rate: 1,2 → (not swept)"),
        (request("seed=1", sweeper="optuna"), "hydra/sweeper: grid → optuna"),
        (request("seed=1", sweep={"metric": "log_loss"}), "sweep.metric: None → log_loss"),
    ],
)
def test_another_one_is_told_by_its_difference(after: Request, said: str) -> None:
    assert differences(record_of(request("seed=1")), record_of(after)) == [said]


def test_a_sweep_that_has_begun_is_held_against_what_comes(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path)
    sweep.check(record_of(request()))  # nothing is there yet
    sweep.begin(record_of(request("seed=1")))
    sweep.check(record_of(request("seed=1")))
    with pytest.raises(InvalidConfig, match="it differs in seed: 1 → 2"):
        sweep.check(record_of(request("seed=2")))


@pytest.mark.parametrize("text", ["no record", "{", "a: [\n"])
def test_a_record_that_cannot_be_read_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "sweep.yaml").write_text(text)
    with pytest.raises(InvalidConfig, match=r"expected a sweep whose sweep\.yaml can be read"):
        Sweep(tmp_path).check(record_of(request()))


def test_a_record_of_another_program_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text("program: train.py\nmethod: grid\nparameters: {rate: {values: [1, 2]}}\n")
    with pytest.raises(InvalidConfig, match="that of another program has the same name"):
        Sweep(tmp_path).check(record_of(request()))


def test_one_driver_at_a_time(tmp_path: Path) -> None:
    with (
        Sweep(tmp_path / "new").held(),
        pytest.raises(InvalidConfig, match="no other driver holds"),
        Sweep(tmp_path / "new").held(),
    ):
        pass
    with Sweep(tmp_path / "new").held():
        pass


def test_a_trial_has_the_words_of_a_run(tmp_path: Path) -> None:
    trial = Sweep(tmp_path).trial(("model=mlp",), 3, {"seed": 1, "name": "a b"})
    assert trial.run == tmp_path / "trials" / "3"
    assert trial.overrides[:3] == ("model=mlp", "seed=1", "name='a b'")
    assert {
        "++evaluation.final=[validation]", f"run.dir={tmp_path}/trials/3",
        "++evaluation.report=false",
    } <= set(trial.overrides)  # fmt: skip
    given = Sweep(tmp_path).trial(("evaluation.report=true",), 3, {}).overrides
    assert "++evaluation.report=false" not in given
