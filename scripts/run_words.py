"""The words of a run: which directory they name, and how they are given one."""

import contextlib
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PLAIN = re.compile(r"[\w./-]+", re.ASCII)


def several_runs(words: Sequence[str]) -> bool:
    """Whether the words ask for a sweep."""
    return any(word in ("--multirun", "-m") for word in words)


def given_directory(words: Sequence[str]) -> Path | None:
    """The last `run.dir=…` among the words; None without, or where it has to be composed."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    found: Path | None = None
    for word in words:
        if word.lstrip("+").startswith("run.dir="):
            try:
                value: Any = OverridesParser.create().parse_override(word).value()
            except HydraException:
                return None
            text = "" if value is None else str(value)
            found = Path(text).absolute() if text and "${" not in text else None
    return found


def make_directory(words: Sequence[str]) -> Path | None:
    """Composes what the words describe, as `experiments.run` does, and makes its run directory.

    None where they describe no run: a mistake, or `--help`. Nothing is printed.
    """
    from framework.config.command import Composed, command
    from framework.run import RunOptions

    found: list[Path] = []

    def make(settings: dict[str, Any], _: Composed) -> int:
        run = settings["run"]
        options = RunOptions(
            dir=Path(run["dir"]) if run["dir"] is not None else None, root=Path(run["root"])
        )
        found.append(options.make(settings["name"]))
        return 0

    before = sys.argv
    sys.argv = ["experiments.run", *words]
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            command(lambda composed: composed.settings, make)
    except (SystemExit, OSError, KeyError, TypeError):  # the run itself says it better
        return None
    finally:
        sys.argv = before
    return found[0] if found else None


def tidy(directory: Path) -> None:
    """Takes away what `make_directory` made, as far as it is empty."""
    with contextlib.suppress(OSError):  # something is there
        for folder in (directory, *directory.parents[:2]):
            folder.rmdir()


def with_directory(directory: Path) -> str:
    """The word that gives a run this directory, quoted where Hydra asks for it."""
    text = str(directory)
    if _PLAIN.fullmatch(text):
        return f"run.dir={text}"
    escaped = re.sub(r"(\\*)'", r"\1\1\'", text)
    return f"run.dir='{escaped}'"
