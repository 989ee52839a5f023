"""Tells of every operation of a traced model to which module it belongs.

While a model is traced, each call of one of its modules is done under a name scope, and what it
gives passes a mark in both directions: an identity that the interpreter recognises. Modules made
inside a scan are known by the paths that their variables carry along.
"""

import contextlib
import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import jax
from flax import nnx
from jax.ad_checkpoint import checkpoint_name

from framework.models.network import Network

_PATH = "module_path"  # metadata of a variable: of the module that owns it, and its own name
_SCOPE = re.compile(r"\[([^\]]*)\]")
ROOT = "model"  # the model itself has no path


def named(network: Network) -> Network:
    """The same network, whose variables know where in the model they are."""

    def build(rngs: nnx.Rngs) -> nnx.Module:
        module = network.build(rngs)
        for path, variable in nnx.to_flat_state(nnx.state(module)):
            variable.set_metadata(**{_PATH: tuple(map(str, path))})
        return module

    return replace(Network.of(build), build=build)


def scope(name: str) -> str:
    """The name scope whose operations `module_of` ascribes to `name`."""
    return f"[{name}]"


def module_of(names: str) -> str | None:
    """The innermost module in a stack of names; None outside of all."""
    found = _SCOPE.findall(names)
    return found[-1] if found else None


@contextlib.contextmanager
def naming_calls(network: Network) -> Iterator[None]:
    """Within, whatever is traced of a `named` network says its modules."""
    module = nnx.merge(network.graph, network.parameters, network.others)
    owners = {_owner(type(part)) for _, part in nnx.iter_modules(module)} - {None}
    originals = {owner: vars(owner)["__call__"] for owner in owners}
    try:
        for owner, original in originals.items():
            setattr(owner, "__call__", _under_its_name(original))  # noqa: B010
        yield
    finally:
        for owner, original in originals.items():
            setattr(owner, "__call__", original)  # noqa: B010


def _owner(kind: type) -> type | None:
    """The class that defines how a module of this kind is called."""
    return next((base for base in kind.__mro__ if "__call__" in vars(base)), None)


def _under_its_name(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def inner(module: nnx.Module, *arguments: Any, **keywords: Any) -> Any:
        name = _path(module)
        with jax.named_scope(scope(name)):
            outputs = call(module, *arguments, **keywords)
            return jax.tree.map(lambda leaf: _marked_if_floating(leaf, name), outputs)

    return inner


def _path(module: nnx.Module) -> str:
    """Where in the model the module is; its class's name where it has no variable to tell."""
    for inside, variable in nnx.to_flat_state(nnx.state(module)):
        whole, own = variable.get_metadata().get(_PATH), tuple(map(str, inside))
        if whole is not None and whole[-len(own) :] == own:
            return "/".join(whole[: -len(own)]) or ROOT
    return type(module).__name__


OUTPUT, GRADIENT = "output ", "gradient "


def _marked_if_floating(leaf: Any, name: str) -> Any:
    floating = isinstance(leaf, jax.Array) and jax.numpy.issubdtype(leaf.dtype, jax.numpy.inexact)
    return _marked(leaf, name) if floating else leaf


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _marked(x: jax.Array, name: str) -> jax.Array:
    return _forward(x, name)[0]


def _forward(x: jax.Array, name: str) -> tuple[jax.Array, None]:
    return checkpoint_name(x, OUTPUT + name), None


def _backward(name: str, _: None, gradient: jax.Array) -> tuple[jax.Array]:
    return (checkpoint_name(gradient, GRADIENT + name),)


_marked.defvjp(_forward, _backward)
