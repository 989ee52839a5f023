"""What a model makes of an example just before its head: the embedding."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

HEAD, LAST_NORM = "head", "norm"


def with_embedding(model: Any, inputs: Any) -> tuple[jax.Array, jax.Array]:
    """The model's outputs, and the embedding float32 [batch, width] of each example.

    The embedding is what goes into the submodule `head`, or where there is none (a transformer
    that scores tokens with its own table) what comes out of `norm`; of a model without either,
    its outputs. Of a sequence it is the mean over the places that are no padding (`segments`
    above 0).

    Call it while tracing, with a module that is bound for this call alone.
    """
    kept: list[jax.Array] = []
    head, norm = (getattr(model, name, None) for name in (HEAD, LAST_NORM))

    def before_head(x: jax.Array) -> Any:
        kept.append(x)
        return head(x)  # type: ignore[misc]

    def after_norm(x: jax.Array) -> Any:
        kept.append(norm(x))  # type: ignore[misc]
        return kept[-1]

    if head is not None:
        object.__setattr__(model, HEAD, before_head)
    elif norm is not None:
        object.__setattr__(model, LAST_NORM, after_norm)
    outputs = model(inputs, train=False)
    return outputs, _pooled(kept[-1] if kept else outputs, inputs).astype(jnp.float32)


def _pooled(x: jax.Array, inputs: Any) -> jax.Array:
    if x.ndim < 3:
        return x
    places = x.reshape(x.shape[0], -1, x.shape[-1])
    if not isinstance(inputs, Mapping) or "segments" not in inputs:
        return places.mean(1)
    counted = (inputs["segments"] > 0).astype(jnp.float32)[..., None]
    mean: jax.Array = (places * counted).sum(1) / jnp.maximum(counted.sum(1), 1)
    return mean
