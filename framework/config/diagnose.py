"""Says every mistake on a command line at once, where Hydra stops at the first."""

from collections.abc import Sequence
from pathlib import Path

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
) -> list[Problem]:
    """The problems of `overrides`, one each; `cause` itself where none explains it.

    Args:
        overrides: the command line's `key=value` words.
        configs: the folder of the project's own configs.
        name: the name of the primary config.
        extra: the user's `--config-dir`.
        cause: what Hydra raised.
    """
    GlobalHydra.instance().clear()
    if extra is not None and not extra.is_dir():
        return [Problem("--config-dir", extra, "a folder of configs")]
    search = [f"hydra.searchpath=[file://{extra.resolve()}]"] if extra else []
    problems: list[Problem] = []
    with initialize_config_dir(str(configs), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        good: list[str] = []
        values: list[Override] = []
        for text in overrides:
            override, problem = _parsed(text)
            if problem is None and override is not None:
                if not loader.get_group_options(override.key_or_group, results_filter=None):
                    values.append(override)
                    continue
                problem = _wrong_choice(loader, override)
            problems += [problem] if problem else []
            good += [] if problem else [text]
        try:
            config = compose(name, overrides=search + good)
        except (HydraException, OmegaConfBaseException) as error:
            return problems or [_plain(error)]
        problems += [found for o in values if (found := _wrong_key(loader, config, o))]
    return problems or [_plain(cause)]


def _parsed(text: str) -> tuple[Override | None, Problem | None]:
    try:
        return OverridesParser.create().parse_override(text), None
    except HydraException as error:
        reason = str(error).splitlines()[0]
        return None, Problem("command line", text, "key=value in Hydra's syntax", reason)


def _wrong_choice(loader: ConfigLoader, override: Override) -> Problem | None:
    group = override.key_or_group
    choices = loader.get_group_options(group, results_filter=ObjectType.CONFIG)
    value = override.value()
    asked = value if isinstance(value, list) else [value]
    for choice in asked:
        if choice is not None and not override.is_sweep_override() and str(choice) not in choices:
            return Problem(group, choice, f"a choice of the group '{group}'",
                           nearest(str(choice), choices))
    return None


def _wrong_key(loader: ConfigLoader, config: DictConfig, override: Override) -> Problem | None:
    """A key that the composed config does not have."""
    if override.is_add() or override.key_or_group.startswith("hydra"):
        return None
    node: object = config
    walked: list[str] = []
    for part in override.key_or_group.split("."):
        names = [str(key) for key in node] if isinstance(node, DictConfig) else []
        if part not in names:
            place = ".".join(walked)
            groups = [] if walked else list(loader.list_groups("", include_root=False)
                                            if hasattr(loader, "include_root") else [])
            hint = nearest(part, names + groups)
            expected = f"a key of '{place}'" if place else "a key of the experiment"
            shown = override.get_value_element_as_str()
            return Problem(override.key_or_group, shown, expected, hint)
        walked.append(part)
        node = OmegaConf.select(config, ".".join(walked), throw_on_missing=False)
    return None


def _plain(error: Exception) -> Problem:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return Problem("config", lines[0] if lines else type(error).__name__,
                   "settings that Hydra can compose", "; ".join(lines[1:3]))
