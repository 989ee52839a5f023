"""Bad steps, seen on the device: a loss or gradient that is not finite, a loss that leaps.

A bad step changes nothing but counters. Where it is to end the training, the state is frozen as it
was before it, so that the host may learn of it later, without any step being waited for.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import struct

from framework.config import PositiveFloat, PositiveInt

WINDOW = 128  # good steps whose losses say what is usual
ENOUGH = 32  # of them, before a loss can be a leap
FROZEN = "frozen"  # metric: the state was frozen before this step, whose other metrics are void
BAD_STEPS = "bad_steps"  # metric: how many there were, this one included

Action = Literal["stop", "skip", "rewind"]


@struct.dataclass
class BadSteps:
    """What is done about a step whose loss or gradient is not finite.

    `stop` ends the run with the state of before and the batch saved; `skip` goes on without the
    update, at most `limit` times in a row; `rewind` goes back to the last checkpoint and passes
    over the batch and the `pass_over - 1` before it, at most `limit` times in all.

    `spike`: a loss above median + spike · 1.4826 · MAD of the last 128 good losses is a bad step
    too (the factor makes MAD the standard deviation of a normal distribution; Hampel, J. Am. Stat.
    Assoc. 69, 1974); null: none is.
    """

    action: Action = struct.field(pytree_node=False, default="stop")  # type: ignore[no-untyped-call]
    limit: PositiveInt = 10
    pass_over: PositiveInt = struct.field(pytree_node=False, default=1)  # type: ignore[no-untyped-call]
    spike: PositiveFloat | None = None


@struct.dataclass
class Guard:
    """What the device remembers of bad steps.

    Attributes:
        count: int32 [], all of them.
        in_a_row: int32 [], those since the last good one.
        frozen: bool [], whether the training has ended.
        losses: float32 [WINDOW], of the last good steps, NaN where there were none; None where
            leaps are not looked for.
    """

    count: Any
    in_a_row: Any
    frozen: Any
    losses: Any

    @classmethod
    def new(cls, options: BadSteps | None) -> "Guard | None":
        """Before the first step."""
        if options is None:
            return None
        losses = None if options.spike is None else jnp.full(WINDOW, jnp.nan, jnp.float32)
        return cls(jnp.int32(0), jnp.int32(0), jnp.bool_(False), losses)

    def thawed(self) -> "Guard":
        """For a training that goes on from a state in which another ended."""
        thawed: Guard = self.replace(  # type: ignore[attr-defined]
            frozen=jnp.zeros_like(self.frozen), in_a_row=jnp.zeros_like(self.in_a_row)
        )
        return thawed

    def judge(
        self, options: BadSteps, loss: jax.Array, gradient_norm: jax.Array
    ) -> tuple["Guard", jax.Array]:
        """After a step: what to remember, and whether the step is not to be made (bool [])."""
        bad = ~(jnp.isfinite(loss) & jnp.isfinite(gradient_norm))
        losses = self.losses
        if losses is not None:
            bad |= _leaps(losses, loss, options.spike)
            pushed = jnp.roll(losses, 1).at[0].set(loss)
            losses = jnp.where(bad | self.frozen, losses, pushed)
        counted = bad & ~self.frozen
        in_a_row = jnp.where(counted, self.in_a_row + 1, jnp.where(self.frozen, self.in_a_row, 0))
        ends = counted if options.action != "skip" else in_a_row > options.limit
        after = Guard(self.count + counted, in_a_row, self.frozen | ends, losses)
        return after, bad | self.frozen


def _leaps(losses: jax.Array, loss: jax.Array, spike: Any) -> jax.Array:
    known = ~jnp.isnan(losses)
    median = jnp.nanmedian(losses)
    spread = 1.4826 * jnp.nanmedian(jnp.abs(losses - median))
    leaps: jax.Array = (known.sum() >= ENOUGH) & (loss > median + spike * spread)
    return leaps


def is_made(state: Any) -> bool:
    """Whether the state is that of its last step, and not frozen since a bad one; waits for it."""
    guard = getattr(state, "guard", None)
    return guard is None or not bool(guard.frozen)
