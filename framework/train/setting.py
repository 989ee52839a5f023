"""What the stages of a run share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from framework.checkpoint import Checkpoints
from framework.run import RunDirectory
from framework.tracking import Tracker
from framework.train.bad_steps import BadStep
from framework.train.clock import Clock
from framework.train.experiment import Experiment
from framework.train.program import Program
from framework.train.watchdog import Watchdog


@dataclass(frozen=True)
class Setting:
    """An experiment under way: its directory, programs, checkpoints, trackers and terminal.

    Attributes:
        config: the settings, plain.
        bad_steps: those met so far, of this attempt and earlier ones.
    """

    experiment: Experiment
    directory: RunDirectory
    program: Program
    checkpoints: Checkpoints
    tracker: Tracker
    console: Console
    config: Mapping[str, Any] = field(default_factory=dict)
    bad_steps: Sequence[BadStep] = ()
    clock: Clock = field(default_factory=Clock)
    watchdog: Watchdog = field(default_factory=lambda: Watchdog(None, Clock(), Path()))
