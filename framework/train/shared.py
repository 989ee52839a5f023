"""Programs that are compiled once in a process, however many runs it trains.

Two runs whose programs are the same but for values — a learning rate, a dropout rate — are given
the same jitted functions, and JAX finds them compiled. What a program is made of is its signature:
all that `Program` and its network hold, but for what initialises the network, where values of the
model such as its dropout rate are constants. JAX itself tells apart what is static in `Values`, as
they are arguments of the functions.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import replace

import jax
from flax import nnx

from framework.models.network import Network
from framework.train.program import Program

MOST = 8  # programs that are kept; each holds what was compiled for it
_LENT = ("step", "predict", "embed", "calls")
_kept: OrderedDict[Hashable, Program] = OrderedDict()
_lock = threading.Lock()


def shared(program: Program) -> Program:
    """The program with the functions of an equal one of this process, where there was one."""
    key = signature(program)
    with _lock:
        first = _kept.setdefault(key, program)
        _kept.move_to_end(key)
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    if first.network is program.network:
        return first
    lent = replace(first, network=program.network)
    lent.__dict__.update({name: getattr(first, name) for name in _LENT})
    return lent


def forget() -> None:
    """Lets go of all programs that are kept."""
    with _lock:
        _kept.clear()


def signature(program: Program) -> Hashable:
    """Equal for programs whose step and predictions are the same functions."""
    mesh = program.mesh_options
    return (
        _network(program.network), program.precision, program.mesh, program.steps,
        program.accumulate, program.deterministic, tuple(mesh.sizes.items()),
        tuple(sorted((name, _tuple(axes)) for name, axes in mesh.rules.items())),
        mesh.replicate_if_uneven, mesh.devices,
    )  # fmt: skip


def _network(network: Network) -> Hashable:
    """The graph with all that is static in the modules, and what its variables are."""
    state = (network.parameters, network.others)
    leaves, structure = jax.tree.flatten(state)
    kinds = tuple(
        (path, variable.type) for part in state for path, variable in nnx.to_flat_state(part)
    )
    shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)
    return network.graph, structure, shapes, kinds, tuple(sorted(network.axes.items()))


def _tuple(axes: str | tuple[str, ...]) -> tuple[str, ...]:
    return (axes,) if isinstance(axes, str) else tuple(axes)
