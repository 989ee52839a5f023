"""An update rule: an Optax transformation and its constants, as a hashable value."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import optax

from framework.config import InvalidConfig, Problem
from framework.config.arguments import parameters_of


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
        """The rule of a function, or of a `functools.partial` as the configuration gives it.

        Raises:
            InvalidConfig: no such function, or it does not return an Optax transformation.
        """
        if isinstance(factory, Rule):
            return factory
        if not callable(factory) or (isinstance(factory, partial) and factory.args):
            raise _no_rule(factory, "give it a _target_ with _partial_: true, arguments by name")
        rule = cls(factory)
        if isinstance(factory, partial):
            arguments = tuple((k, _hashable(v)) for k, v in sorted(factory.keywords.items()))
            rule = cls(factory.func, arguments)
        if "learning_rate" in parameters_of(rule.factory):
            raise _no_rule(rule, "it has one; take its rule alone, such as optax.scale_by_adam")
        try:
            transformation = rule()
        except (TypeError, ValueError) as error:
            raise _no_rule(rule, str(error)) from error
        if not hasattr(transformation, "init") or not hasattr(transformation, "update"):
            raise _no_rule(rule, f"it returns {type(transformation).__name__}")
        return rule

    def __call__(
        self, axes: Mapping[str, tuple[str, ...]] | None = None
    ) -> optax.GradientTransformation:
        """The transformation; a factory with an argument `axes` is given parameters' axis names."""
        named = {"axes": axes or {}} if "axes" in parameters_of(self.factory) else {}
        return self.factory(**dict(self.arguments), **named)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments)
        return f"{self.factory.__module__}.{self.factory.__qualname__}({arguments})"


def _no_rule(value: object, reason: str) -> InvalidConfig:
    expected = "a function that returns an Optax transformation without a learning rate"
    return InvalidConfig(Problem("rule", value, expected, reason))


def _hashable(value: Any) -> Hashable:
    if isinstance(value, list | tuple):
        return tuple(map(_hashable, value))
    hash(value)
    return value  # type: ignore[no-any-return]
