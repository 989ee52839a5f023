"""One training step of a run, made again and looked into."""

import jax
import numpy as np
from rich.console import Console

from framework.parallel import build_mesh
from framework.run import RunDirectory
from framework.train.bad_steps import flat
from framework.train.replay.before import Replay, go_to, opened
from framework.train.replay.evaluation import evaluate, inputs_of, losses_of_examples
from framework.train.replay.findings import findings
from framework.train.replay.show import show
from framework.train.run import configure_jax


def replay(options: Replay, console: Console) -> None:
    """Says which operation of the step first gave a number that is not finite, if one did.

    Writes `replay/<step>/replay.json` and `batch.npz` into the run directory, and nothing else.

    Raises:
        InvalidConfig: there is no such run or step.
        CheckpointDamaged: every checkpoint before the step is.
    """
    experiment, directory = opened(options, console.print)
    configure_jax(experiment.trainer)
    with jax.set_mesh(build_mesh(experiment.mesh)):
        before = go_to(experiment, directory, options.step, console.print)
        inputs = inputs_of(before)
        found = findings(before, inputs, evaluate(before), losses_of_examples(before))
    folder = RunDirectory(directory.path / "replay" / str(options.step))
    folder.write_json("replay.json", found)
    np.savez(folder.path / "batch.npz", **flat(before.batch))  # type: ignore[arg-type]
    show(console, found)
    console.print(f"replay.json and batch.npz are in {folder.path}", markup=False)
