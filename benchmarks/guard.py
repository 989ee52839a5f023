"""What it costs to look for bad steps: the step with the guard over the step without.

    python benchmarks/guard.py [--rounds 40] [--steps 20] [--experiment digits] [--cores] [--smoke]

Both programs are the framework's own, compiled from the same experiment, and take turns on the
same batches, in the order A B B A, so that a machine that slows down slows both. Prints one JSON
line; `ratio` is the median over the rounds of the time with the guard over that without, and
`quartiles` are theirs. With `--cores` it is the time that all threads work, which other programs
disturb less. Wanted: at most 1.01 on the CNN.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rounds import compose

from framework.data import training_batches
from framework.parallel import batch_putter, build_mesh
from framework.train import Experiment, assemble


class Turns:
    """A training of its own that is advanced some steps at a time."""

    clock = staticmethod(time.perf_counter)

    def __init__(self, experiment: Experiment, mesh: Any, batches: list[Any]) -> None:
        program = experiment.program(experiment.network(), mesh)
        values = experiment.values()
        self.call = program.call(1, program.abstract_state(values))
        self.state = program.initial_state(values, experiment.seed)
        self.batches = batches
        self.advance(3)

    def advance(self, steps: int) -> float:
        """Seconds for so many steps."""
        metrics: Any = None
        begun = self.clock()
        for number in range(steps):
            self.state, metrics = self.call(self.state, self.batches[number % len(self.batches)])
        jax.block_until_ready((self.state, metrics))
        return self.clock() - begun


def measure(words: list[str], rounds: int, steps: int) -> dict[str, Any]:
    experiment = assemble(compose(["mesh=single", *words]))
    assert experiment.trainer.bad_steps is not None
    mesh = build_mesh(experiment.mesh)
    with jax.set_mesh(mesh):
        put = batch_putter(experiment.mesh, mesh)
        stream = training_batches(experiment.data, seed=0)
        batches = [put(batch) for _, batch in zip(range(8), stream, strict=False)]
        trainer = replace(experiment.trainer, bad_steps=None)
        guarded = Turns(experiment, mesh, batches)
        bare = Turns(replace(experiment, trainer=trainer), mesh, batches)
        ratios, without = [], []
        for _ in range(rounds):
            first, one, two, last = (t.advance(steps) for t in (guarded, bare, bare, guarded))
            ratios.append((first + last) / (one + two))
            without.append((one + two) / (2 * steps))
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    return {
        "step_ms": round(1e3 * float(np.median(without)), 3),
        "ratio": round(float(middle), 4),
        "quartiles": [round(float(low), 4), round(float(high), 4)],
        "rounds": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--steps", type=int, default=20, help="of a turn")
    parser.add_argument("--experiment", default="digits")
    parser.add_argument("--cores", action="store_true", help="processor time")
    parser.add_argument("--smoke", action="store_true", help="a few short rounds")
    parser.add_argument("words", nargs="*", help="overrides of the experiment")
    options = parser.parse_args()
    rounds, steps = (3, 5) if options.smoke else (options.rounds, options.steps)
    if options.cores:
        Turns.clock = staticmethod(time.process_time)
    words = [f"experiment={options.experiment}", *options.words]
    print(json.dumps(measure(words, rounds, steps)))


if __name__ == "__main__":
    main()
