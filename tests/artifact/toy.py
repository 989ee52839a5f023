"""A small artifact made by hand: nearest of three prototypes to an image of 2 × 3 pixels."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from framework.artifact import Argument, Input, Output, Signature
from framework.artifact.weights import write_weights
from framework.export.stablehlo import write_program
from framework.manifest import write_manifest

CLASSES = ("flat", "left", "right")
PROTOTYPES = np.asarray([[5, 5, 5, 5, 5, 5], [9, 5, 1, 9, 5, 1], [1, 5, 9, 1, 5, 9]], np.float32)
SIGNATURE = Signature(
    {"image": Input((2, 3), "uint8", "pixels", (0, 10))},
    {
        "probabilities": Output((3,), "float32", "probability", CLASSES),
        "class": Output((), "string", "the most probable class", CLASSES),
        "score": Output((), "float32", "its probability"),
    },
    {"image": Argument((2, 3), "uint8", ("image",))},
)


def expected(images: np.ndarray) -> np.ndarray:
    """The probabilities, by NumPy."""
    rows = images.reshape(len(images), 6).astype(np.float64)
    logits = -((rows[:, None] - PROTOTYPES) ** 2).sum(-1) / 20
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def function(weights: Any, inputs: Any) -> Any:
    rows = inputs["image"].reshape(-1, 6).astype(jnp.float32)
    distance = jnp.square(rows[:, None] - weights["params/prototypes"]).sum(-1)
    return {"probabilities": jax.nn.softmax(-distance / 20)}


def about(**changes: Any) -> dict[str, Any]:
    """What its manifest says."""
    return {
        "artifact_format": 1, "name": "toy", "kind": "class", "precision": "float32",
        "signature": SIGNATURE.json(), "weights": ["weights/weights.safetensors"],
        "programs": {
            "predict": {"file": "programs/predict.stablehlo", "platforms": ["cpu", "cuda", "tpu"]}
        },
        "batch_sizes": [1, 4], **changes,
    }  # fmt: skip


def write(folder: Path, **changes: Any) -> Path:
    """The artifact in `folder`."""
    (folder / "weights").mkdir(parents=True)
    weights = {"params/prototypes": PROTOTYPES}
    write_weights(folder / "weights" / "weights.safetensors", weights)
    (batch,) = jax.export.symbolic_shape("batch")
    write_program(
        folder / "programs" / "predict.stablehlo", function,
        {name: jax.ShapeDtypeStruct(w.shape, w.dtype) for name, w in weights.items()},
        {"image": jax.ShapeDtypeStruct((batch, 2, 3), np.uint8)},
    )  # fmt: skip
    write_manifest(folder, about(**changes))
    return folder
