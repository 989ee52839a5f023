"""The frame of every command: Hydra composes, one function runs, mistakes are plain lines."""

import contextlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import hydra
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from framework.config import completion
from framework.config.compose import compose_once, compose_plain
from framework.config.diagnose import as_plain, diagnose, plain
from framework.config.dotted import dotted_choices
from framework.config.multirun import APART, Multirun
from framework.config.problem import InvalidConfig, Problem

CONFIGS = Path(__file__).resolve().parent.parent.parent / "configs"
USAGE_ERROR = 2
INTERRUPTED = 130
NOTHING = "nothing was started"
_WITH_VALUE = (
    "--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn",
    "--config-dir", "-cd", "--experimental-rerun",
)  # fmt: skip
_NOT_TEXT = re.compile(r"nan|inf|true|false|[\d.e_+-]+", re.IGNORECASE)
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
    literal: Sequence[str] = (),
    sweep: Callable[[Multirun], int] | None = None,
) -> int:
    """Composes the config `name` from the command line, then checks it, then acts on it.

    Args:
        prepare: builds and checks what the settings describe; raises InvalidConfig.
        act: does the work; returns the exit code.
        literal: keys whose values are text as it stands, such as a prompt.
        sweep: does what `--multirun` asks of this framework's own sweepers; returns the exit code.

    Returns:
        The exit code: the highest that `act` gave, 2 with one line for each mistake of the
        user's, or 130 after Ctrl-C.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands errors on instead of printing its own
    task = _Task(prepare, act, sweep)
    words = _flags_first(sys.argv[1:])
    installed = completion.script(words)
    if installed is not None:
        print(installed, end="")
        return 0
    line = os.environ.get("COMP_LINE", "").split()
    words = completion.prepare_query(words, _config_dir(line))
    extra = _config_dir(words)
    dotted = dotted_choices(words, _folders(extra))
    if dotted:
        return report(dotted)
    sys.argv[1:] = [_literal(_quoted(word, extra), literal) for word in words]
    try:
        composed = compose_once(sys.argv[1:], CONFIGS, name)
        if composed is not None:
            task(*composed)
        else:
            hydra.main(config_path=str(CONFIGS), config_name=name, version_base="1.3")(task)()
    except InvalidConfig as error:  # of a sweep
        return report(error.problems)
    except (HydraException, OmegaConfBaseException, TypeError, ValueError) as error:
        if task.jobs:  # not Hydra's
            raise
        return _explain(error, prepare, name)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    if task.jobs and all(job.code == USAGE_ERROR for job in task.jobs):
        _tidy(task.jobs)
    return max((job.code for job in task.jobs), default=task.code)


def compose_words(
    words: Sequence[str],
    name: str = "config",
    check: Callable[[dict[str, Any]], Any] = bool,
) -> Composed:
    """The settings of a single run that these words compose, whatever they say of sweeps.

    Args:
        check: looks for further mistakes in what is composed of the words that are right, where
            some are wrong; by default nothing does.

    Raises:
        InvalidConfig: what is wrong with the words.
    """
    flags = [word for word in words if word.startswith("--config-dir=")]
    extra = _config_dir(flags)
    plain_words = [_quoted(word, extra) for word in words if word not in flags]
    try:
        config = compose_plain(plain_words, CONFIGS, name, extra)
    except (HydraException, OmegaConfBaseException, TypeError, ValueError) as error:
        problems, rest = diagnose(plain_words, CONFIGS, name, extra, error)
        try:
            if rest is not None:
                check(_without_sweep(rest))
        except InvalidConfig as others:
            problems += others.problems
        raise InvalidConfig(*problems) from error
    return Composed(_without_sweep(as_plain(config)), tuple(words), {}, None)


def report(problems: Sequence[Problem], outcome: str = NOTHING) -> int:
    """Prints each problem on a line of stderr; returns the exit code of a user's mistake."""
    count = "one mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
    print(f"The configuration has {count}; {outcome}.", file=sys.stderr)
    for problem in problems:
        print(f"  {problem}", file=sys.stderr)
    return USAGE_ERROR


class _Task:
    """What Hydra calls: once for a run, or for each of several; or its sweeper, for all at once."""

    def __init__(
        self,
        prepare: Callable[[Composed], Any],
        act: Callable[[Any, Composed], int],
        sweep: Callable[[Multirun], int] | None,
    ) -> None:
        self._prepare, self._act, self._sweep = prepare, act, sweep
        self.jobs: list[_Job] = []
        self.code = 0

    def __call__(self, config: DictConfig, own: HydraConf | None = None) -> int:
        """A run."""
        own = own or HydraConfig.get()
        self.jobs.append(job := _Job.started(own))
        outcome = NOTHING
        try:
            if self._sweep is not None:
                _refuse_alone(own)
            composed = _plain(config, own, job)
            prepared = self._prepare(composed)
            outcome = "the run does not go on"
            job.code = self._act(prepared, composed)
        except InvalidConfig as error:
            job.code = report(error.problems, outcome)
        except OmegaConfBaseException as error:
            job.code = report([plain(error)])
        return job.code

    def sweep(self, multirun: Multirun) -> None:
        """All runs of a sweep."""
        if self._sweep is None:
            expected = "hydra/sweeper=basic for this command"
            raise InvalidConfig(Problem("hydra/sweeper", multirun.sweeper, expected))
        extra = _config_dir(sys.argv[1:])
        flags = () if extra is None else (f"--config-dir={extra.absolute()}",)
        self.code = self._sweep(replace(multirun, fixed=(*flags, *multirun.fixed)))


