"""What the backward pass finds stored and what it computes again, by name.

| `remat` | stored of each layer | computed again |
|---|---|---|
| `none` | all that its gradient needs | nothing |
| `dots` | all matrix products, also those of attention [heads, sequence²] | the rest |
| `dots_no_batch` | products with parameters | attention and all elementwise work |
| `full` | its input | all of it: a third more arithmetic |
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

import jax

Remat = Literal["none", "full", "dots", "dots_no_batch"]
F = TypeVar("F", bound=Callable[..., Any])

_POLICIES: dict[Remat, Callable[..., bool]] = {
    "full": jax.checkpoint_policies.nothing_saveable,
    "dots": jax.checkpoint_policies.dots_saveable,
    "dots_no_batch": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
}


def rematerialised(layer: F, remat: Remat, *, in_loop: bool) -> F:
    """`layer` under the policy called `remat`.

    Outside a loop the compiler would find the second computation equal to the first and remove
    it; what prevents that costs time inside one.
    """
    if remat == "none":
        return layer
    wrapped: Any = jax.checkpoint(layer, policy=_POLICIES[remat], prevent_cse=not in_loop)
    return cast(F, wrapped)
