import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh

from framework.models.platform import on_platform


def twice(x):
    return on_platform(x, cpu=lambda x: jnp.sin(x) * 2, default=lambda x: jnp.cos(x) * 2)


def test_a_mesh_decides_while_tracing():
    mesh = Mesh(np.array(jax.devices()[:2]), ("data",), axis_types=(AxisType.Auto,))
    with jax.set_mesh(mesh):
        text = str(jax.make_jaxpr(jax.jit(twice))(1.0))
        assert float(jax.jit(twice)(1.0)) == pytest.approx(2 * np.sin(1.0))
    assert "sin" in text
    assert "cos" not in text
    assert "platform_index" not in text


@pytest.mark.parametrize(("platform", "kept"), [("cpu", "sine"), ("tpu", "cosine")])
def test_without_a_mesh_lowering_decides(platform, kept):
    text = jax.export.export(jax.jit(twice), platforms=[platform])(1.0).mlir_module()
    assert [name for name in ("sine", "cosine") if f"stablehlo.{name}" in text] == [kept]
