"""What a checkpoint costs: how long a save keeps the training waiting, and what verifying adds.

    python benchmarks/checkpoint.py [--save 100] [--restore 1000] [--rounds 7] [--smoke]

Prints one JSON line with two ratios of medians, from states of so many megabytes. `save`: the time
that an asynchronous save blocks, over that of a save that is waited for (Orbax, manifest and all).
`restore`: a verified restore over the same without comparing hashes; the two take turns.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import jax
import jax.numpy as jnp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from framework.checkpoint import CheckpointOptions, Checkpoints


def state_of(megabytes: float, arrays: int = 20) -> dict[str, jax.Array]:
    """Random numbers: they do not compress."""
    size = int(megabytes * 2**20 / 4 / arrays)
    keys = jax.random.split(jax.random.key(0), arrays)
    return {f"layers/{n}/kernel": jax.random.normal(key, (size,)) for n, key in enumerate(keys)}


def measure_saves(checkpoints: Checkpoints, megabytes: float, rounds: int) -> dict[str, float]:
    state = jax.block_until_ready(state_of(megabytes))
    blocking, waited = [], []
    for step in range(1, rounds + 2):
        state = jax.block_until_ready({name: array + 1 for name, array in state.items()})
        start = time.perf_counter()
        checkpoints.save(step, state, {"position": step}, {})
        blocking.append(time.perf_counter() - start)
        checkpoints.wait()
        waited.append(time.perf_counter() - start)
    # The first one opens Orbax.
    return ratio("save", asynchronous=blocking[1:], synchronous=waited[1:])


def measure_restores(checkpoints: Checkpoints, megabytes: float, rounds: int) -> dict[str, float]:
    state = jax.block_until_ready(state_of(megabytes))
    name, first = next(iter(state.items()))
    checkpoints.save(10**6, state, {"position": 0}, {})
    checkpoints.wait()
    abstract = jax.eval_shape(lambda arrays: arrays, state)
    del state  # the restored one takes its place

    def restore() -> None:
        restored = checkpoints.restore_latest(abstract)
        assert restored is not None
        assert bool(jnp.array_equal(jax.block_until_ready(restored.state)[name], first))

    def trusting() -> None:
        with mock.patch("framework.checkpoint.checkpoints.verify", return_value=[]):
            restore()

    verified, unverified = [], []
    for number in range(rounds + 1):
        pairs = [(verified, restore), (unverified, trusting)]
        for times, work in pairs if number % 2 else reversed(pairs):
            times.append(timed(work))
    # The first round opens Orbax and fills the caches.
    return ratio("restore", verified=verified[1:], unverified=unverified[1:])


def timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ratio(name: str, **times: list[float]) -> dict[str, float]:
    """The first median over the second, and both in milliseconds."""
    medians = {kind: statistics.median(values) for kind, values in times.items()}
    first, second = medians.values()
    milliseconds = {f"{name}_{kind}_ms": round(1e3 * value, 1) for kind, value in medians.items()}
    return {f"{name}_ratio": round(first / second, 3), **milliseconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", type=float, default=100, help="megabytes")
    parser.add_argument("--restore", type=float, default=1000, help="megabytes")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--smoke", action="store_true", help="small states, two rounds")
    options = parser.parse_args()
    if options.smoke:
        options.save, options.restore, options.rounds = 1.0, 2.0, 2
    with tempfile.TemporaryDirectory() as folder:
        kept = CheckpointOptions(keep_latest=1, keep_best=0)
        checkpoints = Checkpoints(Path(folder) / "checkpoints", kept)
        found = measure_saves(checkpoints, options.save, options.rounds)
        found |= measure_restores(checkpoints, options.restore, options.rounds)
        checkpoints.close()
    sizes = {"save_megabytes": options.save, "restore_megabytes": options.restore}
    print(json.dumps(sizes | found))


if __name__ == "__main__":
    main()
