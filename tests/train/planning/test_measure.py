"""Plans of small experiments on virtual devices, against what can be known without compiling."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import pytest

from framework.parallel.chips import chip_of
from framework.train.planning import measure as measuring
from framework.train.planning.measure import measure
from framework.train.planning.plan import Plan, Speed
from framework.train.planning.planner import priced, write
from framework.train.planning.table import print_plan, size, verdict
from tests.train.planned import LANGUAGE, SMALL, experiment


def plan(*words: str) -> Plan:
    return measure(experiment(*words), jax.devices(), "cpu:8")


@pytest.fixture(scope="module")
def language() -> Plan:
    return plan(*LANGUAGE, "mesh=fsdp", "model.remat=full")


def test_bytes_fall_with_fsdp() -> None:
    whole = plan(*SMALL, "mesh=data")
    parts = plan(*SMALL, "mesh=fsdp")
    assert whole.memory.parameters == 4 * whole.parameters
    assert whole.memory.optimizer >= 2 * whole.memory.parameters
    # `embed` alone is divided: the first kernel.
    assert parts.memory.parameters == 4 * (64 * 16 // 8 + 16 + 16 * 10 + 10)
    assert parts.memory.batch == whole.memory.batch


def test_operations_of_the_step(language: Plan) -> None:
    model, hardware = (sum(language.operations[name].values()) for name in ("model", "hardware"))
    plain = plan(*LANGUAGE, "mesh=fsdp")
    assert sum(plain.operations["hardware"].values()) == model
    # Rematerialisation makes the forward pass of the layers again, and not that of the head.
    head = 2 * 16 * 16 * 32 * 96
    assert hardware == pytest.approx(model + model / 3 - head, rel=0.05)


def test_memory_is_the_compilers(language: Plan) -> None:
    memory = language.memory
    assert memory.given is not None
    assert memory.temporaries is not None
    # The compiler drops what the step does not read, such as the examples' numbers.
    assert memory.given >= memory.state
    assert memory.total == memory.needed
    assert memory.total >= memory.given + memory.temporaries
    assert memory.fits is True
    assert memory.capacity is not None
    assert memory.capacity > 8 * memory.total


def test_collectives_of_fsdp(language: Plan) -> None:
    kinds = {(each.kind, each.axes) for each in language.collectives}
    assert ("all-gather", ("fsdp",)) in kinds
    assert {axes for _, axes in kinds} == {("fsdp",)}
    assert any(each.times > each.count for each in language.collectives)  # in the loop


def test_json_and_back(language: Plan, tmp_path: Path) -> None:
    import json

    write(str(tmp_path / "deep" / "plan.json"), language.json())
    values = json.loads((tmp_path / "deep" / "plan.json").read_text())
    assert values["fits"] is True
    assert Plan.from_json(values) == language


def test_speed_where_the_chip_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = chip_of("TPU v5 lite")
    assert chip is not None
    monkeypatch.setattr(measuring, "chip_of", lambda kind: chip)
    found = priced(plan(*LANGUAGE, "mesh=fsdp"), 3600.0)
    speed = found.speed
    assert isinstance(speed, Speed)
    ideal = sum(found.operations["model"].values()) / chip.peak["float32"] / 8
    assert speed.bound >= speed.compute >= ideal > 0
    assert speed.mfu == pytest.approx(ideal / speed.bound)
    assert speed.expected >= speed.bound
    assert speed.tokens == pytest.approx(16 * 16 / speed.bound)
    assert speed.step_cost == pytest.approx(8 * speed.bound)
    assert speed.run_cost == pytest.approx(found.steps * 8 * speed.bound)


def shown(found: Plan) -> str:
    import io

    from rich.console import Console

    console = Console(file=io.StringIO(), width=120, highlight=False)
    print_plan(console, found)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_table(language: Plan) -> None:
    text = shown(language)
    assert "tokens on cpu:8: 8 devices (cpu), fsdp 8, remat full" in text
    assert f"{language.parameters:,}" in text
    assert "all-gather (fsdp)" in text
    assert "fits, with" in text


def changed(found: Plan, **memory: Any) -> Plan:
    return replace(found, memory=replace(found.memory, **memory))


def test_verdicts(language: Plan) -> None:
    over = changed(language, needed=3 * 2**30, capacity=2**30)
    assert "does not fit[/red], by 2.00 GiB (300% of 1.00 GiB" in verdict(over)
    assert over.memory.fits is False
    refused = replace(
        changed(language, needed=15 * 2**30, capacity=16 * 2**30, refused=True), failure="RESOURCE"
    )
    assert "does not fit[/red]: 15.00 GiB wanted (RESOURCE)" in verdict(refused)
    unknown = changed(language, capacity=None)
    assert unknown.memory.fits is None
    assert "cannot be said" in verdict(unknown)


@pytest.mark.parametrize(
    ("refusal", "wanted"),
    [
        ("RESOURCE_EXHAUSTED: … Ran out of memory in memory space hbm. Used 20.50G of 15.75G hbm. "
         "Exceeded hbm capacity by 4.75G.", 20.5 * 2**30),
        ("RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required for HLO "
         "temporaries (16.31G) exceeds available HBM (15.75G).", 16.31 * 2**30 + 1000),
        ("RESOURCE_EXHAUSTED: something else", 1000),
    ],
)  # fmt: skip
def test_what_a_refused_program_wanted(refusal: str, wanted: float) -> None:
    assert measuring._wanted(refusal, 1000) == math.floor(wanted)


def test_sizes() -> None:
    assert [size(n) for n in (12, 2048, 3 * 2**20, 1.5 * 2**30)] == [
        "12 B", "2.00 KiB", "3.00 MiB", "1.50 GiB",
    ]  # fmt: skip
