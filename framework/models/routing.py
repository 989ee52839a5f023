"""Which tokens go to which experts, and the losses that keep a router in order."""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Routes(NamedTuple):
    """The experts of each token, best first.

    `experts` int [batch, sequence, chosen], `weights` float32 of the same shape, `scores`
    float32 [batch, sequence, experts] of all experts, `present` bool [batch, sequence].
    """

    experts: jax.Array
    weights: jax.Array
    scores: jax.Array
    present: jax.Array

    @classmethod
    def of(cls, logits: jax.Array, chosen: int, present: jax.Array | None) -> "Routes":
        """The `chosen` best by `logits` [batch, sequence, experts]; all are there for None."""
        scores = jax.nn.softmax(logits.astype(jnp.float32), -1)
        weights, experts = _best(scores, chosen)
        if chosen > 1:
            weights = weights / weights.sum(-1, keepdims=True)
        if present is None:
            present = jnp.ones(logits.shape[:2], bool)
        return cls(experts, weights, scores, present)


class Places(NamedTuple):
    """Where tokens lie in the experts' buffers of so many places each.

    `sources` int [batch, count * capacity]: the token in each place; any where it is empty.
    `targets` int [batch, sequence * chosen]: the place of each choice of each token, which
    counts where `found` of the same shape is True.
    """

    sources: jax.Array
    targets: jax.Array
    found: jax.Array


def places(routes: Routes, capacity: int) -> Places:
    """Gives out `capacity` places of each expert in a row, token by token, until it is full."""
    count = routes.scores.shape[-1]
    batch, length, chosen = routes.experts.shape
    experts = routes.experts.reshape(batch, length * chosen)
    present = jnp.repeat(routes.present, chosen, axis=1)
    wants = jax.nn.one_hot(experts, count, dtype=jnp.int32) * present[..., None]
    rank = ((jnp.cumsum(wants, 1) - wants) * wants).sum(-1)
    found = present & (rank < capacity)
    targets = jnp.where(found, experts * capacity + rank, 0)
    tokens = jnp.arange(length * chosen, dtype=jnp.int32) // chosen
    empty = jnp.zeros(count * capacity, jnp.int32)
    # Choices without a place are written behind the end, which is nowhere.
    sources = jax.vmap(lambda target: empty.at[target].set(tokens, mode="drop"))(
        jnp.where(found, targets, count * capacity)
    )
    return Places(sources, targets, found)


def balance(routes: Routes) -> jax.Array:
    """count * sum over experts of (share of choices) * (mean score): 1 where all are even.

    The loss of arXiv:2101.03961, with the share taken over all choices of a token. It is computed
    for each row of the batch and averaged over rows, so that it is the same however a batch
    is divided or accumulated. A row of padding alone gives 0.
    """
    count = routes.scores.shape[-1]
    there = routes.present.astype(jnp.float32)
    chosen = jax.nn.one_hot(routes.experts, count, dtype=jnp.float32).mean(2)
    share = _mean(chosen, there)
    return (count * (jax.lax.stop_gradient(share) * _mean(routes.scores, there)).sum(-1)).mean()


def z_loss(logits: jax.Array, present: jax.Array | None) -> jax.Array:
    """The mean over rows of each row's mean of logsumexp(logits)², arXiv:2202.08906."""
    square = jnp.square(jax.nn.logsumexp(logits, -1))[..., None]
    there = jnp.ones(logits.shape[:2]) if present is None else present.astype(jnp.float32)
    return _mean(square, there).mean()


def _mean(values: jax.Array, there: jax.Array) -> jax.Array:
    """Of [batch, sequence, n] over the tokens that are there: [batch, n]."""
    total = jnp.einsum("bsn,bs->bn", values, there)
    return total / jnp.maximum(there.sum(1), 1)[:, None]


def _best(scores: jax.Array, chosen: int) -> tuple[jax.Array, jax.Array]:
    """As `jax.lax.top_k`, for which XLA gathers the scores of the whole batch on each device."""
    left, weights, experts = scores, [], []
    for _ in range(chosen):
        best = jnp.argmax(left, -1)
        taken = jax.nn.one_hot(best, scores.shape[-1], dtype=bool)
        weights.append(jnp.where(taken, scores, 0).sum(-1))
        experts.append(best.astype(jnp.int32))
        left = jnp.where(taken, -1, left)
    return jnp.stack(weights, -1), jnp.stack(experts, -1)
