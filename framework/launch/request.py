"""What is asked for with `--multirun`, in plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.config.problem import InvalidConfig, Problem
from framework.config.swept import Dimension

if TYPE_CHECKING:
    from framework.config.multirun import Multirun


@dataclass(frozen=True)
class Request:
    """A sweep as it was asked for.

    Attributes:
        name: of the experiment.
        directory: of the sweep, absolute.
        fixed: the words that compose every trial.
        space: the keys that are swept.
        sweeper: its name, with its settings beside.
        launcher: its name; `launch` are its settings.
        sweep: `metric`, `direction`, `confirm`.
        settings: of the experiment without the swept keys, plain.
        by_file: one of the words is a config file that makes a sweep by itself.
        dated: the directory has the moment in its name, as nobody chose one.
    """

    name: str
    directory: Path
    fixed: tuple[str, ...]
    space: tuple[Dimension, ...]
    sweeper: str = "grid"
    sweeper_settings: Mapping[str, Any] = field(default_factory=dict)
    launcher: str = "local"
    launch: Mapping[str, Any] = field(default_factory=dict)
    sweep: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    by_file: bool = False
    dated: bool = False

    @property
    def max_tries(self) -> int:
        """Tries of a trial in a row that may gain nothing.

        Raises:
            InvalidConfig: `launch.max_tries` is none.
        """
        return _number(self.launch.get("max_tries", 3), "launch.max_tries", 1)

    @property
    def confirmations(self) -> int:
        """How often the best is trained again.

        Raises:
            InvalidConfig: `sweep.confirm` is no number.
        """
        return _number(self.sweep.get("confirm") or 0, "sweep.confirm", 0)

    @property
    def retry_failed(self) -> bool:
        """Whether trials that failed are tried again.

        Raises:
            InvalidConfig: `launch.retry_failed` is neither true nor false.
        """
        return self._switch("retry_failed")

    @property
    def dry_run(self) -> bool:
        """Whether all is written down and nothing is submitted.

        Raises:
            InvalidConfig: `launch.dry_run` is neither true nor false.
        """
        return self._switch("dry_run")

    def _switch(self, name: str) -> bool:
        value = self.launch.get(name, False)
        if not isinstance(value, bool):  # in Hydra's syntax yes and no are texts
            raise InvalidConfig(Problem(f"launch.{name}", value, "true or false"))
        return value

    @classmethod
    def of(cls, multirun: "Multirun") -> "Request":
        """As Hydra composed it."""
        return cls(
            name=str(multirun.settings.get("name")),
            directory=multirun.directory,
            fixed=multirun.fixed,
            space=multirun.space,
            sweeper=multirun.sweeper,
            sweeper_settings=multirun.own,
            launcher=multirun.launcher,
            launch=multirun.launch,
            sweep=multirun.sweep,
            settings=multirun.settings,
            by_file=multirun.by_file,
            dated=multirun.dated,
        )


def _number(value: Any, key: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidConfig(Problem(key, value, f"a whole number from {least}"))
    return value
