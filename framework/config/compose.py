"""Composes the config of a single run."""

from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.conf import HydraConf
from omegaconf import DictConfig, open_dict


def compose_once(
    words: Sequence[str], configs: Path, name: str
) -> tuple[DictConfig, HydraConf] | None:
    """The config of a single run, and Hydra's own, where `words` are settings and nothing else.

    None where Hydra has more to do: flags, settings of its own, a sweep. `hydra.main` composes
    everything twice, first to see whether it is a sweep, which takes 0.2 s more.
    """
    if any(word.startswith("-") or "hydra" in word.partition("=")[0] for word in words):
        return None
    with hydra.initialize_config_dir(str(configs), version_base="1.3"):
        config = hydra.compose(name, list(words), return_hydra_config=True)
    with open_dict(config):
        own = config.pop("hydra")
    return (config, own) if own.mode is None and not own.callbacks else None


def compose_plain(
    words: Sequence[str], configs: Path, name: str, extra: Path | None = None
) -> DictConfig:
    """The config of a single run, without Hydra's own; `extra` is the user's folder of configs."""
    search = [f"hydra.searchpath=[file://{extra.resolve()}]"] if extra is not None else []
    with hydra.initialize_config_dir(str(configs), version_base="1.3"):
        return hydra.compose(name, [*search, *words])
