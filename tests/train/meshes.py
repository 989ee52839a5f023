"""One small case of each kind of model, on every ready-made mesh."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optax
import yaml

from framework.data import Identity, Images
from framework.models import CNN, Network, Transformer, VisionTransformer
from framework.optim import Constant, Optimizer
from framework.parallel import MeshOptions, Precision, build_mesh
from framework.spec import Field
from framework.tasks import Classification, LanguageModeling
from framework.train.experiment import build_model
from framework.train.program import Program
from framework.train.state import Values
from tests.train.small import CLASSES, IMAGE, Small, batches

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "mesh"
MESHES = sorted(file.stem for file in FOLDER.glob("[!_]*.yaml"))
ROWS, LENGTH, VOCABULARY = 16, 16, 24
TOKENS = {
    "tokens": Field((LENGTH,), "int32", vocabulary=(VOCABULARY,)),
    "positions": Field((LENGTH,), "int32"),
    "segments": Field((LENGTH,), "int32"),
}
TRANSFORMER = partial(Transformer, layers=2, width=16, heads=4, kv_heads=2, mlp_width=32)
MODELS = {
    "cnn": partial(CNN, channels=(8,), convolutions=1, dense=16),
    "vit": partial(VisionTransformer, patch=2, layers=2, width=16, heads=4, mlp_width=32),
    "transformer": TRANSFORMER,
    "transformer_moe": partial(TRANSFORMER, experts=4, experts_per_token=2, capacity_factor=1.25),
}
TEXT = ("transformer", "transformer_moe")


def mesh_options(name: str) -> MeshOptions:
    """The ready-made mesh `name`, from its file."""
    files = (FOLDER / "_base.yaml", FOLDER / f"{name}.yaml")
    settings: dict[str, Any] = {}
    for file in files:
        settings |= yaml.safe_load(file.read_text(encoding="utf-8"))
    rules = {k: tuple(v) if isinstance(v, list) else v for k, v in settings["rules"].items()}
    settings |= {"rules": rules, "replicate_if_uneven": tuple(settings["replicate_if_uneven"])}
    return MeshOptions(**{k: v for k, v in settings.items() if k not in ("_target_", "defaults")})


@functools.cache
def case(
    model: str, mesh: str = "single", *, accumulate: int = 1, devices: int | None = None,
    **changes: Any,
) -> Small:  # fmt: skip
    """The program of one of `MODELS` on a ready-made mesh; made once for all tests.

    Args:
        devices: so many instead of those that the mesh takes.
        changes: to the model's arguments.
    """
    inputs: Field | Mapping[str, Field] = TOKENS if model in TEXT else IMAGE
    outputs = VOCABULARY if model in TEXT else CLASSES
    supplied = {"inputs": inputs, "outputs": outputs}
    build = partial(MODELS[model], **changes)
    network = Network.of(lambda rngs: build_model(build, supplied, rngs))
    options = mesh_options(mesh)
    options = replace(options, devices=devices or options.devices)
    values = Values(
        task=LanguageModeling() if model in TEXT else Classification(),
        optimizer=Optimizer(1e-2, optax.scale_by_adam, weight_decay=0.1, clip_norm=1.0),
        schedule=Constant(warmup=5),
        preprocess=Identity() if model in TEXT else Images(mean=128.0, std=64.0),
        average_decay=0.9,
    )
    program = Program(network, Precision(), options, build_mesh(options), 40, accumulate)
    return Small(program, values)


def batches_for(model: str, count: int) -> list[dict[str, Any]]:
    """Images whose rows say the class; or packed text in which each token says the next."""
    if model not in TEXT:
        return batches(count)
    random = np.random.default_rng(0)
    return [_text(random) for _ in range(count)]


def _text(random: np.random.Generator) -> dict[str, Any]:
    tokens = random.integers(0, VOCABULARY, (ROWS, LENGTH), np.int32)
    tokens[:, 1::2] = (tokens[:, ::2] * 5 + 3) % VOCABULARY
    cuts = random.integers(2, LENGTH - 1, ROWS)
    place = np.arange(LENGTH)[None]
    second = place >= cuts[:, None]
    padding = place >= LENGTH - random.integers(0, 3, ROWS)[:, None]
    positions = np.where(second, place - cuts[:, None], place)
    labels = np.concatenate([tokens[:, 1:], tokens[:, :1]], 1)
    last = (place == cuts[:, None] - 1) | (place == LENGTH - 1)
    return {
        "inputs": {
            "tokens": tokens,
            "positions": np.where(padding, 0, positions).astype(np.int32),
            "segments": np.where(padding, 0, 1 + second).astype(np.int32),
        },
        "labels": np.where(padding | last, -1, labels).astype(np.int32),
        "bytes": np.full(ROWS, LENGTH, np.int32),
        "index": np.arange(ROWS, dtype=np.int32),
    }
