"""Where arrays lie, from the names of their axes."""

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from framework.config import InvalidConfig
from framework.parallel import MeshOptions, batch_putter, build_mesh, state_shardings
from framework.parallel.rules import batch_partition, partition

OPTIONS = MeshOptions(
    data=2, fsdp=2, tensor=2,
    rules={"batch": ("data", "fsdp"), "embed": "fsdp", "mlp": ("tensor", "fsdp")},
    replicate_if_uneven=("mlp",),
)  # fmt: skip
SHAPE = {"replica": 1, "data": 2, "fsdp": 2, "tensor": 2, "sequence": 1, "expert": 1}


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        ((8, 16), ("embed", "mlp"), P("fsdp", "tensor")),  # fsdp is taken by the first axis
        ((16, 8), ("mlp", "embed"), P(("tensor", "fsdp"), None)),
        ((8, 3), ("embed", "mlp"), P("fsdp", None)),  # uneven, and allowed to be
        ((7,), ("classes",), P(None)),  # no rule
        ((), (), P()),
    ],
)
def test_partition(shape: tuple[int, ...], axes: tuple[str, ...], expected: P) -> None:
    assert partition("w", shape, axes, OPTIONS, SHAPE) == expected


def test_an_axis_that_does_not_divide_names_parameter_shape_and_rule() -> None:
    with pytest.raises(InvalidConfig) as caught:
        partition("head/kernel", (7, 4), ("embed", "classes"), OPTIONS, SHAPE)
    assert str(caught.value) == (
        "mesh.rules.embed=fsdp: expected an axis that divides embed=7 of head/kernel (7, 4) "
        "(it is 2); change the mesh or the model, or add 'embed' to mesh.replicate_if_uneven"
    )


def test_moments_lie_like_their_parameters() -> None:
    mesh = build_mesh(OPTIONS)
    array = jax.ShapeDtypeStruct((8, 16), np.float32)
    count = jax.ShapeDtypeStruct((), np.int32)
    row = jax.ShapeDtypeStruct((1, 16), np.float32)  # as factored moments have
    tree = {"params": {"w": array}, "opt_state": ({"w": array}, count, {"w": row})}
    found = state_shardings(tree, {"w": ("embed", "mlp")}, {"w": array}, OPTIONS, mesh)
    assert found["params"]["w"].spec == found["opt_state"][0]["w"].spec == P("fsdp", "tensor")
    assert found["opt_state"][1].spec == found["opt_state"][2]["w"].spec == P()


@pytest.mark.parametrize("stacked", [False, True])
def test_batches_are_divided_over_data_and_fsdp(stacked: bool) -> None:
    mesh = build_mesh(OPTIONS)
    shape = (3, 8, 2) if stacked else (8, 2)
    batch = {"inputs": np.arange(np.prod(shape)).reshape(shape)}
    placed = batch_putter(OPTIONS, mesh, stacked=stacked)(batch)["inputs"]
    assert placed.sharding.spec == batch_partition(OPTIONS, stacked=stacked)
    local = (3, 2, 2) if stacked else (2, 2)
    assert {shard.data.shape for shard in placed.addressable_shards} == {local}
    np.testing.assert_array_equal(placed, batch["inputs"])
