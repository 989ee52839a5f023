"""A user's own module, through which a run is made slow, fed bad numbers, watched and broken.

As an augmentation it is named in the configuration, so that it is imported after the command line
was read and before anything is trained. What it does beside that is told by the environment:

    SLOW=0.05               seconds that each batch takes
    SEEN=FOLDER             each step's examples are written there
    FAULT="PLACE before 2 SIGKILL"
                            what happens at the second call of PLACE, a `module:function`, or with
                            `after` when it has returned: a signal, `sleep=SECONDS`, or `hang`
"""

import ctypes
import functools
import importlib
import inspect
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np


class Faulty:
    """Takes its time, and makes chosen examples not finite."""

    def __init__(self, poison=()):
        self.poison = tuple(poison)

    def __call__(self, batch, keys):
        time.sleep(float(os.environ.get("SLOW", "0")))
        if not self.poison:
            return batch
        images = batch["inputs"].astype(np.float32)
        images[np.isin(batch["index"], self.poison)] = np.nan
        return {**batch, "inputs": images}


def install(place, when, count, action):
    """Has `action` happen at that call of the function."""
    module, _, path = place.partition(":")
    *outer, name = path.split(".")
    holder = functools.reduce(getattr, outer, importlib.import_module(module))
    call = getattr(holder, name)
    lock, calls = threading.Lock(), [0]

    def due():
        with lock:
            calls[0] += 1
            return calls[0] == int(count)

    @functools.wraps(call)
    def broken(*arguments, **named):
        now = due()
        if now and when == "before":
            happen(action)
        result = call(*arguments, **named)
        if now and when == "after":
            happen(action)
        return result

    @functools.wraps(call)
    async def broken_later(*arguments, **named):
        now = due()
        if now and when == "before":
            happen(action)
        result = await call(*arguments, **named)
        if now and when == "after":
            happen(action)
        return result

    setattr(holder, name, broken_later if inspect.iscoroutinefunction(call) else broken)


def happen(action):
    """A signal by its name, `sleep=SECONDS`, or `hang`."""
    name, _, value = action.partition("=")
    if name == "sleep":
        time.sleep(float(value))
    elif name == "hang":  # in C, where no signal's handler of Python's can run
        mutex = ctypes.create_string_buffer(64)
        lock = ctypes.CDLL(None).pthread_mutex_lock
        lock(mutex)
        lock(mutex)
    else:
        os.kill(os.getpid(), signal.Signals[name])


def watch(folder):
    """Writes which examples each step is about to be made of, as far as they are here."""
    import jax

    from framework.train import training

    feed = training._feed

    def seen(setting, loop, start, size):
        name = Path(folder) / f"{os.getpid()}.jsonl"
        with name.open("a") as file:
            for number, batch in enumerate(feed(setting, loop, start, size)):
                shards = [s for s in batch["index"].addressable_shards if s.replica_id == 0]
                here = [int(i) for shard in shards for i in np.asarray(shard.data).ravel()]
                step = start + (number + 1) * size
                line = {"step": step, "process": jax.process_index(), "index": here}
                file.write(json.dumps(line) + "\n")
                file.flush()
                yield batch

    training._feed = seen


if __name__ == "faulty" and "multiprocessing.spawn" not in " ".join(sys.orig_argv):
    if "FAULT" in os.environ:
        install(*os.environ["FAULT"].split())
    if "SEEN" in os.environ:
        watch(os.environ["SEEN"])
