"""The optimizer: an update rule with clipping, decay, learning rate and frozen parameters."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from framework.config import NonNegativeFloat, PositiveFloat, Problem
from framework.optim.rule import Rule
from framework.optim.split import Parameters, split

NO_DECAY = ("bias$", "scale$")


@struct.dataclass
class Optimizer:
    """update = -learning_rate * factor * (rule(clip(gradient)) + weight_decay * parameter).

    `learning_rate`, `weight_decay` and `clip_norm` are values: another one needs no other
    program. `rule` names an Optax transformation without a learning rate, such as
    `optax.scale_by_adam`. `clip_norm` (None: off) bounds the norm of all trained gradients
    together. Decay is decoupled (arXiv:1711.05101) for every rule.

    `no_decay` and `frozen` are regular expressions, searched for in parameter paths such as
    `stages/0/convolutions/1/kernel`. Frozen parameters get no update and have no moments.
    """

    learning_rate: PositiveFloat
    rule: Callable[..., Any] = struct.field(pytree_node=False)  # type: ignore[no-untyped-call]
    weight_decay: NonNegativeFloat = 0.0
    clip_norm: PositiveFloat | None = None
    no_decay: tuple[str, ...] = struct.field(pytree_node=False, default=NO_DECAY)  # type: ignore[no-untyped-call]
    frozen: tuple[str, ...] = struct.field(pytree_node=False, default=())  # type: ignore[no-untyped-call]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rule", Rule.of(self.rule))
        object.__setattr__(self, "no_decay", tuple(self.no_decay))
        object.__setattr__(self, "frozen", tuple(self.frozen))

    def check(self, paths: Iterable[str]) -> list[Problem]:
        """Patterns that are no regular expressions, or match none of the parameters' `paths`."""
        known = list(paths)
        problems = []
        for key, patterns in (("frozen", self.frozen), ("no_decay", self.no_decay)):
            for pattern in patterns:
                reason = _misfit(pattern, known, needed=key == "frozen" or pattern not in NO_DECAY)
                if reason:
                    problems.append(Problem(key, pattern, *reason))
        if not problems and known and all(matches(self.frozen, path) for path in known):
            expected = "some parameter left to train"
            problems.append(Problem("frozen", list(self.frozen), expected))
        return problems

    def transformation(
        self,
        factor: float | jax.Array,
        params: Mapping[str, Any],
        axes: Mapping[str, tuple[str, ...]] | None = None,
    ) -> optax.GradientTransformation:
        """The Optax transformation at a schedule's `factor`; its state does not depend on it.

        Call it inside the compiled step, where the values are traced, and once for `init`.
        `params` is the flat dictionary of parameters; only its paths are read. `axes` has the
        names of their dimensions, for rules that tell matrices from stacks of them.
        """
        decayed = {path: not matches(self.no_decay, path) for path in params}
        parts = [
            self.rule(axes or {}),
            _decay(self.weight_decay, decayed),
            optax.scale(-self.learning_rate * factor),
        ]
        if self.clip_norm is not None:
            parts.insert(0, _clip(self.clip_norm))
        frozen = {path for path in params if matches(self.frozen, path)}
        return split(
            {"trained": optax.chain(*parts), "frozen": optax.set_to_zero()},
            lambda path, _: "frozen" if path in frozen else "trained",
        )


def matches(patterns: Iterable[str], path: str) -> bool:
    """Whether one of the regular expressions is found in `path`."""
    return any(re.search(pattern, path) for pattern in patterns)


def _clip(longest: float | jax.Array) -> optax.GradientTransformation:
    """Scale all gradients together to a norm of at most `longest`.

    `optax.clip_by_global_norm` refuses bfloat16 gradients where its limit is a traced float32.
    """

    def update(updates: Parameters, params: Parameters | None) -> Parameters:
        del params
        factor = jnp.minimum(1, longest / optax.tree.norm(updates))
        return {path: (value * factor).astype(value.dtype) for path, value in updates.items()}

    return optax.stateless(update)


def _decay(
    weight_decay: float | jax.Array, decayed: Mapping[str, bool]
) -> optax.GradientTransformation:
    """Add `weight_decay` times the parameter where `decayed` says so."""

    def update(updates: Parameters, params: Parameters | None) -> Parameters:
        assert params is not None
        return {
            path: value + weight_decay * params[path] if decayed[path] else value
            for path, value in updates.items()
        }

    return optax.stateless(update)


def _misfit(pattern: str, paths: list[str], *, needed: bool) -> tuple[str, str] | None:
    try:
        found = any(re.search(pattern, path) for path in paths)
    except re.error as error:
        return "a regular expression", str(error)
    if found or not needed:
        return None
    shown = ", ".join(paths[:6]) + (", …" if len(paths) > 6 else "")
    return "a pattern that matches a parameter", f"parameters: {shown}"
