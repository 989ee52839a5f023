"""What a sweeper plugin of Hydra's was asked for, as plain data for the command."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf, open_dict

from framework.config.diagnose import as_plain
from framework.config.problem import InvalidConfig, Problem
from framework.config.swept import Dimension, parse

APART = ("sweep", "launch")  # settings of sweeps, which are no part of an experiment
_OF_ALL = tuple(f"{name}." for name in APART)


@dataclass(frozen=True)
class Multirun:
    """A sweep as Hydra composed it.

    Attributes:
        settings: of the experiment, with the first values of what is swept or none of them.
        fixed: words that compose every trial.
        sweeper, launcher: the choices of `hydra/sweeper` and `hydra/launcher`.
        own: the settings of the sweeper.
        sweep, launch: the settings under these keys.
        by_file: a config file asked for it, with `hydra.mode`, and not the command line.
        dated: the directory has the moment in its name, as nobody chose one.
    """

    settings: Mapping[str, Any]
    directory: Path
    fixed: tuple[str, ...]
    space: tuple[Dimension, ...]
    sweeper: str
    own: Mapping[str, Any]
    launcher: str
    sweep: Mapping[str, Any]
    launch: Mapping[str, Any]
    by_file: bool = False
    dated: bool = False


def sweep(plugin: Any, arguments: list[str]) -> Any:
    """Hands a plugin's request to the command's task, which has a method `sweep`.

    Args:
        plugin: with `params`, `settings`, and what Hydra's `setup` gave: `loader`, `task`,
            `config`.
    """
    config = plugin.config.copy()
    with open_dict(config):
        own = config.pop("hydra")
        apart = {name: config.pop(name, {}) for name in APART}
        unresolved: Any = OmegaConf.to_container(own.sweep, resolve=False)
    fixed, space = parse(arguments, plugin.params, plugin.loader)
    _refuse_swept(space)
    return plugin.task.sweep(
        Multirun(
            settings=as_plain(config),
            directory=Path(own.sweep.dir).absolute(),
            fixed=tuple(word for word in fixed if not word.lstrip("+").startswith(_OF_ALL)),
            space=space,
            sweeper=str(own.runtime.choices["hydra/sweeper"]),
            own=plugin.settings,
            launcher=str(own.runtime.choices["hydra/launcher"]),
            sweep=_plain(apart["sweep"]),
            by_file=bool(plugin.params) or not {"-m", "--multirun"} & set(sys.argv),
            dated="${now:" in unresolved["dir"],
            launch={**_plain(apart["launch"]), **_launcher(own.launcher)},
        )
    )


def _refuse_swept(space: Sequence[Dimension]) -> None:
    """A list without brackets is a sweep to Hydra, also of what all trials have in common."""
    wrong = [one for one in space if one.key.lstrip("+").startswith(_OF_ALL)]
    if wrong:
        expected = "one value for the whole sweep"
        hint = "in brackets it is a list, {0}=[{1}]; in quotes a text, \"{0}='{1}'\""
        raise InvalidConfig(
            *(Problem(o.key, o.written, expected, hint.format(o.key, o.written)) for o in wrong)
        )


def _launcher(settings: Any) -> dict[str, Any]:
    """What is set under hydra.launcher, which belongs to the place as `launch` does."""
    return {key: value for key, value in _plain(settings).items() if not key.startswith("_")}


def _plain(config: Any) -> dict[str, Any]:
    found = OmegaConf.to_container(OmegaConf.create(config or {}), resolve=True)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}
