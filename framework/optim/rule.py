"""An update rule: an Optax transformation and its constants, as a hashable value."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

import optax


@dataclass(frozen=True)
class Rule:
    """A function that returns an Optax transformation, and its arguments.

    The transformation turns gradients into a direction *uphill*; the optimizer adds decay,
    the learning rate and the sign. The arguments are structure: constants of the compiled
    step. Two equal rules share a program.
    """

    factory: Callable[..., optax.GradientTransformation]
    arguments: tuple[tuple[str, Hashable], ...] = ()

    @classmethod
    def of(cls, factory: "Rule | Callable[..., Any]") -> "Rule":
        """The rule of a function, or of a `functools.partial` as the configuration gives it."""
        if isinstance(factory, Rule):
            return factory
        if isinstance(factory, partial):
            if factory.args:
                raise TypeError("a rule's arguments must be given by name")
            arguments = tuple((k, _hashable(v)) for k, v in sorted(factory.keywords.items()))
            return cls(factory.func, arguments)
        return cls(factory)

    def __call__(self) -> optax.GradientTransformation:
        """The transformation."""
        return self.factory(**dict(self.arguments))

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments)
        return f"{self.factory.__module__}.{self.factory.__qualname__}({arguments})"


def _hashable(value: Any) -> Hashable:
    if isinstance(value, list | tuple):
        return tuple(map(_hashable, value))
    hash(value)
    return value  # type: ignore[no-any-return]
