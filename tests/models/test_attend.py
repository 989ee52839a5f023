from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest

from framework.config import InvalidConfig
from framework.models import attend as module
from framework.models.attend import attend
from framework.parallel import MeshOptions, build_mesh, divided, placed


def shapes(length=4, width=8, dtype=jnp.bfloat16):
    return [jax.ShapeDtypeStruct((2, length, 2, width), dtype)] * 3


def call(*arrays, kernel="cudnn", mesh=None, **shape):
    def run(q, k, v):
        return attend(q, k, v, None, causal=True, kernel=kernel)

    options = MeshOptions(**(mesh or {"devices": 1}), rules={"sequence": "sequence"})
    devices = build_mesh(options)
    with jax.set_mesh(devices):
        return jax.eval_shape(placed(run, options, devices), *shapes(**shape))


def test_cudnn_is_not_for_cpus_and_auto_takes_xla_there():
    with pytest.raises(InvalidConfig) as failure:
        call()
    line = "model.attention=cudnn: expected what cuDNN's attention can do (it runs on NVIDIA GPUs"
    assert str(failure.value).startswith(line)
    assert str(failure.value).endswith("not on cpu); choose model.attention=auto")
    assert call(kernel="auto").shape == call(kernel="xla").shape == (2, 4, 2, 8)


def test_without_a_mesh_nothing_is_known_and_xla_computes():
    # As in the checks before a device is touched.
    run = jax.eval_shape(
        lambda q, k, v: attend(q, k, v, None, causal=True, kernel="cudnn"), *shapes()
    )
    assert run.shape == (2, 4, 2, 8)


@pytest.fixture
def gpu(monkeypatch):
    """Kernels asked for on a GPU that is not there."""
    asked = []

    def attention(query, *_, implementation, **__):
        asked.append(implementation)
        return query

    device = SimpleNamespace(compute_capability="9.0")
    monkeypatch.setattr(module, "mesh_platform", lambda: "gpu")
    monkeypatch.setattr(module.jax, "local_devices", lambda: [device])
    monkeypatch.setattr(module.jax.nn, "dot_product_attention", attention)
    return SimpleNamespace(asked=asked, device=device)


def test_auto_takes_cudnn_where_it_can(gpu):
    call(kernel="auto")
    call(kernel="cudnn", width=256)
    call(kernel="xla")
    assert gpu.asked == ["cudnn", "cudnn", "xla"]


@pytest.mark.parametrize(
    ("shape", "capability", "reason"),
    [
        ({}, "7.5", "compute capability 8 or more, not 7.5"),
        ({"dtype": jnp.float32}, "9.0", "not float32: choose precision=mixed"),
        ({"width": 12}, "9.0", "multiple of 8 up to 256, not 12"),
        ({"width": 136}, "8.6", "multiple of 8 up to 128, not 136"),
        ({"length": 5}, "9.0", "an even length, not 5 and 5"),
        ({"mesh": {"sequence": 2, "devices": 2}}, "9.0", "the mesh divides sequences"),
    ],
)
def test_what_cudnn_cannot_do(gpu, shape, capability, reason):
    gpu.device.compute_capability = capability
    call(kernel="auto", **shape)
    assert gpu.asked == ["xla"]
    with pytest.raises(InvalidConfig) as failure:
        call(**shape)
    assert reason in str(failure.value)


@pytest.mark.parametrize("count", [1, 2])
def test_divided(count):
    options = MeshOptions(sequence=count, devices=count, rules={"sequence": "sequence"})
    mesh = build_mesh(options)
    found = []
    jax.eval_shape(placed(lambda: found.append((divided("sequence"), divided("x"))), options, mesh))
    assert found == [(count > 1, False)]
    assert not divided("sequence")
