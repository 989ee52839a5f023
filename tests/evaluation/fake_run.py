"""Run directories with random but plausible contents, in the formats that real runs write."""

import json
from pathlib import Path

import numpy as np

from framework.evaluation import evaluate, write_evaluation
from framework.spec import Field, Labels, Spec
from framework.stats import classification_metrics, multi_label_metrics, regression_metrics

CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


class Measured:
    """A task as evaluation sees it."""

    def metrics(self, predictions, labels, spec):
        kind, names = spec.labels.kind, spec.labels.names
        if kind == "class":
            return classification_metrics(predictions["probabilities"], labels, names)
        if kind == "multi_label":
            return multi_label_metrics(predictions["probabilities"], labels, names)
        return regression_metrics(predictions["predictions"], labels, names)


def image_spec(kind, names):
    return Spec(Field((28, 28, 1), "float32"), Labels(kind, tuple(names)))


def table_spec(kind, names):
    numbers = Field((3,), "float32", names=("age", "income", "hours"))
    categories = Field((1,), "int32", vocabulary=(5,), names=("sector",))
    return Spec({"numbers": numbers, "categories": categories}, Labels(kind, tuple(names)))


def gather_images(indices):
    """Discs of a radius that the position decides, uint8 [b, 28, 28, 1]."""
    y, x = np.mgrid[:28, :28] - 13.5
    radius = 4 + np.asarray(indices)[:, None, None] % 9
    discs = 255 * np.clip(radius - np.hypot(x, y), 0, 1)
    return {"inputs": discs.astype(np.uint8)[..., None]}


def gather_table(indices):
    at = np.asarray(indices, np.float32)
    numbers = np.stack([20 + at % 50, 1000 * at, at % 60], axis=1)
    return {"inputs": {"numbers": numbers, "categories": (at[:, None] % 5).astype(np.int32)}}


def class_predictions(examples, classes, seed=0):
    """Probabilities of a model that confuses neighbouring classes, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, examples)
    logits = rng.normal(0, 1, (examples, classes))
    logits[np.arange(examples), labels] += 4 - (labels % 4 == 2)
    logits[np.arange(examples), (labels + max(1, classes // 3)) % classes] += 1.5
    odds = np.exp(2.4 * (logits - logits.max(axis=1, keepdims=True)))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32), labels.astype(np.int32)


def label_predictions(examples, names, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.beta(0.4, 0.8, (examples, len(names))).astype(np.float32)
    return p, (rng.random(p.shape) < 0.1 + 0.8 * p).astype(np.float32)


def number_predictions(examples, names, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.gamma(3, 20, (examples, len(names))).astype(np.float32)
    return labels + rng.normal(0, 9, labels.shape).astype(np.float32), labels


def batches(outputs, labels, size=64):
    """Evaluation batches whose inputs are the outputs, the last one padded and masked."""
    for start in range(0, len(labels), size):
        rows = np.arange(start, start + size)
        at = np.minimum(rows, len(labels) - 1)
        yield {
            "inputs": outputs[at],
            "labels": labels[at],
            "index": at.astype(np.int32),
            "mask": rows < len(labels),
        }


def write_run(run: Path, spec=None, outputs=None, labels=None, gather=None, split="test"):
    """A run directory; without `spec` one that was not evaluated yet."""
    run.mkdir(parents=True, exist_ok=True)
    (run / "config.yaml").write_text(CONFIG)
    (run / "overrides.yaml").write_text("- experiment=fashion\n- optimizer.learning_rate=0.002\n")
    (run / "environment.json").write_text(json.dumps(ENVIRONMENT))
    (run / "data.json").write_text(json.dumps(DATA))
    (run / "model.json").write_text(json.dumps(MODEL))
    (run / "metrics.jsonl").write_text("\n".join(map(json.dumps, history())) + "\n")
    (run / "summary.json").write_text('{"complete": true, "step": 2000, "stopped": null}')
    if spec is not None:
        name = "predictions" if spec.labels.kind == "number" else "probabilities"
        evaluation = evaluate(
            lambda batch: {name: batch["inputs"]},
            batches(outputs, labels),
            Measured(),
            spec,
            split,
        )
        write_evaluation(run / "evaluation" / split, evaluation, spec, gather)
    return run


def history(steps=2000, every=4):
    rng = np.random.default_rng(1)
    for step in range(every, steps + 1, every):
        decay = np.exp(-step / 300)
        line = {
            "step": step,
            "loss": float(0.3 + 2 * decay + rng.normal(0, 0.05)),
            "learning_rate": 0.002 * min(1, step / 100) * (1 - step / steps),
            "gradient_norm": float(np.exp(rng.normal(0, 0.3)) * (0.4 + 4 * decay)),
            "examples_per_second": float(60_000 + rng.normal(0, 2000)),
            "steps_per_second": float(60 + rng.normal(0, 2)),
        }
        if step % 200 == 0:
            line |= {
                "validation/log_loss": 0.36 + 2 * decay,
                "validation/accuracy": 0.88 - 0.7 * decay,
                "validation/precision/Shirt": 0.5,
            }
        yield line


CONFIG = """\
name: fashion
seed: 0
data:
  _target_: framework.data.idx
  path: /data/<fashion>
model:
  _target_: framework.models.CNN
  channels: [32, 64]
optimizer:
  learning_rate: 0.002
trainer:
  steps: 2000
"""
ENVIRONMENT = {
    "command": [
        "/somewhere/experiments/run.py",
        "experiment=fashion",
        "optimizer.learning_rate=0.002",
    ],
    "python": "3.11.2",
    "platform": "Linux-6.1-x86_64",
    "processors": 2,
    "packages": {"framework": "0.1.0", "jax": "0.10.2", "flax": "0.12.8", "numpy": "2.4.6"},
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "uncommitted_changes": True,
    "executable": "/somewhere/bin/python",
}
DATA = {
    "name": "fashion_mnist",
    "fingerprint": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "splits": {"train": 55000, "validation": 5000, "test": 10000},
    "labels": {"kind": "class", "names": list(CLOTHES)},
}
MODEL = [
    {
        "path": "blocks/0/conv/kernel",
        "shape": [3, 3, 1, 32],
        "axes": ["height", "width", "channels_in", "channels_out"],
        "bytes": 1152,
    },
    {"path": "blocks/0/conv/bias", "shape": [32], "axes": ["channels_out"], "bytes": 128},
    {"path": "head/kernel", "shape": [3136, 10], "axes": ["features", "classes"], "bytes": 125440},
]
