"""Composes the config of a single run."""

import copy
import functools
import re
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.conf import HydraConf
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

_KEY = re.compile(r"(?!hydra\b)[\w.]+")


def compose_once(
    words: Sequence[str], configs: Path, name: str
) -> tuple[DictConfig, HydraConf] | None:
    """The config of a single run, and Hydra's own, where `words` are settings and nothing else.

    None where Hydra has more to do: flags, settings of its own, a sweep. `hydra.main` composes
    everything twice, first to see whether it is a sweep, which takes 0.2 s more.
    """
    if any(word.startswith("-") or "hydra" in word.partition("=")[0] for word in words):
        return None
    try:
        with hydra.initialize_config_dir(str(configs), version_base="1.3"):
            config = hydra.compose(name, list(words), return_hydra_config=True)
    except HydraException as error:
        if str(error).startswith("Ambiguous value"):  # a sweep, which a config file may ask for
            return None
        raise
    with open_dict(config):
        own = config.pop("hydra")
    return (config, own) if own.mode is None and not own.callbacks else None


def compose_plain(
    words: Sequence[str], configs: Path, name: str, extra: Path | None = None
) -> DictConfig:
    """The config of a single run, without Hydra's own; `extra` is the user's folder of configs.

    The choices of groups are composed once in a process, as that takes 0.1 s and more; values are
    laid over them, which is what Hydra does with values too.
    """
    folders = (configs, extra) if extra is not None else (configs,)
    values = [word for word in words if _is_value(word, folders)]
    search = [f"hydra.searchpath=[file://{extra.resolve()}]"] if extra is not None else []
    choices = (*search, *(word for word in words if word not in values))
    try:
        config = copy.deepcopy(_composed(choices, configs, name))
        for value in map(OverridesParser.create().parse_override, values):
            if value.is_sweep_override() or value.package is not None:
                raise ValueError
            OmegaConf.update(
                config, value.key_or_group, value.value(), merge=True,
                force_add=value.is_force_add(),
            )  # fmt: skip
        return config
    except (HydraException, OmegaConfBaseException, ValueError):  # Hydra says best what is wrong
        with hydra.initialize_config_dir(str(configs), version_base="1.3"):
            return hydra.compose(name, [*search, *words])


@functools.lru_cache(maxsize=8)
def _composed(words: tuple[str, ...], configs: Path, name: str) -> DictConfig:
    with hydra.initialize_config_dir(str(configs), version_base="1.3"):
        return hydra.compose(name, list(words))


def _is_value(word: str, folders: Sequence[Path]) -> bool:
    """Whether it sets a value, and neither chooses of a group nor adds or removes anything."""
    key, equals, _ = word.removeprefix("++").partition("=")
    return bool(equals and _KEY.fullmatch(key)) and not any((f / key).is_dir() for f in folders)
