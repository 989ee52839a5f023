"""How long a save keeps the training waiting: asynchronous against waiting for the disk.

    python benchmarks/checkpoint.py [--megabytes 100] [--repeats 5] [--smoke]

Prints one JSON line; `ratio` is the time that the asynchronous save blocks, divided by the time
of a save that is waited for (Orbax, manifest and all).
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from framework.checkpoint import CheckpointOptions, Checkpoints


def state_of(megabytes: float, arrays: int = 20) -> dict[str, jax.Array]:
    """Random numbers: they do not compress."""
    size = int(megabytes * 2**20 / 4 / arrays)
    keys = jax.random.split(jax.random.key(0), arrays)
    return {f"layers/{n}/kernel": jax.random.normal(key, (size,)) for n, key in enumerate(keys)}


def measure(megabytes: float, repeats: int) -> dict[str, float]:
    state = jax.block_until_ready(state_of(megabytes))
    blocking, waited = [], []
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Path(folder) / "checkpoints", CheckpointOptions(keep_best=0))
        checkpoints.save(0, state, {"position": 0}, {})  # opens Orbax
        checkpoints.wait()
        for step in range(1, repeats + 1):
            state = jax.block_until_ready({name: array + 1 for name, array in state.items()})
            start = time.perf_counter()
            checkpoints.save(step, state, {"position": step}, {})
            blocking.append(time.perf_counter() - start)
            checkpoints.wait()
            waited.append(time.perf_counter() - start)
        start = time.perf_counter()
        restored = checkpoints.restore_latest(jax.eval_shape(lambda: state))
        jax.block_until_ready(restored)
        restore = time.perf_counter() - start
        checkpoints.close()
    assert restored is not None
    assert bool(jnp.array_equal(restored.state["layers/0/kernel"], state["layers/0/kernel"]))
    asynchronous, synchronous = statistics.median(blocking), statistics.median(waited)
    return {
        "megabytes": megabytes,
        "asynchronous_ms": round(1e3 * asynchronous, 1),
        "synchronous_ms": round(1e3 * synchronous, 1),
        "ratio": round(asynchronous / synchronous, 3),
        "verified_restore_ms": round(1e3 * restore, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--smoke", action="store_true", help="a small state, twice")
    options = parser.parse_args()
    small = {"megabytes": 1.0, "repeats": 2}
    sizes = small if options.smoke else {"megabytes": options.megabytes, "repeats": options.repeats}
    print(json.dumps(measure(**sizes)))


if __name__ == "__main__":
    main()
