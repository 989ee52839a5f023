"""Meshes of a sweep on slices, checked before anything is compiled or asked for."""

from collections.abc import Sequence

from framework.launch.check import sample
from framework.launch.request import Request
from framework.launch.slices import Slice, check_mesh
from framework.launch.sweep import Sweep
from framework.parallel import MeshOptions


def check_meshes(request: Request, slice: Slice, slices: int) -> None:
    """Every mesh of the sweep fits so many slices.

    Raises:
        InvalidConfig: one does not.
    """
    from framework.config.apart import compose_apart

    for words in sampled(request, "mesh"):
        mesh = compose_apart(words).settings["mesh"]
        plain = {name: value for name, value in mesh.items() if name != "_target_"}
        check_mesh(MeshOptions(**plain), slice, slices)


def sampled(request: Request, group: str | None = None) -> list[Sequence[str]]:
    """Words of trials that have every value of every key among them; or of keys in a group."""
    sweep = Sweep(request.directory)
    points = sample(request)
    if group is not None:
        kept = {one.key for one in request.space if one.key.split(".")[0] == group}
        points = points[:1] + [p for p in points[1:] if any(p[k] != points[0][k] for k in kept)]
    return [sweep.trial(request.fixed, 0, point).overrides for point in points]
