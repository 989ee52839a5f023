"""Small instances of every ready-made model, and how to build them."""

from typing import Any

import jax
import jax.numpy as jnp

from framework.models import CNN, MLP, Network, ResNet, TableModel, Transformer, VisionTransformer
from framework.spec import Field
from tests.models.text import fields, packed

IMAGE = Field((12, 12, 3), "float32")
TABLE = {
    "numeric": Field((2,), "float32", names=("age", "income")),
    "categorical": Field((3,), "int32", vocabulary=(4, 2, 7), names=("a", "b", "c")),
}
OUTPUTS = 5
TEXT = fields(vocabulary=OUTPUTS)
BLOCKS = {"layers": 2, "width": 8, "heads": 4, "mlp_width": 6}

MODELS: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "mlp": (MLP, {"widths": (8, 6), "dropout": 0.5}, IMAGE),
    "mlp_one": (MLP, {"widths": (), "activation": "gelu"}, Field((3,), "float32")),
    "cnn_batch": (CNN, {"channels": (4, 6), "dense": 8, "dropout": 0.5}, IMAGE),
    "cnn_group": (CNN, {"channels": (4,), "norm": "group", "dense": None}, IMAGE),
    "cnn_none": (CNN, {"channels": (4,), "norm": "none", "convolutions": 1}, IMAGE),
    "resnet18": (ResNet, {"depth": 18, "width": 4, "dropout": 0.5}, IMAGE),
    "resnet34": (ResNet, {"depth": 34, "width": 4, "norm": "group", "stem": "cifar"}, IMAGE),
    "resnet50": (ResNet, {"depth": 50, "width": 4, "norm": "group"}, IMAGE),
    "table": (TableModel, {"embedding_width": 3, "width": 8, "dropout": 0.5}, TABLE),
    "transformer": (Transformer, BLOCKS | {"kv_heads": 2, "dropout": 0.5}, TEXT),
    "transformer_untied": (Transformer, BLOCKS | {"tied": False, "logit_cap": 9.0}, TEXT),
    "transformer_moe": (Transformer, BLOCKS | {"experts": 2, "experts_per_token": 1}, TEXT),
    "vit": (VisionTransformer, BLOCKS | {"dropout": 0.5}, IMAGE),
    "vit_class": (VisionTransformer, BLOCKS | {"pooling": "class", "patch": 6}, IMAGE),
    "table_numbers": (TableModel, {"width": 8, "depth": 1}, Field((4,), "float32")),
}


def network(name: str) -> Network:
    model, arguments, inputs = MODELS[name]
    return Network.of(lambda rngs: model(**arguments, inputs=inputs, outputs=OUTPUTS, rngs=rngs))


def example(inputs: Any, batch: int = 4, seed: int = 0) -> Any:
    """Random inputs for a field, or for each field of a mapping."""
    if inputs is TEXT:
        return jax.tree.map(
            jnp.asarray, packed(*[(5, 7), (12,)] * (batch // 2), vocabulary=OUTPUTS, seed=seed)
        )
    if not isinstance(inputs, Field):
        return {name: example(field, batch, seed) for name, field in inputs.items()}
    key = jax.random.key(seed)
    shape = (batch, *inputs.shape)
    if inputs.vocabulary:
        return jax.random.randint(key, shape, 0, jnp.array(inputs.vocabulary))
    return jax.random.normal(key, shape)
