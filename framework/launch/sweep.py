"""The directory of a sweep: what it is of, its trials, and one driver at a time."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from framework.config.problem import InvalidConfig, Problem
from framework.config.swept import Dimension, as_word
from framework.launch.grid import same
from framework.launch.lock import locked
from framework.launch.request import Request
from framework.launch.table import FILE, Table
from framework.launch.trial import Trial
from framework.run import write_text

RECORD = "sweep.yaml"
_PARTS = {"fixed": list, "space": dict, "sweeper": dict, "sweep": dict}
# Where and how trials are run, not what they are: free to differ when a sweep is continued.
_FREE = re.compile(r"(run|tracker|distributed|data_schema)\b|trainer\.(grace|hang)_seconds$")
_PASSWORD = re.compile(r"(://[^:/@]*):[^@]*@")
KEY = "hydra.sweep.dir"


@dataclass(frozen=True)
class Sweep:
    """Names of the files in a sweep's directory."""

    path: Path

    @property
    def trials(self) -> Path:
        """A run directory for each trial."""
        return self.path / "trials"

    def table(self) -> Table:
        """Of its trials."""
        return Table(self.path / FILE)

    def trial(self, fixed: Sequence[str], number: int, values: Mapping[str, Any]) -> Trial:
        """One of its trials; never does it see the test split."""
        run = self.trials / str(number)
        return Trial(number, values, words(fixed, values, run, ["validation"]), run)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """While inside, no other driver may have it.

        Raises:
            InvalidConfig: another has it.
        """
        with contextlib.ExitStack() as held:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                held.enter_context(locked(self.path / ".lock", wait=False))
            except BlockingIOError as error:
                expected = "a sweep that no other driver holds"
                hint = "wait until it has ended, or end it with Ctrl-C"
                raise InvalidConfig(Problem(KEY, self.path, expected, hint)) from error
            except OSError as error:
                expected = "a place that can be written"
                hint = error.strerror or str(error)
                raise InvalidConfig(Problem(KEY, self.path, expected, hint)) from error
            yield

    def record(self) -> dict[str, Any] | None:
        """What it is of; None where it is new."""
        file = self.path / RECORD
        if not file.exists():
            return None
        try:
            found = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            found = None
        if not isinstance(found, dict):
            expected = "a sweep whose sweep.yaml can be read"
            raise InvalidConfig(Problem(KEY, self.path, expected))
        if not all(isinstance(found.get(name), kind) for name, kind in _PARTS.items()):
            expected = "a sweep whose sweep.yaml is a record of it"
            hint = "that of another program has the same name; choose another directory"
            raise InvalidConfig(Problem(KEY, self.path, expected, hint))
        return found

    def check(self, record: Mapping[str, Any]) -> None:
        """What `record` is of must be the same as before, or more.

        Raises:
            InvalidConfig: it is of something else.
        """
        before = self.record()
        changes = differences(before, record) if before else []
        if changes:
            expected = "a sweep of the same experiment and space, or a smaller one"
            hint = f"it differs in {', '.join(changes)}; choose another directory"
            raise InvalidConfig(Problem(KEY, self.path, expected, hint))

    def begin(self, record: Mapping[str, Any]) -> None:
        """Writes what it is of."""
        write_text(self.path / RECORD, yaml.safe_dump(dict(record), sort_keys=False))

    def write_json(self, name: str, value: object) -> None:
        """Writes a file whole or not at all."""
        write_text(self.path / name, json.dumps(value, indent=2) + "\n")


def words(
    fixed: Sequence[str], values: Mapping[str, Any], run: Path, final: Sequence[str]
) -> tuple[str, ...]:
    """What composes a trial."""
    own = (as_word(key, value) for key, value in values.items())
    given = {word.partition("=")[0].lstrip("+") for word in fixed}
    rest = [f"++{as_word('evaluation.final', list(final))}", as_word("run.dir", str(run))]
    if "evaluation.report" not in given:
        rest.append("++evaluation.report=false")
    if "tracker.wandb.group" not in given:  # W&B shows the sweep as a group
        rest.append(f"++{as_word('tracker.wandb.group', run.parent.parent.name)}")
    return (*fixed, *own, *rest)


def record_of(request: Request) -> dict[str, Any]:
    """What `sweep.yaml` says of a request; plain data."""
    plain: dict[str, Any] = json.loads(
        json.dumps(
            {
                "name": request.name,
                "fixed": list(request.fixed),
                "space": {one.key: _plain(one) for one in request.space},
                "sweeper": {"name": request.sweeper, **_sayable(request.sweeper_settings)},
                "sweep": request.sweep,
                "launcher": {"name": request.launcher, **request.launch},
            }
        )
    )
    return plain


def _sayable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Without the password of an address."""
    return {
        name: _PASSWORD.sub(r"\1:***@", value) if isinstance(value, str) else value
        for name, value in settings.items()
    }


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What makes `after` another sweep, and not more of `before`."""
    found = []
    old, new = _fixed(before["fixed"]), _fixed(after["fixed"])
    found += [
        f"{key}: {old.get(key, '(not given)')} → {new.get(key, '(not given)')}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    spaces = before["space"], after["space"]
    for key in sorted(spaces[0].keys() | spaces[1].keys()):
        was, now = (space.get(key) for space in spaces)
        if was is None or now is None or not _grown(was, now):
            found.append(f"{key}: {_shown(was)} → {_shown(now)}")
    if before["sweeper"]["name"] != after["sweeper"]["name"]:
        found.append(f"hydra/sweeper: {before['sweeper']['name']} → {after['sweeper']['name']}")
    if before["sweep"].get("metric") != after["sweep"].get("metric"):
        old_metric, new_metric = before["sweep"].get("metric"), after["sweep"].get("metric")
        found.append(f"sweep.metric: {old_metric} → {new_metric}")
    return found


def _grown(was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether every value of before is among those of now."""
    if "values" in was and "values" in now:
        return set(map(same, was["values"])) <= set(map(same, now["values"]))
    if "low" in was and "low" in now:
        wider: bool = now["low"] <= was["low"] and was["high"] <= now["high"]
        return wider and list(was["tags"]) == list(now["tags"])
    return was == now


def _plain(one: Dimension) -> dict[str, Any]:
    if one.kind == "interval":
        return {
            "written": one.written, "low": one.start, "high": one.stop, "tags": list(one.tags),
        }  # fmt: skip
    return {"written": one.written, "values": list(one.values)}


def _fixed(given: Sequence[str]) -> dict[str, str]:
    pairs = (word.partition("=") for word in given)
    return {
        key: value for key, _, value in pairs if not _FREE.match(key) and not key.startswith("-")
    }


def _shown(dimension: Mapping[str, Any] | None) -> str:
    return "(not swept)" if dimension is None else str(dimension["written"])
