"""Programs are compiled for the slice, each once, before anything is submitted; and priced."""

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from framework.config import InvalidConfig
from framework.config.command import compose_words
from framework.launch.gke.order import Order
from framework.launch.gke.programs import Price, Programs, check_price, price
from framework.train.planning.plan import Memory, Plan, Speed
from tests.launch.gke.conftest import make

MEMORY = Memory(0, 0, 0, 0, 0)
SPEED = Speed(1.0, 1.0, 1.5, {}, 1.0, 1.5, "compute", 0.5, 100.0)
PLAN = Plan(
    "digits", "v6e:4x4", "TPU v6 lite", "tpu", 16, 16, {"data": 16}, None, 64, None, 2400, 1000,
    MEMORY, {}, speed=SPEED,
)  # fmt: skip


def test_the_price_of_a_sweep() -> None:
    """2400 steps of 1.5 s are an hour."""
    found = price(make(slices=2, price=1.2), PLAN, 12)
    assert found == Price(12, 12 * 32, pytest.approx(12 * 32 * 1.2), estimated=True)
    assert str(found) == "12 trials, at least 384 chip hours, at least 461"
    known = price(make(hours=2.0), None, 3)
    assert str(known) == "3 trials, 96 chip hours; launch.price=… gives the sum"
    assert price(make(), None, 3) is None


def test_confirmations_of_the_best_cost_as_much_as_trials() -> None:
    order = make(price=1.2)
    found = price(order, PLAN, 12, 3)
    assert found is not None
    assert str(found) == "12 trials and 3 confirmations, at least 240 chip hours, at least 288"
    with pytest.raises(InvalidConfig, match=r"at least 288.*it pays for 13 runs"):
        check_price(found, 250.0, order)


@pytest.mark.parametrize(
    ("order", "most", "said"),
    [
        (make(price=1.2), 100.0,
         "launch.max_cost=100.0: expected at least 230: 12 trials, at least 192 chip hours, at "
         "least 230; it pays for 5 trials"),
        (make(), 100.0, "launch.price=null: expected what a chip costs for an hour"),
    ],
    ids=["too dear", "no price"],
)  # fmt: skip
def test_the_bound_of_the_price(order: Order, most: float, said: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        check_price(price(order, PLAN, 12), most, order)
    assert said in str(caught.value)


def test_a_bound_needs_hours() -> None:
    with pytest.raises(InvalidConfig, match=r"launch\.hours=null: expected the hours of a trial"):
        check_price(price(make(price=1), None, 12), 100, make(price=1))


def test_what_is_within_the_bound_passes() -> None:
    order = make(price=1.2)
    check_price(price(order, PLAN, 12), 231, order)
    check_price(None, None, order)


def compose(words: Any) -> Any:
    return compose_words(words).settings


class Answers:
    """A compiler that answers from a list: a plan for each mesh."""

    def __init__(self, *_: object) -> None:
        self.asked: list[object] = []

    def compile(self, mesh: Any = None, remat: Any = None, **_: object) -> Plan:
        self.asked.append(mesh)
        fits = mesh == {"fsdp": 16}
        memory = replace(MEMORY, needed=(8 if fits else 64) * 2**30, capacity=32 * 2**30)
        return replace(PLAN, memory=memory, program=str(mesh))

    def candidates(self, settings: object) -> list[dict[str, Any]]:
        sizes = ({"tensor": 16}, {"fsdp": 16}, {"data": 8})
        return [{"mesh": s, "remat": None, "words": f"mesh.{s}"} for s in sizes]

    def close(self) -> None:
        """Nothing to end."""


def test_a_program_that_does_not_fit_is_refused_with_a_mesh_that_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = "framework.launch.gke.programs"
    monkeypatch.setattr(f"{module}.Compiler", Answers)
    monkeypatch.setattr(f"{module}.Target.of", lambda name: name)
    said: list[str] = []
    programs = Programs(make(), lambda words: {"run": {}}, said.append)
    with pytest.raises(InvalidConfig) as caught:
        programs.check(["mesh=data"])
    assert str(caught.value) == (
        "mesh=data 16: expected a program of at most 32.00 GiB on each device of v6e:4x4 (this "
        "takes 64.00 GiB); mesh.{'fsdp': 16} fits"
    )
    assert programs._compiler.asked == [None, {"tensor": 16}, {"fsdp": 16}]  # type: ignore[union-attr]
    assert said == ["Program   v6e:4x4, data 16: 64.00 GiB of 32.00 GiB on each device, "
                    "1.5e+03 ms a step at best"]  # fmt: skip


@pytest.fixture(scope="module")
def real() -> Iterator[tuple[Programs, list[str]]]:
    if importlib.util.find_spec("libtpu") is None:
        pytest.skip("the compiler of TPUs is not installed: the extra tpu-plan")
    said: list[str] = []
    programs = Programs(make("v5e:1x1"), compose, said.append)
    yield programs, said
    programs.close()


@pytest.mark.long
def test_each_distinct_program_is_compiled_once(real: tuple[Programs, list[str]]) -> None:
    programs, said = real
    first = programs.check(["experiment=digits", "optimizer.learning_rate=0.1"])
    same = programs.check(["experiment=digits", "optimizer.learning_rate=0.2", "seed=3"])
    other = programs.check(["experiment=digits", "model.dense=48"])
    assert first.program == same.program != other.program
    assert same.seconds == first.seconds  # nothing was compiled
    assert len(said) == 2


@pytest.mark.long
def test_what_cannot_be_laid_out_is_told(real: tuple[Programs, list[str]]) -> None:
    programs, _ = real
    with pytest.raises(InvalidConfig, match="mesh=tensor 3"):
        programs.check(["experiment=digits", "mesh.tensor=3", "mesh.data=1"])


@pytest.mark.long
def test_a_real_program_that_is_too_large_and_a_mesh_on_which_it_fits() -> None:
    if importlib.util.find_spec("libtpu") is None:
        pytest.skip("the compiler of TPUs is not installed: the extra tpu-plan")
    programs = Programs(make("v5e:2x2"), compose, lambda line: None)
    words = ["experiment=digits", "mesh=data", "model.dense=5000000"]
    try:
        with pytest.raises(InvalidConfig) as caught:
            programs.check(words)
        assert "mesh=data 4: expected a program of at most 16.00 GiB" in str(caught.value)
        assert re.search(r"mesh\.\w+=4 fits$", str(caught.value))
    finally:
        programs.close()
