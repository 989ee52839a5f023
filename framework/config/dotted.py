"""A choice of a group that was written with dots, which Hydra takes for a value and may pass over:
with `hydra.launcher=slurm` everything would run here.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from framework.config.problem import Problem, nearest


def dotted_choices(words: Iterable[str], folders: Sequence[Path]) -> list[Problem]:
    """One problem for each.

    Args:
        words: of the command line.
        folders: of configs, those of the user among them.
    """
    pairs = (word.partition("=") for word in words if "=" in word)
    found = (_dotted(key.lstrip("+"), value, folders) for key, _, value in pairs)
    return [problem for problem in found if problem is not None]


def _dotted(key: str, value: str, folders: Sequence[Path]) -> Problem | None:
    group = key.replace(".", "/")
    choices = {file.stem for folder in folders for file in (folder / group).glob("*.yaml")}
    if "." not in key or not choices or value == "null" or value.startswith(("{", "${")):
        return None
    expected = f"the group {group} to be written with a slash"
    if value in choices:
        return Problem(key, value, expected, f"{group}={value}")
    return Problem(key, value, expected, nearest(value, choices)) if _is_hydras(key) else None


def _is_hydras(key: str) -> bool:
    """Elsewhere a key may have the name of a group and take a text."""
    return key.startswith("hydra.")
