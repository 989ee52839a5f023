"""The place of a sweep on Slurm, from its settings."""

import shutil
from pathlib import Path

from framework.config import InvalidConfig, Problem
from framework.config.build import require
from framework.launch.place import Place
from framework.launch.request import Request
from framework.launch.slurm.options import KEY, SlurmOptions
from framework.launch.slurm.place import SlurmJobs
from framework.launch.slurm.script import RECORD
from framework.launch.slurm.workers import SlurmWorkers
from framework.launch.together import together

# Of `launch`, those that are the driver's.
SHARED = ("max_tries", "retry_failed")
_COMMANDS = ("sbatch", "scontrol", "scancel")


def make_place(request: Request) -> Place:
    """A job for each trial, or with `launch.workers` an array of jobs that pull them.

    Raises:
        InvalidConfig: what is wrong with the settings; there is no Slurm here.
    """
    own = {name: value for name, value in request.launch.items() if name not in SHARED}
    target = f"{SlurmOptions.__module__}.{SlurmOptions.__qualname__}"
    options: SlurmOptions
    options, tries, _ = together(
        lambda: require({"_target_": target, **own}, KEY),
        lambda: request.max_tries,
        _check_commands,
    )
    if options.workers is not None:
        return SlurmWorkers(options, request.directory / RECORD, Path.cwd(), tries)
    return SlurmJobs(options, Path.cwd(), tries)


def _check_commands() -> None:
    missing = [name for name in _COMMANDS if shutil.which(name) is None]
    if missing:
        expected = f"a machine that has Slurm's {', '.join(missing)}"
        hint = "start the sweep on a login node, or choose another launcher"
        raise InvalidConfig(Problem("hydra/launcher", "slurm", expected, hint))
