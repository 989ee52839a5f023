"""`experiments.plan` as a user starts it."""

import json
from pathlib import Path

import pytest

from tests.experiments.launch import launch

MODULE = "experiments.plan"
TINY = ("model=mlp", "model.widths=[16]")


def test_a_plan_for_virtual_devices(tmp_path: Path) -> None:
    ended = launch(*TINY, "target=cpu:4", "mesh=fsdp", cwd=tmp_path, module=MODULE)
    assert ended.code == 0, ended.err
    assert "digits on cpu:4: 4 devices (cpu), fsdp 4" in ended.out
    assert "fits, with" in ended.out
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["fits"] is True
    assert plan["parameters"] == 64 * 16 + 16 + 16 * 10 + 10
    assert {each["kind"] for each in plan["collectives"]} >= {"all-gather"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan.json"]  # and no run


def test_a_search(tmp_path: Path) -> None:
    words = ("target=cpu:2", "mesh=data", "plan.search=true", "plan.minutes=2", "plan.workers=1")
    ended = launch(*TINY, *words, cwd=tmp_path, module=MODULE)
    assert ended.code == 0, ended.err
    found = json.loads((tmp_path / "plan.json").read_text())
    everything = [*found["ranked"], *found["does_not_fit"], *found["skipped"]]
    assert len(everything) == 3  # two devices along one of data, fsdp, tensor
    line = found["best"]
    assert f"Best      {line or 'as it is'}" in ended.out
    words = ("target=cpu:2", "mesh=data", *line.split(), "plan.out=null")
    again = launch(*TINY, *words, cwd=tmp_path, module=MODULE)
    assert again.code == 0, again.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("target=v5e:16x61",), "target=v5e:16x61: expected a topology of v5e"),
        (("target=cpu:8", "mesh.data=3"),
         "mesh=data 3: expected axes that multiply to the 8 devices (they give 3)"),
        (("target=cpu:8", "mesh=fsdp", "data.batch_size=30"),
         "data.batch_size=30: expected a multiple of 8 (8 batch shards of the mesh)"),
        (("target=cpu:8", "plan.price=-1"), "plan.price=-1: expected greater than or equal to 0"),
        (("target=cpu:8", "plan.serch=true"), "plan.serch=True: expected a key of 'plan'; did you"),
        (("target=null",), "target=null: expected a name, such as local or v5e:16x16"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    ended = launch(*TINY, *words, cwd=tmp_path, module=MODULE)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_tpu_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("libtpu", reason="libtpu is not installed: pip install '.[tpu-plan]'")
    words = ("target=v5e:2x2", "mesh=fsdp", "plan.price=1.2")
    ended = launch(*TINY, *words, cwd=tmp_path, module=MODULE)
    assert ended.code == 0, ended.err
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert (plan["device"], plan["devices"], plan["fits"]) == ("TPU v5 lite", 4, True)
    assert {tuple(each["axes"]) for each in plan["collectives"]} == {("fsdp",)}
    speed = plan["speed"]
    assert 0 < speed["compute"] <= speed["bound"] <= speed["expected"]
    assert speed["step_cost"] == pytest.approx(4 * 1.2 * speed["bound"] / 3600)
    too_large = ("target=v5e:2x2", "mesh=data", "model.widths=[65536,65536]", "plan.out=null")
    refused = launch("model=mlp", *too_large, cwd=tmp_path, module=MODULE)
    assert refused.code == 0, refused.err
    assert "does not fit, by" in refused.out
