"""`experiments.run` that notes what it compiles and when its first step has finished; see sweep.py.

The file that `NOTED` names gets a line of JSON for each: the run directory, and `compiled`, the
name of a function that JAX compiled or found in its cache of programs (`jax.monitoring` tells), or
`first_step`, in seconds since 1970. With `--multirun` the workers do so.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from framework.run import prepare_environment

COMPILED = "/jax/core/compile/backend_compile_duration"


def note(**what: Any) -> None:
    """Writes a line."""
    run = next((word for word in sys.argv if word.startswith("run.dir=")), "run.dir=")
    with Path(os.environ["NOTED"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"run": run.partition("=")[2], **what}) + "\n")


class FirstStep:
    """Listener of the training loop."""

    def __init__(self) -> None:
        self._noted = False

    def on_step(self, moment: Any) -> None:
        if not self._noted:
            import jax

            jax.block_until_ready(moment.state)
            note(first_step=time.time())
            self._noted = True


def watch() -> None:
    """From now on, runs of this process are watched."""
    import jax

    from framework.train import run as _  # noqa: F401

    module = sys.modules["framework.train.run"]
    train = module.train

    def watched(setting: Any, state: Any, start: int, own: Any, memory: Any) -> Any:
        return train(setting, state, start, [*own, FirstStep()], memory)

    def hear(event: str, duration_secs: float, **more: Any) -> None:
        del duration_secs
        if event == COMPILED:
            note(compiled=more.get("fun_name", ""))

    module.train = watched  # type: ignore[attr-defined]
    jax.monitoring.register_event_duration_secs_listener(hear)


def work(descriptor: int) -> int:
    """A worker of a sweep, which is told its trials through a socket."""
    prepare_environment()
    from experiments import trial_worker

    watch()
    return trial_worker.main(descriptor)


def main() -> int:
    """The command, whose workers are this file."""
    from experiments.run import main as run_main
    from framework.launch import process

    if "--multirun" in sys.argv:
        process.MODULE = Path(__file__).stem
        return run_main()
    prepare_environment()
    from framework.config import command as module

    command = module.command

    def watched(prepare: Any, act: Callable[..., int], **more: Any) -> int:
        def watched_act(experiment: Any, composed: Any) -> int:
            watch()
            return act(experiment, composed)

        return command(prepare, watched_act, **more)

    module.command = watched  # type: ignore[assignment]
    return run_main()


if __name__ == "__main__":
    from experiments.interruption import end_at_once_on_signals

    end_at_once_on_signals()
    sys.exit(work(int(sys.argv[1])) if sys.argv[1].isdecimal() else main())
