"""`experiments.run` that ends its process when the first step has finished; see startup.py."""

import os
import sys
from collections.abc import Callable
from typing import Any

from framework.run import prepare_environment


class FirstStep:
    """Listener of the training loop."""

    def on_step(self, moment: Any) -> None:
        import jax

        jax.block_until_ready(moment.state)
        os._exit(0)


def main() -> int:
    prepare_environment()
    from framework.config import command as module

    command = module.command

    def watched(prepare: Any, act: Callable[..., int], **more: Any) -> int:
        def watched_act(experiment: Any, composed: Any) -> int:
            from framework.train import run as _  # noqa: F401

            run = sys.modules["framework.train.run"]
            train = run.train

            def watched_train(setting: Any, state: Any, start: int, own: Any, memory: Any) -> Any:
                return train(setting, state, start, [*own, FirstStep()], memory)

            run.train = watched_train
            return act(experiment, composed)

        return command(prepare, watched_act, **more)

    module.command = watched
    from experiments.run import main as run_main

    return run_main()


if __name__ == "__main__":
    sys.exit(main())
