"""Arrays inside a model, laid out by the names of their axes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AbstractMesh
from jax.sharding import PartitionSpec as P

from framework.config import InvalidConfig
from framework.parallel import MeshOptions, build_mesh, constrain, divided, placed

OPTIONS = MeshOptions(
    data=2, fsdp=2, tensor=2, devices=8,
    rules={"batch": ("data", "fsdp"), "embed": "fsdp", "mlp": "tensor", "rows": "data"},
    replicate_if_uneven=("mlp",),
)  # fmt: skip


def laid_out(shape: tuple[int, ...], *axes: str) -> P:
    """Where a program of `OPTIONS` puts an array."""
    mesh = build_mesh(OPTIONS)
    program = jax.jit(placed(lambda x: constrain(x, *axes), OPTIONS, mesh))
    with jax.set_mesh(mesh):
        return program(jnp.ones(shape)).sharding.spec


def test_the_batch_takes_its_axes_before_the_width_can() -> None:
    assert laid_out((8, 4, 16), "batch", "sequence", "embed") == P(("data", "fsdp"))
    assert laid_out((8, 4, 16), "batch", "sequence", "mlp") == P(("data", "fsdp"), None, "tensor")
    assert laid_out((4, 16), "vocab", "embed") == P(None, "fsdp")


def test_what_does_not_divide_is_an_error_or_whole_as_the_rules_say() -> None:
    assert laid_out((8, 15), "batch", "mlp") == P(("data", "fsdp"))
    with pytest.raises(InvalidConfig, match=r"rows=3 of an activation \[rows, embed\] \(3, 4\)"):
        laid_out((3, 4), "rows", "embed")


def test_outside_a_program_nothing_is_done() -> None:
    x = np.ones((3, 5))
    assert constrain(x, "batch", "embed") is x
    assert not divided("batch")
    alone = MeshOptions(devices=1, rules=OPTIONS.rules)
    assert placed(lambda: constrain(x, "batch", "embed"), alone, build_mesh(alone))() is x


def test_the_rules_end_with_the_function_also_where_it_fails() -> None:
    mesh = AbstractMesh((2, 2, 2), ("data", "fsdp", "tensor"))
    assert placed(lambda: divided("batch"), OPTIONS, mesh)()

    def fail() -> None:
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        placed(fail, OPTIONS, mesh)()
    assert not divided("batch")
