"""Weights of fewer bits: how far from what they were, which ones, and without qwix afterwards."""

import subprocess
import sys

import jax
import jax.export
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from jax.extend.core import jaxprs_in_params

from framework.config import InvalidConfig
from framework.export import quantising
from framework.export.agreement import cost, violations
from framework.export.late import DYNAMIC, WEIGHT_ONLY, in_numbers, late
from framework.export.options import Bounds
from framework.export.quantising import channels_of, computation, quantised, quantised_weights
from framework.parallel import Precision
from tests.experiments.launch import ROOT, environment
from tests.export.small import learned_digits, ready
from tests.models.ready import MODELS

PLATFORMS = ("cpu", "cuda", "tpu")
with_qwix = pytest.mark.usefixtures("_qwix")


@pytest.fixture(scope="session")
def _qwix():
    pytest.importorskip("qwix", reason="whole numbers are made by qwix: pip install '.[quantize]'")


@pytest.fixture
def _every_kernel(monkeypatch):
    """Also kernels as small as those of the models in these tests."""
    monkeypatch.setattr(quantising, "FEWEST", 16)


@pytest.fixture(scope="module")
def digits():
    return learned_digits()


def restored(weights):
    """Floats of stored weights, by NumPy alone."""
    whole = {n.removesuffix(".int8") for n in weights if n.endswith(".int8")}
    floats = {n: w for n, w in weights.items() if n.rpartition(".")[0] not in whole}
    return floats | {
        name: weights[f"{name}.int8"].astype(np.float32) * weights[f"{name}.scale"]
        for name in whole
    }


def products(function, weights, inputs):
    """The types in which the program multiplies matrices and convolves, one for each product."""
    found = []

    def look(jaxpr):
        for equation in jaxpr.eqns:
            if equation.primitive.name in ("dot_general", "conv_general_dilated"):
                found.append([str(v.aval.dtype) for v in equation.invars])
            for inner in jaxprs_in_params(equation.params):
                look(inner)

    look(jax.make_jaxpr(function)(dict(weights), inputs).jaxpr)
    return found


KERNELS = arrays.arrays(
    np.float32,
    st.sampled_from([(1, 4, 3), (3, 2, 5)]),
    elements=st.floats(-1e4, 1e4, width=32, allow_subnormal=False),
)


@with_qwix
@settings(deadline=None, max_examples=50)
@given(KERNELS)
def test_a_number_moves_by_half_a_scale_at_most(kernel):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantising, "FEWEST", 1)
        axes = {"kernel": ("layers", "embed", "mlp")}
        stored = quantised_weights({"params/kernel": kernel}, axes, "int8")
    scale = stored["params/kernel.scale"]
    assert scale.shape == (kernel.shape[0], 1, kernel.shape[2])
    assert stored["params/kernel.int8"].dtype == np.int8
    off = np.abs(restored(stored)["params/kernel"] - kernel)
    assert (off <= scale / 2 + 1e-6 * np.abs(kernel)).all()


@pytest.mark.parametrize(
    ("name", "shape", "axes", "channels"),
    [
        ("params/head/kernel", (64, 16), ("mlp", "classes"), (1,)),
        ("params/conv/kernel", (3, 3, 16, 32), None, (3,)),
        ("params/query", (64, 4, 16), ("embed", "heads", "head_dim"), (1, 2)),
        ("params/output", (4, 16, 64), ("heads", "head_dim", "embed"), (2,)),
        ("params/blocks/up", (2, 64, 32), ("layers", "embed", "mlp"), (0, 2)),
        (
            "params/blocks/experts/up",
            (2, 4, 64, 32),
            ("layers", "expert", "embed", "mlp"),
            (0, 1, 3),
        ),
        ("params/embedding/table", (100, 64), ("vocab", "embed"), (0,)),
        ("params/positions", (64, 64), ("positions", "embed"), None),
        ("params/router", (512, 4), ("embed", "routes"), None),
        ("params/norm/scale", (2048,), ("embed",), None),
        ("params/blocks/norm/scale", (8, 512), ("layers", "embed"), None),
        ("params/conv/small", (3, 3, 1, 32), None, None),
        ("preprocess/projection", (64, 64), None, None),
        ("others/table", (64, 64), None, None),
    ],
)
def test_kernels_and_tables_get_scales_and_the_rest_is_kept(name, shape, axes, channels):
    named = {name.removeprefix("params/"): axes} if axes else {}
    assert channels_of(name, np.zeros(shape, np.float32), named) == channels


@with_qwix
def test_weights_take_a_quarter_and_brief_ones_half():
    weights = {"params/kernel": np.ones((256, 256), np.float32), "others/mean": np.ones(4)}
    whole = quantised_weights(weights, {}, "int8")
    brief = quantised_weights(weights, {}, "bfloat16")
    assert sum(w.nbytes for w in whole.values()) < 0.26 * weights["params/kernel"].nbytes
    assert brief["params/kernel"].dtype == ml_dtypes.bfloat16
    assert brief["others/mean"] is weights["others/mean"]


def test_the_computation_is_the_runs_own_but_in_float32_and_bfloat16():
    mixed = Precision(compute="bfloat16", output="bfloat16")
    assert computation("float32", mixed) == Precision()
    assert computation("bfloat16", Precision()).compute == "bfloat16"
    assert computation("int8_dynamic", mixed) == Precision(compute="bfloat16")


