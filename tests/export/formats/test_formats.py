"""Each format says what JAX says, at any batch; what it cannot hold is refused in one line."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from framework.config import InvalidConfig
from framework.export.exportable import Exportable
from framework.export.formats import FORMATS, lacking, open_format, write_format
from tests.export.formats.models import examples, exportable
from tests.models.ready import MODELS

BOUND = 1e-5
# TensorFlow alone takes ten seconds to import.
HEAVY = {"savedmodel", "litert"}
QUICK = {"vit", "table"}
KINDS = [name for name in MODELS if name not in ("resnet34", "resnet50")]  # as resnet18, deeper


REFUSED = {("onnx", "transformer_moe"): "scatter", ("litert", "transformer_moe"): "gather"}


def _long(is_long: bool) -> Any:
    return pytest.mark.long if is_long else ()


@pytest.fixture(params=[pytest.param(name, marks=_long(name in HEAVY)) for name in FORMATS])
def form(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if problems := lacking(name):
        pytest.skip(str(problems[0]))
    return name


@pytest.mark.parametrize("model", [pytest.param(n, marks=_long(n not in QUICK)) for n in KINDS])
def test_agrees_with_jax_at_any_batch(form: str, model: str, tmp_path: Path):
    made = exportable(model)
    if why := REFUSED.get((form, model)):
        with pytest.raises(InvalidConfig, match=why):
            write_format(form, made, tmp_path)
        return
    file = write_format(form, made, tmp_path / "made")
    assert file == tmp_path / "made" / FORMATS[form].FILE
    predict = open_format(form, file.parent)
    for batch in (1, 3, 64):
        inputs = examples(made, batch)
        wanted = made.function(dict(made.weights), inputs)
        found = predict(inputs)
        assert found.keys() == made.outputs.keys()
        for name, one in made.outputs.items():
            assert found[name].shape == (batch, *one.shape)
            assert found[name].dtype == one.dtype
            assert _difference(wanted[name], found[name]) < BOUND


def test_the_weights_are_in_it(form: str, tmp_path: Path):
    made = exportable("mlp")
    predict = open_format(form, write_format(form, made, tmp_path).parent)
    inputs = examples(made, 2)
    others = {
        name: 0 * array if name.startswith("params/") else array
        for name, array in made.weights.items()
    }
    without = made.function(others, inputs)["probabilities"]
    assert _difference(without, predict(inputs)["probabilities"]) > BOUND


def test_what_a_format_cannot_hold_is_refused_in_one_line(form: str, tmp_path: Path):
    def called(weights: object, inputs: dict[str, jax.Array]) -> dict[str, jax.Array]:
        shape = jax.ShapeDtypeStruct(inputs["x"].shape, jnp.float32)
        return {"y": jax.pure_callback(np.sin, shape, inputs["x"])}

    row = {"x": jax.ShapeDtypeStruct((2,), np.float32)}
    with pytest.raises(InvalidConfig, match=rf"export\.formats={form}: .*stablehlo") as raised:
        write_format(form, Exportable(called, {}, row, {"y": row["x"]}), tmp_path)
    assert "\n" not in str(raised.value)


def test_a_missing_package_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InvalidConfig) as raised:
        write_format("onnx", exportable("mlp"), Path())
    assert str(raised.value) == (
        "export.formats=onnx: expected a format whose packages are installed "
        '(jax2onnx, onnx, onnxruntime missing); pip install "framework[onnx]"'
    )


def test_importing_the_formats_imports_no_runtime():
    heavy = ("tensorflow", "onnx", "onnxruntime", "jax2onnx", "ai_edge_litert")
    code = f"import sys, framework.export.formats; print([m for m in {heavy} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_converting_leaves_jax_as_it_was(tmp_path: Path):
    if problems := lacking("onnx"):
        pytest.skip(str(problems[0]))
    before = dict(vars(jnp))
    write_format("onnx", exportable("mlp"), tmp_path)
    assert {name: vars(jnp)[name] for name in before} == before


def test_a_full_disk_is_not_taken_for_a_format_that_cannot(tmp_path: Path, monkeypatch):
    def full(exportable: Exportable, folder: Path) -> Path:
        raise OSError(28, "No space left on device")

    form = replace_write("onnx", full, monkeypatch)
    with pytest.raises(OSError, match="No space"):
        write_format(form, replace(exportable("mlp"), weights={}), tmp_path)


def replace_write(name: str, write: object, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(FORMATS[name], "write", write)
    monkeypatch.setattr("framework.export.formats.lacking", lambda name: [])
    return name


def _difference(a: object, b: np.ndarray) -> float:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float((np.abs(a - b) / np.maximum(1, np.abs(a))).max())
