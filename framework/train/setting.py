"""What the stages of a run share."""

from dataclasses import dataclass

from rich.console import Console

from framework.checkpoint import Checkpoints
from framework.run import RunDirectory
from framework.tracking import Tracker
from framework.train.experiment import Experiment
from framework.train.program import Program


@dataclass(frozen=True)
class Setting:
    """An experiment under way: its directory, programs, checkpoints, trackers and terminal."""

    experiment: Experiment
    directory: RunDirectory
    program: Program
    checkpoints: Checkpoints
    tracker: Tracker
    console: Console
