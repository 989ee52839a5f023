"""Says every mistake on a command line at once, where Hydra stops at the first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from framework.config.problem import Problem, nearest


def diagnose(
    overrides: Sequence[str], configs: Path, name: str, extra: Path | None, cause: Exception
) -> tuple[list[Problem], dict[str, Any] | None]:
    """What is wrong with `overrides`, one problem each; `cause` itself where none explains it.

    Args:
        overrides: the command line's `key=value` words.
        configs: the folder of the project's own configs.
        name: the name of the primary config.
        extra: the user's `--config-dir`.
        cause: what Hydra raised.

    Returns:
        The problems, and the settings composed of what is right, so that the rest can be checked.
    """
    GlobalHydra.instance().clear()
    if extra is not None and not extra.is_dir():
        return [Problem("--config-dir", extra, "a folder of configs")], None
    search = [f"hydra.searchpath=[file://{extra.resolve()}]"] if extra else []
    problems: list[Problem] = []
    choices: list[str] = []
    values: list[Override] = []
    with initialize_config_dir(str(configs), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        for text in overrides:
            override, problem = _parsed(text)
            if override is not None:
                if not loader.get_group_options(override.key_or_group, None, name, search):
                    values.append(override)
                    continue
                problem = _wrong_choice(loader, override, name, search)
                choices += [] if problem else [text]
            problems += [problem] if problem else []
        try:
            config = compose(name, overrides=search + choices)
            found = [(override, _wrong_key(config, override)) for override in values]
            right = [override.input_line or "" for override, problem in found if problem is None]
            problems += [problem for _, problem in found if problem is not None]
            settings = as_plain(compose(name, overrides=search + choices + right))
        except (HydraException, OmegaConfBaseException) as error:
            return problems or [_plain(error)], None
    return problems or [_plain(cause)], settings


def as_plain(config: DictConfig) -> dict[str, Any]:
    """The settings as plain data; mandatory ones that are missing stay `???`."""
    settings = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    assert isinstance(settings, dict)
    return {str(key): value for key, value in settings.items()}


def _parsed(text: str) -> tuple[Override | None, Problem | None]:
    try:
        return OverridesParser.create().parse_override(text), None
    except HydraException as error:
        reason = str(error).splitlines()[0]
        return None, Problem("command line", text, "key=value in Hydra's syntax", reason)


def _wrong_choice(
    loader: ConfigLoader, override: Override, name: str, search: list[str]
) -> Problem | None:
    group = override.key_or_group
    if override.is_sweep_override():
        return None
    choices = loader.get_group_options(group, ObjectType.CONFIG, name, search)
    value = override.value()
    for choice in value if isinstance(value, list) else [value]:
        if choice is not None and str(choice) not in choices:
            hint = nearest(str(choice), choices)
            return Problem(group, choice, f"a choice of the group '{group}'", hint)
    return None


def _wrong_key(config: DictConfig, override: Override) -> Problem | None:
    """A key that the composed config does not have."""
    if override.is_add() or override.key_or_group.startswith("hydra"):
        return None
    walked: list[str] = []
    for part in override.key_or_group.split("."):
        node = OmegaConf.select(config, ".".join(walked)) if walked else config
        names = [str(key) for key in node] if isinstance(node, DictConfig) else []
        if part not in names:
            expected = f"a key of '{'.'.join(walked)}'" if walked else "a key of the experiment"
            shown = override.get_value_element_as_str()
            hint = nearest(part, [known for known in names if not known.startswith("_")])
            return Problem(override.key_or_group, shown, expected, hint)
        walked.append(part)
    return None


def _plain(error: Exception) -> Problem:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return Problem("config", lines[0] if lines else type(error).__name__,
                   "settings that Hydra can compose", "; ".join(lines[1:3]))
