"""Where a format's files stand so that a model server loads the directory as it is.

| layout | below the artifact | loaded by |
|---|---|---|
| `tfserving` | `serving/tfserving/NAME/1/saved_model.pb` | TF Serving: `NAME` is its base path |
| `triton` | `serving/triton/NAME/config.pbtxt`, `NAME/1/model.onnx` | Triton's model repository |
| `kserve` | `serving/kserve/models/…`, `serving/kserve/inferenceservice.yaml` | KServe's runtimes |

KServe's `storageUri` is a copy of `models`, which has what its runtime expects: versions for TF
Serving (SavedModel), a model repository for Triton (ONNX). Sources: TF Serving's "Serving a
TensorFlow Model", Triton's "Model Repository" and "Model Configuration", KServe's
`serving.kserve.io/v1beta1` and its `ClusterServingRuntime`s.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import jax
import numpy as np

from framework.config import InvalidConfig, Problem
from framework.export.exportable import Exportable

Layout = Literal["tfserving", "triton", "kserve"]
SERVED: Mapping[str, tuple[str, ...]] = {
    "tfserving": ("savedmodel",),
    "triton": ("onnx", "savedmodel"),
    "kserve": ("onnx", "savedmodel"),
}
CONFIGURATION = "config.pbtxt"
SERVICE = "inferenceservice.yaml"
# KServe's own choices, TF Serving 2.6.2 and Triton 23.05, are too old for these programs.
TF_SERVING, TRITON = "2.21.0", "26.06-py3"
_TYPES = {"bool": "TYPE_BOOL", "float16": "TYPE_FP16", "bfloat16": "TYPE_BF16"}


@dataclass(frozen=True)
class Served:
    """One format of one model, as a server wants it.

    Attributes:
        name: of the model, for URLs and Kubernetes: see `server_name`.
    """

    layout: Layout
    format: str
    name: str

    @property
    def root(self) -> PurePosixPath:
        """Of all that the layout writes, below the artifact."""
        return PurePosixPath("serving", self.layout)

    @property
    def models(self) -> PurePosixPath:
        """What the server is given."""
        return self.root / "models" if self.layout == "kserve" else self.root

    @property
    def folder(self) -> PurePosixPath:
        """Where the format's files are written."""
        if self.format == "onnx":
            return self.models / self.name / "1"
        if self.layout == "triton":
            return self.models / self.name / "1" / "model.savedmodel"
        return self.models / "1" if self.layout == "kserve" else self.models / self.name / "1"

    @property
    def triton(self) -> bool:
        """Whether Triton is the server."""
        return self.layout == "triton" or self.format == "onnx"


def served(layout: Layout, formats: Sequence[str], name: str) -> Served:
    """The first of `formats` that the layout's server runs; the others stay in `programs`.

    Raises:
        InvalidConfig: it runs none of them.
    """
    runs = SERVED[layout]
    for form in formats:
        if form in runs:
            return Served(layout, form, server_name(name))
    expected = f"export.formats with {' or '.join(runs)}, which its server runs"
    raise InvalidConfig(
        Problem("export.layout", layout, expected, f"choose export.formats=[{runs[0]}]")
    )


def server_name(name: str) -> str:
    """`name` as servers and Kubernetes take it: letters in lower case, digits and `-`."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50].strip("-")
    return plain if plain[:1].isalpha() else f"model-{plain}".strip("-")


def write_configuration(
    artifact: Path,
    place: Served,
    exportable: Exportable,
    *,
    largest_batch: int,
    storage: str | None = None,
) -> list[Path]:
    """Writes what the server wants to know beside the format's files; returns the paths.

    Args:
        largest_batch: that Triton makes of requests.
        storage: KServe's `storageUri`, to which `models` is copied; None: `NAME` on a
            PersistentVolumeClaim `models`.
    """
    texts = {}
    if place.triton:
        file = place.models / place.name / CONFIGURATION
        texts[file] = _model_configuration(place, exportable, largest_batch)
    if place.layout == "kserve":
        storage = storage or f"pvc://models/{place.name}"
        texts[place.root / SERVICE] = _inference_service(place, storage)
    for file, text in texts.items():
        (artifact / file).parent.mkdir(parents=True, exist_ok=True)
        (artifact / file).write_text(text, encoding="utf-8")
    return [artifact / file for file in texts]


def _model_configuration(place: Served, exportable: Exportable, largest_batch: int) -> str:
    """Triton's `ModelConfig`. Shapes are without the batch, which `max_batch_size` stands for."""
    platform = {"onnx": 'backend: "onnxruntime"', "savedmodel": 'platform: "tensorflow_savedmodel"'}
    lines = [f'name: "{place.name}"', platform[place.format], f"max_batch_size: {largest_batch}"]
    for kind, arrays in (("input", exportable.inputs), ("output", exportable.outputs)):
        lines += [_tensor(kind, name, one) for name, one in arrays.items()]
    return "\n".join([*lines, "dynamic_batching { }", ""])


def _tensor(kind: str, name: str, one: jax.ShapeDtypeStruct) -> str:
    # Triton refuses an empty shape: one number for each example has the shape [1], made [].
    dims = ", ".join(map(str, one.shape)) or "1"
    reshape = "" if one.shape else " reshape { shape: [ ] }"
    return f'{kind} {{ name: "{name}" data_type: {_type(one)} dims: [ {dims} ]{reshape} }}'


def _type(one: jax.ShapeDtypeStruct) -> str:
    dtype = np.dtype(one.dtype)
    known = {"f": "TYPE_FP", "i": "TYPE_INT", "u": "TYPE_UINT"}
    return _TYPES.get(dtype.name) or f"{known[dtype.kind]}{8 * dtype.itemsize}"


def _inference_service(place: Served, storage: str) -> str:
    form, protocol = ("triton", "v2") if place.triton else ("tensorflow", "v1")
    runtime = "kserve-tritonserver" if place.triton else "kserve-tensorflow-serving"
    return f"""\
# Copy the directory `models` beside this file to storageUri, then: kubectl apply -f {SERVICE}
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {place.name}
spec:
  predictor:
    model:
      modelFormat:
        name: {form}
        version: "2"
      runtime: {runtime}
      runtimeVersion: "{TRITON if place.triton else TF_SERVING}"
      protocolVersion: {protocol}
      storageUri: "{storage}"
"""
