"""A layout's directory is what its server loads."""

from pathlib import Path

import jax
import numpy as np
import pytest
import yaml

from framework.config import InvalidConfig
from framework.export.exportable import Exportable
from framework.export.formats import FORMATS, lacking, open_format, write_format
from framework.export.layout import SERVED, Served, served, server_name, write_configuration
from tests.export.formats.models import examples, exportable
from tests.models.ready import OUTPUTS

PLACES = {
    ("tfserving", "savedmodel"): "serving/tfserving/digits/1/saved_model.pb",
    ("triton", "onnx"): "serving/triton/digits/1/model.onnx",
    ("triton", "savedmodel"): "serving/triton/digits/1/model.savedmodel/saved_model.pb",
    ("kserve", "savedmodel"): "serving/kserve/models/1/saved_model.pb",
    ("kserve", "onnx"): "serving/kserve/models/digits/1/model.onnx",
}
SCALARS = Exportable(
    lambda weights, inputs: inputs,
    {},
    {"x": jax.ShapeDtypeStruct((), np.float32), "flag": jax.ShapeDtypeStruct((2,), bool)},
    {"y": jax.ShapeDtypeStruct((3, 4), np.int8)},
)


def test_the_files_stand_where_the_server_looks():
    for (layout, form), path in PLACES.items():
        assert (served(layout, [form], "digits").folder / FORMATS[form].FILE).as_posix() == path
    assert {(layout, form) for layout, forms in SERVED.items() for form in forms} == {*PLACES}


def test_the_first_format_that_the_server_runs_is_laid_out():
    assert served("triton", ["litert", "savedmodel", "onnx"], "m").format == "savedmodel"


def test_a_server_that_runs_none_of_the_formats_is_refused():
    with pytest.raises(InvalidConfig) as raised:
        served("tfserving", ["stablehlo", "onnx"], "digits")
    assert str(raised.value) == (
        "export.layout=tfserving: expected export.formats with savedmodel, which its server runs; "
        "choose export.formats=[savedmodel]"
    )


@pytest.mark.parametrize(
    ("name", "found"), [("digits", "digits"), ("My Run_2", "my-run-2"), ("2 x", "model-2-x")]
)
def test_names_are_those_that_kubernetes_takes(name: str, found: str):
    assert server_name(name) == found


def test_triton_is_told_names_types_and_shapes_without_the_batch(tmp_path: Path):
    place = served("triton", ["onnx"], "digits")
    (path,) = write_configuration(tmp_path, place, exportable("cnn_batch"), largest_batch=32)
    assert path == tmp_path / "serving/triton/digits/config.pbtxt"
    assert path.read_text().splitlines() == [
        'name: "digits"',
        'backend: "onnxruntime"',
        "max_batch_size: 32",
        'input { name: "image" data_type: TYPE_UINT8 dims: [ 12, 12, 3 ] }',
        'output { name: "embedding" data_type: TYPE_FP32 dims: [ 8 ] }',
        f'output {{ name: "probabilities" data_type: TYPE_FP32 dims: [ {OUTPUTS} ] }}',
        "dynamic_batching { }",
    ]


@pytest.mark.parametrize("form", SERVED["triton"])
def test_triton_s_own_reader_takes_the_configuration(form: str, tmp_path: Path):
    reason = "tritonclient has Triton's ModelConfig: pip install 'tritonclient[grpc]'"
    messages = pytest.importorskip("tritonclient.grpc.model_config_pb2", reason=reason)
    from google.protobuf import text_format

    (path,) = write_configuration(tmp_path, Served("triton", form, "m"), SCALARS, largest_batch=8)
    read = text_format.Parse(path.read_text(), messages.ModelConfig())
    assert (read.name, read.max_batch_size) == ("m", 8)
    assert read.platform == ("tensorflow_savedmodel" if form == "savedmodel" else "")
    number, flag = read.input
    assert (number.dims, number.reshape.shape, number.HasField("reshape")) == ([1], [], True)
    assert messages.DataType.Name(flag.data_type) == "TYPE_BOOL"
    assert not flag.HasField("reshape")
    (output,) = read.output
    assert (output.name, output.dims) == ("y", [3, 4])
    assert messages.DataType.Name(output.data_type) == "TYPE_INT8"


@pytest.mark.parametrize(
    ("form", "runtime", "wanted"),
    [
        ("onnx", "kserve-tritonserver", ("triton", "v2")),
        ("savedmodel", "kserve-tensorflow-serving", ("tensorflow", "v1")),
    ],
)
def test_kserve_is_told_runtime_and_storage(form: str, runtime: str, wanted, tmp_path: Path):
    place = served("kserve", [form], "My digits")
    *_, path = write_configuration(
        tmp_path, place, SCALARS, largest_batch=8, storage="s3://bucket/digits"
    )
    service = yaml.safe_load(path.read_text())
    assert (service["apiVersion"], service["kind"]) == (
        "serving.kserve.io/v1beta1",
        "InferenceService",
    )
    assert service["metadata"] == {"name": "my-digits"}
    model = service["spec"]["predictor"]["model"]
    assert model["runtime"] == runtime
    assert (model["modelFormat"]["name"], model["protocolVersion"]) == wanted
    assert model["storageUri"] == "s3://bucket/digits"
    assert (tmp_path / "serving/kserve/models/my-digits/config.pbtxt").exists() == (form == "onnx")


@pytest.mark.parametrize(
    ("layout", "form", "beside"),
    [
        ("triton", "onnx", ["serving/triton/digits/config.pbtxt"]),
        pytest.param("tfserving", "savedmodel", [], marks=pytest.mark.long),
        pytest.param(
            "kserve", "savedmodel", ["serving/kserve/inferenceservice.yaml"], marks=pytest.mark.long
        ),
    ],
)
def test_what_stands_in_a_layout_runs(layout, form: str, beside: list[str], tmp_path: Path):
    if problems := lacking(form):
        pytest.skip(str(problems[0]))
    made, place = exportable("mlp"), served(layout, [form], "digits")
    file = write_format(form, made, tmp_path / place.folder)
    assert file == tmp_path / PLACES[layout, form]
    written = write_configuration(tmp_path, place, made, largest_batch=8)
    assert written == [tmp_path / path for path in beside]
    predictions = open_format(form, tmp_path / place.folder)(examples(made, 2))
    assert predictions.keys() == made.outputs.keys()
