"""Equal layers as one module whose variables have a leading axis, run by one scan.

A program of any depth has the code of one layer, and compiles as fast.

Measured: loss and gradient of 4 layers 128 wide on 32 rows of 256 tokens, float32, two CPU cores
that other programs shared, so that times are the best of a few and good to some percent:

| unroll | remat | seconds, quiet | processor seconds, busy | temporaries |
|---|---|---|---|---|
| 1 | none | 2.80 | 2.84 | 923 MB |
| all | none | 2.24 | 2.48 | 895 MB |
| 1 | dots_no_batch | 2.13 | 2.45 | 357 MB |
| 1 | full | 2.21 | 2.40 | 274 MB |
| all | full | 3.09 | 2.81 | 851 MB |

A loop that stores everything pays for stacking it; one that stores little is as fast as no loop,
in less than half the memory. Without a loop XLA's CPU compiler does not save the memory that
rematerialisation is for. So `unroll` is 1, and language models have `remat: dots_no_batch`.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import jax
from flax import nnx

from framework.config import PositiveInt
from framework.models.axes import LAYERS
from framework.models.rematerialisation import Remat, rematerialised

Unroll = PositiveInt | Literal["all"]
M = TypeVar("M", bound=nnx.Module)


def stacked(build: Callable[[nnx.Rngs], M], layers: int, *, rngs: nnx.Rngs) -> M:
    """A module whose variables hold those of `layers` modules, each from a key of its own.

    Their axes get `layers` in front. The module cannot be called: `scan_through` does.
    """
    graph: Any = nnx.graphdef(nnx.eval_shape(lambda: build(nnx.Rngs(jax.random.key(0)))))
    keys = jax.random.split(rngs.params(), layers)
    state: Any = jax.vmap(lambda key: nnx.state(build(nnx.Rngs(key))))(keys)
    for _, variable in nnx.to_flat_state(state):
        axes = variable.get_metadata().get("axes")
        if axes is not None:
            variable.set_metadata(axes=(LAYERS, *axes))
    module: M = nnx.merge(graph, state)
    return module


def scan_through(
    stack: M,
    layer: Callable[[M, jax.Array, nnx.Rngs | None, Any], tuple[jax.Array, Any]],
    x: jax.Array,
    extra: Any = None,
    *,
    rngs: nnx.Rngs | None,
    remat: Remat = "none",
    unroll: Unroll = 1,
) -> tuple[jax.Array, Any]:
    """Hands `x` from layer to layer; what a layer writes into its variables is kept.

    Args:
        layer: (module, x, rngs, extra) to (x, extra), all of one layer.
        extra: arrays with a leading axis of layers, such as a cache.
        rngs: its stream `dropout`, where there is one, gives each layer another.
        unroll: layers in one round of the loop.

    Returns:
        The last `x`, and what the layers made of `extra`, stacked.
    """
    parts: Any = nnx.split(stack, nnx.Param, ...)
    graph, params, others = parts
    layers = jax.tree.leaves(params)[0].shape[0]
    keys = None if rngs is None else jax.random.split(rngs.dropout(), layers)
    count = layers if unroll == "all" else min(unroll, layers)

    def one(x: jax.Array, own: Any) -> tuple[jax.Array, Any]:
        params, others, key, extra = own
        module: M = nnx.merge(graph, params, others)
        x, extra = layer(module, x, None if key is None else nnx.Rngs(dropout=key), extra)
        return x, (nnx.state(module, nnx.Not(nnx.Param)), extra)

    body = rematerialised(one, remat, in_loop=count < layers)
    x, (others, extra) = jax.lax.scan(body, x, (params, others, keys, extra), unroll=count)
    nnx.update(stack, others)
    return x, extra
