"""A place that only prints what it would have gcloud do."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from framework.launch.place import Ended
from framework.launch.tpu_vm import commands
from framework.launch.tpu_vm.order import Order
from framework.launch.trial import Trial

_ALL = 10**6


@dataclass
class Rehearsal:
    """Writes startup scripts and prints every command.

    Attributes:
        written: writes a trial's script; the name of its machines, and the file.
        out: prints a command.
    """

    order: Order
    written: Callable[[Trial], tuple[str, str]]
    out: Callable[[str], None] = print

    def free(self) -> int:
        """All of them."""
        return _ALL

    def start(self, trials: Sequence[Trial]) -> None:
        """Prints what would ask for the machines, watch them and give them back."""
        named = [self.written(trial) for trial in trials]
        asked = [commands.create(self.order, name, file) for name, file in named]
        given_back = [commands.delete(self.order, name) for name, _ in named]
        for command in (*asked, commands.list_all(self.order), *given_back):
            self.out(shlex.join(command))

    def wait(self, seconds: float) -> list[Ended]:
        """Nothing was asked for that could end."""
        del seconds
        return []

    def stop(self, at_once: bool) -> None:
        """Does nothing: nothing was asked for that could be stopped."""
