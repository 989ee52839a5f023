"""Schedules: the factor in [0, 1] that multiplies the peak learning rate at each step.

Step counts from 0; the last update is at `steps - 1`, and its factor is the schedule's last.
The first warm-up step has factor 1/warmup, not 0, so no update is wasted. All are pure
functions of traced numbers.
"""

import math
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from flax import struct

from framework.config import Fraction, NonNegativeFloat, Problem


class Schedule(Protocol):
    """A pytree of values and a function of the step."""

    def __call__(self, step: int | jax.Array, steps: int | jax.Array) -> jax.Array:
        """The factor of update number `step` (from 0) of `steps`, a float32 scalar in [0, 1]."""
        ...

    def check(self, steps: int) -> list[Problem]:
        """What does not fit a run of so many steps."""
        ...


@struct.dataclass
class Constant:
    """Linear warm-up to 1, and 1 from there on.

    `warmup` is a number of steps, or below 1 a share of all steps.
    """

    warmup: NonNegativeFloat = 0.0

    def __call__(self, step: int | jax.Array, steps: int | jax.Array) -> jax.Array:
        """min(1, (step + 1) / warmup)."""
        return _rise(step, _in_steps(self.warmup, steps))

    def check(self, steps: int) -> list[Problem]:
        """A warm-up longer than the run."""
        return _too_long(steps, warmup=self.warmup)


@struct.dataclass
class Cosine:
    """Warm-up, then half a cosine from 1 down to `final` (arXiv:1608.03983)."""

    warmup: NonNegativeFloat = 0.0
    final: Fraction = 0.0

    def __call__(self, step: int | jax.Array, steps: int | jax.Array) -> jax.Array:
        """Final + (1 - final) * (1 + cos(pi * progress)) / 2 after the warm-up."""
        warmup = _in_steps(self.warmup, steps)
        fall = (1 + jnp.cos(jnp.pi * _progress(step, warmup, steps))) / 2
        return _rise(step, warmup) * _between(self.final, fall)

    def check(self, steps: int) -> list[Problem]:
        """A warm-up longer than the run."""
        return _too_long(steps, warmup=self.warmup)


@struct.dataclass
class Linear:
    """Warm-up, then a straight line from 1 down to `final`."""

    warmup: NonNegativeFloat = 0.0
    final: Fraction = 0.0

    def __call__(self, step: int | jax.Array, steps: int | jax.Array) -> jax.Array:
        """Final + (1 - final) * (1 - progress) after the warm-up."""
        warmup = _in_steps(self.warmup, steps)
        fall = 1 - _progress(step, warmup, steps)
        return _rise(step, warmup) * _between(self.final, fall)

    def check(self, steps: int) -> list[Problem]:
        """A warm-up longer than the run."""
        return _too_long(steps, warmup=self.warmup)


@struct.dataclass
class WarmupStableDecay:
    """Warm-up, a plateau at 1, then a straight line down to `final` (arXiv:2404.06395).

    `warmup` and `decay` are numbers of steps, or below 1 shares of all steps.
    """

    warmup: NonNegativeFloat = 0.01
    decay: NonNegativeFloat = 0.2
    final: Fraction = 0.0

    def __call__(self, step: int | jax.Array, steps: int | jax.Array) -> jax.Array:
        """1 on the plateau, final + (1 - final) * (1 - progress) in the last `decay` steps."""
        start = jnp.asarray(steps, jnp.float32) - _in_steps(self.decay, steps)
        fall = 1 - _progress(step, start, steps)
        rise = _rise(step, _in_steps(self.warmup, steps))
        return rise * _between(self.final, fall)

    def check(self, steps: int) -> list[Problem]:
        """A warm-up and a decay that together are longer than the run."""
        return _too_long(steps, warmup=self.warmup, decay=self.decay)


def _in_steps(length: Any, steps: Any) -> jax.Array:
    length = jnp.asarray(length, jnp.float32)
    return jnp.rint(jnp.where(length < 1, length * steps, length))


def _rise(step: Any, warmup: jax.Array) -> jax.Array:
    return jnp.minimum(1.0, (jnp.asarray(step, jnp.float32) + 1) / jnp.maximum(warmup, 1))


def _progress(step: Any, start: jax.Array, steps: Any) -> jax.Array:
    """0 up to the last step before `start`, 1 at the last step of all, a line between."""
    done = jnp.asarray(step, jnp.float32) + 1 - start
    return jnp.clip(done / jnp.maximum(jnp.asarray(steps, jnp.float32) - start, 1), 0, 1)


def _between(final: Any, share: jax.Array) -> jax.Array:
    lowest: jax.Array = jnp.asarray(final, jnp.float32)
    return lowest + (1 - lowest) * share


def _too_long(steps: int, **lengths: float) -> list[Problem]:
    counts = {k: round(v * steps) if v < 1 else math.ceil(v) for k, v in lengths.items()}
    if sum(counts.values()) <= steps:
        return []
    names = " + ".join(counts)
    key, value = next(iter(lengths.items())) if len(lengths) == 1 else ("decay", lengths["decay"])
    expected = f"{names} of at most {steps} steps (trainer.steps)"
    shown = " + ".join(map(str, counts.values()))
    hint = f"{names} = {shown} steps; a number below 1 is a share of all steps"
    return [Problem(key, value, expected, hint)]