@with_qwix
@pytest.mark.usefixtures("_every_kernel")
@pytest.mark.parametrize("name", ["cnn_batch", "table", "transformer_moe"])
def test_weights_become_numbers_late_and_give_what_they_would_give_early(name):
    model, inputs, network = ready(name)
    stored = quantised_weights(model.weights, network.axes, "int8")
    assert any(n.endswith(".int8") for n in stored)
    late_ = jax.jit(late(model.function, WEIGHT_ONLY))(stored, inputs)
    early = jax.jit(model.function)(restored(stored), inputs)
    np.testing.assert_allclose(late_["probabilities"], early["probabilities"], atol=1e-6)


@with_qwix
@pytest.mark.usefixtures("_every_kernel")
@pytest.mark.parametrize(
    "name", [name for name in MODELS if name != "mlp_one" and "resnet" not in name]
)
def test_every_model_multiplies_whole_numbers(name):
    model, inputs, network = ready(name)
    whole = quantised(model, network.axes, "int8_dynamic")
    types = products(whole.function, whole.weights, inputs)
    assert ["int8", "int8"] in types
    # What is left in float: products of activations in attention, and the router's.
    assert all(pair in (["int8", "int8"], ["float32", "float32"]) for pair in types)
    assert types.count(["float32", "float32"]) <= 4
    assert in_numbers(model.function, whole.weights, inputs) == {}


@with_qwix
def test_a_weight_that_is_not_only_multiplied_is_named():
    weights = quantised_weights({"params/w": np.ones((64, 64), np.float32)}, {}, "int8")

    def function(weights, inputs):
        w = weights["params/w"]
        return {"y": inputs["x"] @ w + w.sum()}

    inputs = {"x": np.ones((2, 64), np.float32)}
    assert in_numbers(function, weights, inputs) == {"params/w": "reduce_sum"}
    found = late(function, DYNAMIC)(weights, inputs)["y"]
    np.testing.assert_allclose(found, 64 + 64 * 64, rtol=0.005)


@with_qwix
@pytest.mark.usefixtures("_every_kernel")
@pytest.mark.parametrize(
    ("name", "precision"),
    [("cnn_batch", "int8"), ("transformer", "int8_dynamic"), ("vit_class", "bfloat16")],
)
def test_one_program_is_for_every_platform_and_batch(name, precision):
    model, inputs, network = ready(name)
    whole = quantised(model, network.axes, precision)
    exported = jax.export.export(jax.jit(whole.function), platforms=PLATFORMS)(
        whole.weight_shapes, whole.symbolic_inputs()
    )
    call = jax.export.deserialize(exported.serialize()).call
    some = {n: x[:3] for n, x in inputs.items()}
    expected = jax.jit(whole.function)(whole.weights, some)["probabilities"]
    found = jax.jit(call)(whole.weights, some)["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@with_qwix
@pytest.mark.parametrize("precision", ["bfloat16", "int8", "int8_dynamic"])
def test_what_has_learned_digits_loses_little(digits, precision):
    model, inputs, network, labels = digits
    whole = quantised(model, network.axes, precision)
    run, export = (
        {n: np.asarray(a) for n, a in jax.jit(one.function)(one.weights, inputs).items()}
        for one in (model, whole)
    )
    found = cost("class", [run], [export], [labels])
    bounds = Bounds(
        accuracy_drop=0.01, calibration_increase=0.01, agreement=0.98, loss_increase=0.05
    )
    assert violations(found, bounds) == ()
    assert (run["probabilities"] != export["probabilities"]).any()


@with_qwix
def test_a_program_of_whole_numbers_needs_no_qwix(digits, tmp_path):
    model, inputs, network, _ = digits
    whole = quantised(model, network.axes, "int8_dynamic")
    exported = jax.export.export(jax.jit(whole.function))(
        whole.weight_shapes, whole.symbolic_inputs()
    )
    (tmp_path / "program").write_bytes(exported.serialize())
    expected = jax.jit(whole.function)(whole.weights, inputs)["probabilities"]
    np.savez(tmp_path / "arrays.npz", **whole.weights, x=inputs["features"], expected=expected)
    code = """
import sys
sys.modules["qwix"] = sys.modules["flax"] = None
import jax, jax.export, numpy as np
with np.load("arrays.npz") as file:
    weights = dict(file)
x, expected = weights.pop("x"), weights.pop("expected")
call = jax.export.deserialize(bytearray(open("program", "rb").read())).call
found = call(weights, {"features": x})["probabilities"]
assert np.abs(found - expected).max() < 1e-5
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment(), check=True)


def test_nothing_imports_qwix_before_whole_numbers_are_asked_for():
    code = (
        "import sys, framework.export.quantising, framework.export.late\n"
        "assert 'qwix' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(), check=True)


def test_without_qwix_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "qwix", None)
    weights = {"params/kernel": np.ones((64, 64), np.float32)}
    with pytest.raises(InvalidConfig, match=r"export.precision.*quantize"):
        quantised_weights(weights, {}, "int8")
    assert quantised_weights(weights, {}, "bfloat16")["params/kernel"].nbytes == 64 * 64 * 2
