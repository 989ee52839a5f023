"""The frame of every command: Hydra composes, one function runs, mistakes are plain lines."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from framework.config.diagnose import as_plain, diagnose
from framework.config.problem import InvalidConfig, Problem

CONFIGS = Path(__file__).resolve().parent.parent.parent / "configs"
USAGE_ERROR = 2
Prepared = TypeVar("Prepared")


@dataclass(frozen=True)
class Composed:
    """What Hydra made of the command line, as plain data."""

    settings: dict[str, Any]
    overrides: tuple[str, ...]
    choices: dict[str, str]
    sweep_directory: Path | None


def command(
    prepare: Callable[[Composed], Prepared],
    act: Callable[[Prepared, Composed], int],
    name: str = "config",
) -> int:
    """Composes the config `name` from the command line, then checks it, then acts on it.

    Args:
        prepare: builds and checks what the settings describe; raises InvalidConfig.
        act: does the work; returns the exit code.

    Returns:
        The exit code: that of `act`, or 2 with one line for each mistake of the user's.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands errors on instead of printing its own
    codes: list[int] = []

    def run(config: DictConfig) -> int:
        composed = _plain(config)
        try:
            codes.append(act(prepare(composed), composed))
        except InvalidConfig as error:
            codes.append(report(error.problems))
        return codes[-1]

    try:
        hydra.main(config_path=str(CONFIGS), config_name=name, version_base="1.3")(run)()
    except (HydraException, OmegaConfBaseException) as error:
        words = sys.argv[1:]
        overrides = [word for word in words if "=" in word and not word.startswith("-")]
        problems, rest = diagnose(overrides, CONFIGS, name, _config_dir(words), error)
        if rest is not None:
            try:
                prepare(Composed(rest, tuple(overrides), {}, None))
            except InvalidConfig as others:
                problems += others.problems
        return report(problems)
    return max(codes, default=0)


def report(problems: Sequence[Problem]) -> int:
    """Prints each problem on a line of stderr; returns the exit code of a user's mistake."""
    count = "one mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    print(f"The configuration has {count}; nothing was started.", file=sys.stderr)
    for problem in problems:
        print(f"  {problem}", file=sys.stderr)
    return USAGE_ERROR


def _plain(config: DictConfig) -> Composed:
    state = HydraConfig.get()
    swept = state.mode is not None and state.mode.name == "MULTIRUN"
    return Composed(
        settings=as_plain(config),
        overrides=tuple(state.overrides.task),
        choices={k: str(v) for k, v in state.runtime.choices.items() if "/" not in k},
        sweep_directory=Path(state.runtime.output_dir) if swept else None,
    )


def _config_dir(words: Sequence[str]) -> Path | None:
    for index, word in enumerate(words):
        flag, _, value = word.partition("=")
        if flag in ("--config-dir", "-cd"):
            return Path(value or (words[index + 1] if index + 1 < len(words) else ""))
    return None
