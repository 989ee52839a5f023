"""Small artifacts: as large as a test needs, and as whole as an export makes them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from framework.manifest import write_manifest

METRICS = {
    "accuracy": 0.9, "accuracy/low": 0.88, "accuracy/high": 0.92,
    "log_loss": 0.3, "log_loss/low": 0.25, "log_loss/high": 0.35,
    "expected_calibration_error": 0.02, "expected_calibration_error/under_calibration": 0.015,
    "slice/small/accuracy": 0.85, "slice/large/accuracy": 0.95, "split": "test",
}  # fmt: skip
SECTIONS = (
    "Model details", "Intended use", "Training data", "Training procedure", "Evaluation results",
    "Calibration", "Limitations", "How to use and reproduce",
)  # fmt: skip
CARD = "# toy\n\n" + "".join(f"## {name}\n\nAll that there is to say.\n\n" for name in SECTIONS)


def about(**changes: Any) -> dict[str, Any]:
    """What the manifest of a small classifier says of it."""
    classes = ["no", "yes"]
    return {
        "artifact_format": 1, "name": "toy", "kind": "class", "precision": "float32",
        "model": {"target": "models.Toy", "parameters": 8, "weight_bytes": 32},
        "signature": {
            "inputs": {
                "x": {"shape": ["batch", 4], "dtype": "float32", "units": "", "range": [0, 1]}
            },
            "outputs": {
                "probabilities": {"shape": ["batch", 2], "dtype": "float32", "classes": classes}
            },
            "arguments": {
                "x": {"shape": ["batch", 4], "dtype": "float32", "inputs": ["x"], "stacked": False}
            },
        },
        "programs": {"predict": {"file": "programs/predict.stablehlo", "platforms": ["cpu"]}},
        "formats": {}, "weights": ["weights/weights.safetensors"], "batch_sizes": [1, 8],
        "run": {"directory": "runs/toy", "step": 10, "config_sha256": "c0ffee", "wandb": None},
        "commit": "1234567890abcdef", "uncommitted_changes": False,
        "data": {"name": "toys", "fingerprint": "f00d"},
        "versions": {"trained": {"jax": "0.10"}, "exported": {"jax": "0.10"}},
        "parity": [{
            "format": "stablehlo", "precision": "float32", "platform": "cpu", "examples": 1000,
            "largest_difference": 1e-7, "bound": 1e-5,
        }],
        "created": "2026-01-01T00:00:00+00:00",
    } | changes  # fmt: skip


def make_artifact(
    path: Path, seed: int = 0, *, metrics: dict[str, Any] | None = None, card: str = CARD,
    works: bool = False, examples: bool = True, **changes: Any,
) -> Path:  # fmt: skip
    """An artifact at `path`; another one for each seed.

    Args:
        works: it has a program and weights that can be loaded, not only files of such names.
        changes: of what the manifest says.
    """
    rng = np.random.default_rng(seed)
    files = {
        "metrics.json": json.dumps(METRICS if metrics is None else metrics).encode(),
        "calibration.json": b'{"method": "none"}',
        "model_card.md": card.encode(),
        "reference_profile/about.json": b"{}",
        "programs/predict.stablehlo": _program() if works else b"a program",
        "weights/weights.safetensors": _weights(rng) if works else rng.bytes(3000),
        "empty": b"",
    }
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    if examples:
        (path / "examples").mkdir()
        np.savez(path / "examples/inputs.npz", x=rng.random((20, 4), np.float32))
        np.savez(path / "examples/outputs.npz", probabilities=np.full((20, 2), 0.5, np.float32))
    write_manifest(path, about(**changes))
    return path


def _weights(rng: np.random.Generator) -> bytes:
    from safetensors.numpy import save

    return save({"kernel": rng.random((4, 2), np.float32)})


def _program() -> bytes:
    import jax
    import jax.numpy as jnp
    from jax import export

    def predict(weights, inputs):
        return {"probabilities": jax.nn.softmax(inputs["x"] @ weights["kernel"])}

    (batch,) = export.symbolic_shape("batch")
    weights = {"kernel": jax.ShapeDtypeStruct((4, 2), jnp.float32)}
    inputs = {"x": jax.ShapeDtypeStruct((batch, 4), jnp.float32)}
    return bytes(export.export(jax.jit(predict))(weights, inputs).serialize())
