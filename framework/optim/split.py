"""One transformation for some parameters, another for the rest."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import optax

Parameters = dict[str, Any]


def split(
    transformations: Mapping[str, optax.GradientTransformation],
    label: Callable[[str, jax.Array], str],
) -> optax.GradientTransformation:
    """Give each parameter of a flat dictionary to the transformation that `label` names.

    `label(path, array)` must depend on the path and the shape alone. The state is a dictionary
    of the states by name; each has moments of its own parameters only, under their paths.
    """

    def parts(values: Parameters) -> dict[str, Parameters]:
        found: dict[str, Parameters] = {name: {} for name in transformations}
        for path, value in values.items():
            found[label(path, value)][path] = value
        return found

    def init(params: Parameters) -> dict[str, Any]:
        return {
            name: transformations[name].init(part) for name, part in parts(params).items() if part
        }

    def update(
        updates: Parameters, state: dict[str, Any], params: Parameters | None = None
    ) -> tuple[Parameters, dict[str, Any]]:
        own = parts(params) if params is not None else {}
        moved, states = {}, {}
        for name, part in parts(updates).items():
            if part:
                part, states[name] = transformations[name].update(part, state[name], own.get(name))
                moved.update(part)
        return {path: moved[path] for path in updates}, states

    return optax.GradientTransformation(init, update)
