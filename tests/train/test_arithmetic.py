"""Model operations against the formulas of the literature, and what is logged of them."""

import math

import jax
import pytest

from framework.parallel import build_mesh
from framework.parallel.chips import chip_of
from framework.train.arithmetic import (
    Utilisation,
    abstract_batch,
    model_operations,
    tokens_per_step,
)
from framework.train.experiment import Experiment
from tests.train.planned import LANGUAGE, SMALL, experiment


def counted(found: Experiment) -> float:
    mesh = build_mesh(found.mesh)
    return sum(model_operations(found, found.program(found.network(), mesh)).values())


@pytest.mark.parametrize(("remat", "accumulate"), [("none", 1), ("full", 2)])
def test_a_dense_transformer_takes_6_operations_a_parameter_and_token(
    remat: str, accumulate: int
) -> None:
    """6 N + 12 layers · heads · head_dim · sequence a token: PaLM, appendix B. N counts matrices;
    a table that is tied to the last layer is one of them.
    """
    words = (*LANGUAGE, f"model.remat={remat}", f"trainer.accumulate={accumulate}", "mesh=single")
    found = experiment(*words)
    matrices = sum(math.prod(a.shape) for p, a in found.network().shapes.items() if "norm" not in p)
    tokens = tokens_per_step(found)
    assert tokens == 16 * 16
    assert counted(found) == (6 * matrices + 12 * 3 * 32 * 16) * tokens


def test_a_dense_layer_on_images() -> None:
    found = experiment(*SMALL, "mesh=single")
    assert tokens_per_step(found) is None
    assert counted(found) == 6 * 64 * (64 * 16 + 16 * 10)


def test_the_batch_is_that_of_the_run() -> None:
    found = experiment(*LANGUAGE, "mesh=fsdp")
    batch = abstract_batch(found, build_mesh(found.mesh))
    assert {leaf.shape[0] for leaf in jax.tree.leaves(batch)} == {16}
    tokens = batch["inputs"]["tokens"]
    assert (tokens.shape, tokens.dtype) == ((16, 16), "int32")
    assert tokens.sharding.shard_shape(tokens.shape) == (2, 16)


def utilisation(kind: str, tokens: int | None = None) -> Utilisation:
    return Utilisation(16, tokens, lambda: {"bfloat16": 4e12, "float32": 1e12}, kind, 4)


def test_speed_before_the_operations_are_known() -> None:
    assert utilisation("TPU v5 lite").speed(2.0) == {
        "steps_per_second": 2.0, "examples_per_second": 32.0,
    }  # fmt: skip


def test_mfu_where_the_peak_is_known() -> None:
    known = utilisation("TPU v5 lite", tokens=16 * 128)
    known.learn()
    values = known.speed(2.0)
    assert values["tokens_per_second"] == 2.0 * 16 * 128
    assert values["mfu"] == pytest.approx(2.0 * 5e12 / (4 * 197e12))
    gpu, chip = utilisation("NVIDIA A100-SXM4-80GB"), chip_of("NVIDIA A100-SXM4-80GB")
    gpu.learn()
    assert chip is not None
    ideal = 4e12 / chip.peak["bfloat16"] + 1e12 / chip.peak["float32"]
    assert gpu.speed(2.0)["mfu"] == pytest.approx(2.0 * ideal / 4)


def test_operations_a_second_where_it_is_not() -> None:
    unknown = utilisation("cpu")
    unknown.learn()
    values = unknown.speed(3.0)
    assert values["model_flops_per_second"] == 3.0 * 5e12
    assert "mfu" not in values