@dataclass
class _Job:
    """One of the runs of a command, of which `--multirun` makes several."""

    sweep: Path | None
    directory: Path
    code: int = 0

    @classmethod
    def started(cls, own: HydraConf) -> "_Job":
        """The one that begins with `own` as Hydra's settings."""
        if own.mode != RunMode.MULTIRUN:
            return cls(None, Path.cwd())
        return cls(Path(own.sweep.dir), Path(own.runtime.output_dir))


def _explain(error: Exception, prepare: Callable[[Composed], Any], name: str) -> int:
    """Every mistake on the command line, Hydra having stopped at the first."""
    words = sys.argv[1:]
    overrides = [word for word in words if "=" in word and not word.startswith("-")]
    problems, rest = diagnose(overrides, CONFIGS, name, _config_dir(words), error)
    if rest is not None:
        try:
            prepare(Composed(_without_sweep(rest), tuple(overrides), {}, None))
        except InvalidConfig as others:
            problems += others.problems
    return report(problems)


def _tidy(jobs: Sequence[_Job]) -> None:
    """Takes away what Hydra made for a sweep none of whose jobs could start."""
    sweep = jobs[0].sweep
    if sweep is None or any(any(job.directory.glob("*")) for job in jobs):
        return
    with contextlib.suppress(OSError):  # something else is there
        (sweep / "multirun.yaml").unlink(missing_ok=True)
        folders = {parent for job in jobs for parent in (job.directory, *job.directory.parents)}
        for folder in sorted(folders, reverse=True):
            if folder.is_relative_to(sweep.absolute()):
                folder.rmdir()


def _flags_first(words: Sequence[str]) -> list[str]:
    """The same words, `--flags` with their values first: Hydra knows words after a flag, or words
    before it, but not both.
    """
    flags: list[str] = []
    others: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        value = before in _WITH_VALUE or (before in ("--info", "-i") and "=" not in word)
        (flags if word.startswith("-") or value else others).append(word)
    return flags + others


def _quoted(word: str, extra: Path | None) -> str:
    """`debug=nan` as `debug='nan'`: a choice of a group is text, also where it looks like a number.

    `debug=null` is `~debug`: no choice.
    """
    group, equals, choice = word.partition("=")
    folders = [folder / group for folder in _folders(extra)]
    if not group or not equals or not any(folder.is_dir() for folder in folders):
        return word
    if choice == "null":
        return f"~{group}"
    named = any((folder / f"{choice}.yaml").is_file() for folder in folders)
    return f"{group}='{choice}'" if named and _NOT_TEXT.fullmatch(choice) else word


def _literal(word: str, keys: Sequence[str]) -> str:
    """`prompt=To be, or` as Hydra's quoted text, in which nothing has a meaning."""
    key, equals, text = word.partition("=")
    if not equals or key not in keys:
        return word
    # Backslashes have a meaning before a quote alone; `$` begins an interpolation.
    text = re.sub(r"(\\*)'", r"\1\1\'", text)
    text = re.sub(r"(\\+)\Z", r"\1\1", text)
    text = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
    return f"{key}='{text}'"


def _plain(config: DictConfig, own: HydraConf, job: _Job) -> Composed:
    return Composed(
        settings=_without_sweep(as_plain(config)),
        overrides=tuple(own.overrides.task),
        choices={k: str(v) for k, v in own.runtime.choices.items() if "/" not in k},
        sweep_directory=job.directory if job.sweep else None,
    )


def _refuse_alone(own: HydraConf) -> None:
    """Words that only a sweep of this framework's heeds, where there is none."""
    groups = ("hydra/launcher=", "hydra/sweeper=") if own.mode != RunMode.MULTIRUN else ()
    words = (word.lstrip("+") for word in (*own.overrides.task, *own.overrides.hydra))
    lost = [w for w in words if w.startswith((*(f"{name}." for name in APART), *groups))]
    hint = "add --multirun, or leave it out" if groups else "leave out hydra/sweeper=basic"
    pairs = [word.partition("=") for word in lost]
    if pairs:
        raise InvalidConfig(*(Problem(k, value, "a sweep", hint) for k, _, value in pairs))


def _without_sweep(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of one run, to which those of a sweep and its place mean nothing."""
    return {key: value for key, value in settings.items() if key not in APART}


def _folders(extra: Path | None) -> list[Path]:
    """Those with configs."""
    return [folder for folder in (CONFIGS, extra) if folder is not None]


def _config_dir(words: Sequence[str]) -> Path | None:
    for index, word in enumerate(words):
        flag, _, value = word.partition("=")
        if flag in ("--config-dir", "-cd"):
            return Path(value or (words[index + 1] if index + 1 < len(words) else ""))
    return None
