"""The next token out of a language model's logits."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def sample(
    logits: Float[Array, "batch vocabulary"],
    key: jax.Array,
    temperature: float | jax.Array = 1.0,
    top_k: int | None = None,
    top_p: float | jax.Array | None = None,
) -> Int[Array, " batch"]:
    """One token for each row, drawn from softmax(logits / temperature).

    Temperature 0 takes the most probable token. `top_k` keeps so many of the most probable
    tokens (Fan et al., arXiv:1805.04833); `top_p` the fewest whose probability, at this
    temperature, reaches it (Holtzman et al., arXiv:1904.09751), and at least one.
    """
    logits = logits.astype(jnp.float32)
    greedy = logits.argmax(-1)
    temperature = jnp.asarray(temperature, jnp.float32)
    warm = logits / jnp.where(temperature > 0, temperature, 1)
    if top_k is not None and top_k < logits.shape[-1]:
        least = jax.lax.top_k(warm, top_k)[0][:, -1:]
        warm = jnp.where(warm < least, -jnp.inf, warm)
    if top_p is not None:
        falling = jnp.sort(warm, -1)[:, ::-1]
        before = jnp.cumsum(jax.nn.softmax(falling), -1) - jax.nn.softmax(falling)
        count = jnp.maximum((before < top_p).sum(-1, keepdims=True), 1)
        least = jnp.take_along_axis(falling, count - 1, -1)
        warm = jnp.where(warm < least, -jnp.inf, warm)
    drawn = jax.random.categorical(key, warm)
    return jnp.where(temperature > 0, drawn, greedy).astype(jnp.int32)
