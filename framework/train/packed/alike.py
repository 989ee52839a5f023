"""Which jobs can be rows of one program, and what keeps a job from being a row at all."""

import json
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import jax

from framework.config import Problem
from framework.parallel import build_mesh
from framework.train.arithmetic import abstract_batch
from framework.train.experiment import Experiment
from framework.train.packed.job import Job
from framework.train.program import Program
from framework.train.shared import signature
from framework.train.state import as_arrays
from framework.train.step import make_loss

KEY = "launch.packed"
ALONE = "launch.packed=false trains such trials one after another"
_FREE = {"seed", "run", "tracker", "distributed", "optimizer", "schedule", "task", "model", "mesh"}


def alone(experiment: Experiment) -> Experiment:
    """The experiment on one device, as a row has it."""
    sizes: dict[str, Any] = dict.fromkeys(experiment.mesh.sizes, 1)
    return replace(experiment, mesh=replace(experiment.mesh, **sizes, devices=1))


def kind(job: Job, program: Program) -> Hashable:
    """Equal for jobs that can be rows of one program.

    They have the same step, batches of the same data, and somebody listens at the same steps; what
    may differ are the values and the seed.
    """
    leaves, structure = jax.tree.flatten(as_arrays(job.experiment.values()))
    shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)
    rest = {name: part for name, part in job.config.items() if name not in _FREE}
    if "checkpoint" in rest:
        rest["checkpoint"] = {**rest["checkpoint"], "copy_to": None}
    if "trainer" in rest:  # its values are in `structure`, whether they are there or not
        rest["trainer"] = {**rest["trainer"], "average_decay": None, "bad_steps": None}
    return signature(program), structure, shapes, json.dumps(rest, sort_keys=True, default=str)


def obstacle(experiment: Experiment) -> Problem | None:
    """What keeps the experiment from being a row, whatever the device; None: nothing."""
    trainer, sizes = experiment.trainer, experiment.mesh.sizes
    divided = [axis for axis, n in sizes.items() if n != 1 and axis not in ("data", "replica")]
    reasons = {
        f"a mesh that divides no model (mesh.{', mesh.'.join(divided)})": bool(divided),
        "runs without a teacher": experiment.teacher is not None,
        "trainer.profile=null, as a trace would show all rows": trainer.profile is not None,
        "trainer.deterministic=false, as the number of rows changes the bits": (
            trainer.deterministic
        ),
        "trainer.debug_nans=false, as it stops all rows at once": trainer.debug_nans,
    }
    expected = next((text for text, holds in reasons.items() if holds), None)
    return None if expected is None else Problem(KEY, "true", expected, ALONE)


def refusal(experiment: Experiment) -> Problem | None:
    """What keeps the experiment from being a row on the devices that are here; None: nothing."""
    found = obstacle(experiment)
    if found is not None:
        return found
    single = alone(experiment)
    mesh = build_mesh(single.mesh)
    with jax.set_mesh(mesh):
        return convolutions(single, single.program(single.network(), mesh))


def convolutions(experiment: Experiment, program: Program) -> Problem | None:
    """Why a model with convolutions is no row on a CPU; None elsewhere, or without them."""
    if program.mesh.devices.flat[0].platform != "cpu":
        return None
    state = program.abstract_state(experiment.values())
    loss = make_loss(program.network, program.precision)
    traced = jax.make_jaxpr(
        lambda params, others, values, batch: loss(
            params, others, values, batch, jax.random.key(0), lambda a, _: a.mean()
        )
    )(state.params, state.model_state, state.values, abstract_batch(experiment, program.mesh))
    if "conv_general_dilated" not in str(traced):
        return None
    expected = "models without convolutions on a CPU"
    hint = "rows make of them grouped convolutions, three times slower there than one after another"
    return Problem(KEY, "true", expected, f"{hint}; {ALONE}")


def together(starts: Sequence[Sequence[int]], every: int | None) -> dict[int, list[int]]:
    """The step that rows continue from, to the places of those that do.

    Rows of one pack begin at the same step. A pack that was killed while it saved has rows that
    are one save ahead: these go back to the last step that all have, and lose one interval.

    Args:
        starts: the steps that each row has checkpoints of, rising.
        every: steps between two.
    """
    newest = [max(steps, default=0) for steps in starts]
    found: dict[int, list[int]] = {}
    taken: set[int] = set()
    for step in sorted(set(newest)):
        members = [
            place
            for place, steps in enumerate(starts)
            if place not in taken
            and (newest[place] == step
                 or (step in steps and newest[place] - step <= (every or 0)))
        ]  # fmt: skip
        taken.update(members)
        if members:
            found[step] = members
    return found
