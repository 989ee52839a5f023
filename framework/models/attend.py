"""Attention by XLA or by cuDNN's fused kernel.

cuDNN's (`attention: cudnn`) never stores the scores [heads, sequence, sequence]. It takes
float16 or bfloat16 on an NVIDIA GPU of compute capability 8 or more, heads of a width that is
a multiple of 8 and at most 128 (256 from Hopper on), sequences of an even length, and no mesh
that divides sequences. Causality is its own; segments reach it as a bias [batch, 1, sequence,
sequence], since `jax.nn.dot_product_attention` has no argument for the offsets of segments.
`auto` takes it wherever all of this holds, `cudnn` says what is missing, `xla` is for anywhere.

Which device that is, the mesh says under which a program is traced (`jax.set_mesh`); without
one, as in the checks and in generation, XLA computes attention.
"""

from typing import Literal

import jax
import jax.numpy as jnp

from framework.config import InvalidConfig, Problem
from framework.models.axes import SEQUENCE
from framework.models.platform import mesh_platform
from framework.parallel import divided

AttentionKernel = Literal["auto", "xla", "cudnn"]


def attend(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    mask: jax.Array | None,
    *,
    causal: bool,
    kernel: AttentionKernel,
) -> jax.Array:
    """Softmax of scaled scores times values, with the softmax in float32.

    Args:
        query: [batch, queries, heads, head_dim].
        key, value: [batch, keys, kv_heads, head_dim]; each of them serves heads / kv_heads.
        mask: bool, broadcastable to [batch, heads, queries, keys]; True where a query sees.
        causal: a query sees the keys up to its own place.

    Raises:
        InvalidConfig: cuDNN is asked for and cannot do it.
    """
    use: Literal["xla", "cudnn"] = "xla"
    if kernel != "xla" and mesh_platform() is not None:
        obstacle = _obstacle(query, key)
        if kernel == "cudnn" and obstacle is not None:
            expected = f"what cuDNN's attention can do ({obstacle})"
            raise InvalidConfig(
                Problem("model.attention", kernel, expected, "choose model.attention=auto")
            )
        use = "xla" if obstacle else "cudnn"
    seen: jax.Array = jax.nn.dot_product_attention(
        query, key, value, mask=mask, is_causal=causal, implementation=use
    )
    return seen


def _obstacle(query: jax.Array, key: jax.Array) -> str | None:
    """Why cuDNN cannot compute this; None where it can."""
    if mesh_platform() not in ("gpu", "cuda"):
        return f"it runs on NVIDIA GPUs, not on {mesh_platform()}"
    capability = float(getattr(jax.local_devices()[0], "compute_capability", 0))
    widest = 256 if capability >= 9 else 128
    lengths, width = (query.shape[1], key.shape[1]), query.shape[-1]
    if capability < 8:
        return f"it takes GPUs of compute capability 8 or more, not {capability:g}"
    if query.dtype not in (jnp.float16, jnp.bfloat16):
        return f"it takes float16 or bfloat16, not {query.dtype}: choose precision=mixed"
    if width % 8 or width > widest:
        return f"it takes heads of a multiple of 8 up to {widest}, not {width}"
    if lengths[0] % 2 or lengths[1] % 2:
        return f"it takes sequences of an even length, not {lengths[0]} and {lengths[1]}"
    if divided(SEQUENCE):
        return "the mesh divides sequences, which it does not take"
    return None
