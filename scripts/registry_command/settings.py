"""`configs/registry.yaml` with the words of a command, and the objects that it describes."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from framework.config import InvalidConfig, Problem
from framework.registry.gates import Gate

_NAME = "registry"


def compose(words: Sequence[str]) -> dict[str, Any]:
    """The settings as plain data.

    Args:
        words: `key=value`.

    Raises:
        InvalidConfig: every mistake among the words.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands errors on instead of printing its own
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from framework.config.command import CONFIGS
    from framework.config.compose import compose_once
    from framework.config.diagnose import as_plain, diagnose

    try:
        composed = compose_once(words, CONFIGS, _NAME)
        if composed is None:
            text = "settings of configs/registry.yaml"
            raise InvalidConfig(Problem("command line", " ".join(words), text))
        return as_plain(composed[0])
    except (HydraException, OmegaConfBaseException) as error:
        raise InvalidConfig(*diagnose(words, CONFIGS, _NAME, None, error)[0]) from error


def gates(settings: Mapping[str, Any], key: str) -> dict[str, Gate]:
    """The gates of one alias by name; those that are null are left out.

    Raises:
        InvalidConfig: every mistake in them.
    """
    from framework.config.build import read

    calls, problems = {}, []
    for name, value in settings.items():
        if value is None:
            continue
        if not isinstance(value, Mapping):
            problems.append(Problem(f"{key}.{name}", value, "a gate with its _target_, or null"))
            continue
        calls[name], found = read(value, f"{key}.{name}")
        problems += found
    if problems:
        raise InvalidConfig(*problems)
    built: dict[str, Gate] = {}
    for name, call in calls.items():
        assert call is not None
        try:
            built[name] = call()
        except InvalidConfig as error:
            problems += error.problems
        else:
            if not callable(built[name]):
                expected = "a gate: an object that is called with two contenders"
                problems.append(Problem(f"{key}.{name}._target_", call.target, expected))
    if problems:
        raise InvalidConfig(*problems)
    return built


def tracker(settings: Mapping[str, Any]) -> Any:
    """The tracker options where a push is to be recorded at W&B; None where not.

    Raises:
        InvalidConfig: every mistake in them.
    """
    wandb = settings["tracker"].get("wandb") or {}
    if not wandb.get("enabled") or wandb.get("mode") == "disabled":
        return None
    from framework.config.build import require

    return require(settings["tracker"], "tracker")
