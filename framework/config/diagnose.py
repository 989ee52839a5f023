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
            override, problem = _parsed(text, loader)
            if override is not None:
                if not loader.get_group_options(override.key_or_group, None, name, search):
                    values.append(override)
                    continue
                problem = _wrong_choice(loader, override, name, search)
                choices += [] if problem else _single(override)
            problems += [problem] if problem else []
        try:
            config = compose(name, overrides=search + choices, return_hydra_config=True)
            groups = loader.get_group_options("", ObjectType.GROUP, name, search)
            found = [(override, _wrong_key(config, override, groups)) for override in values]
            right = [
                word for override, problem in found if problem is None for word in _single(override)
            ]
            problems += [problem for _, problem in found if problem is not None]
            settings = as_plain(compose(name, overrides=search + choices + right))
        except (HydraException, OmegaConfBaseException) as error:
            return problems or [plain(error)], None
    return problems or [plain(cause)], settings


def as_plain(config: DictConfig) -> dict[str, Any]:
    """The settings as plain data; mandatory ones that are missing stay `???`."""
    settings = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    assert isinstance(settings, dict)
    return {str(key): value for key, value in settings.items()}


def _parsed(text: str, loader: ConfigLoader) -> tuple[Override | None, Problem | None]:
    try:
        override = OverridesParser.create().parse_override(text)
        override.config_loader = loader  # which knows what a sweep's `glob(*)` stands for
        reason = "the key is missing"
    except HydraException as error:
        override, reason = None, str(error).splitlines()[0]
    if override is not None and override.key_or_group:
        return override, None
    return None, Problem("command line", text, "key=value in Hydra's syntax", reason)


def _wrong_choice(
    loader: ConfigLoader, override: Override, name: str, search: list[str]
) -> Problem | None:
    group = override.key_or_group
    if override.is_delete() or (override.is_sweep_override() and not override.is_choice_sweep()):
        return None
    choices = loader.get_group_options(group, ObjectType.CONFIG, name, search)
    shown = [choice for choice in choices if not choice.startswith("_")]  # what others build on
    value = override.value() if not override.is_sweep_override() else _swept(override)
    for choice in value if isinstance(value, list) else [value]:
        if isinstance(choice, dict):
            continue  # the group's content, not a choice
        # Written nan, true or 3, a choice is no text to Hydra.
        if not isinstance(choice, str) or choice not in choices:
            hint = nearest(str(choice), shown)
            if str(choice) in choices:
                hint = f"in a list, write it in quotes: '{choice}'"
            return Problem(group, choice, f"a choice of the group '{group}'", hint)
    return None


def _single(override: Override) -> list[str]:
    """The word of a single run, the first of a sweep over choices; none for other sweeps."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    return [f"{override.get_key_element()}={value}" for value in _swept(override)[:1]]


def _swept(override: Override) -> list[str]:
    """The values of a sweep over choices, as they are written."""
    return list(override.sweep_string_iterator()) if override.is_choice_sweep() else []


def _wrong_key(config: DictConfig, override: Override, groups: Sequence[str]) -> Problem | None:
    """A key that the composed config does not have, nor is a group."""
    if override.is_add():
        return None
    walked: list[str] = []
    for part in override.key_or_group.split("."):
        node = OmegaConf.select(config, ".".join(walked)) if walked else config
        names = [str(key) for key in node] if isinstance(node, DictConfig) else []
        if part not in names:
            above = ".".join(walked)
            expected = f"a key of '{above}'" if walked else "a key or a group of the experiment"
            chosen = config.hydra.runtime.choices.get(above.replace(".", "/"))
            if above.startswith("hydra.") and chosen is not None:
                expected += f" with {above.replace('.', '/')}={chosen}"
            known = {*names, *(() if walked else groups)}
            hint = nearest(part, [name for name in known if not name.startswith("_")])
            if walked and node is None:
                hint = f"{above} is null: give it whole, as {above}={{{part}: …}}"
            swept = override.is_sweep_override()
            shown = override.get_value_string() if swept else override.get_value_element_as_str()
            return Problem(override.key_or_group, shown, expected, hint)
        walked.append(part)
    return None


def plain(error: Exception) -> Problem:
    """What Hydra or OmegaConf raised, in a line."""
    text = "\n".join(str(part) for part in (error, error.__cause__) if part is not None)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = lines[0] if lines else type(error).__name__
    rest = [line for line in dict.fromkeys(lines) if line != first and "://" not in line]
    hint = "; ".join(rest)
    return Problem("config", first, "settings that Hydra can compose", hint[:300])
