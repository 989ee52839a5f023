"""The same command again goes on with the sweep that it began, though it gives no directory."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from framework.config.problem import InvalidConfig
from framework.launch.conclude import RECORD as CONCLUDED
from framework.launch.request import Request
from framework.launch.sweep import KEY, RECORD, Sweep, differences, record_of


def same_again(request: Request) -> Request:
    """The request in the directory of the newest sweep of the same that has not come to its end.

    As it is where there is none, where the user gave a directory, and where drivers share a
    storage, each of which has a directory of its own.
    """
    if not request.dated or request.dry_run or request.sweeper_settings.get("storage"):
        return request
    others = sorted(request.directory.parent.glob(f"*/{RECORD}"), reverse=True)
    for folder in (file.parent for file in others):
        if folder != request.directory and _goes_on(folder, request):
            print(f"Goes on with {folder}; another {KEY}=… begins anew", file=sys.stderr)
            return replace(request, directory=folder)
    return request


def _goes_on(folder: Path, request: Request) -> bool:
    sweep = Sweep(folder)
    try:
        if not _left(folder, request):  # first, as most have come to their end
            return False
        before, after = sweep.record(), record_of(request)
        same = before is not None and not (differences(before, after) + differences(after, before))
        if not same or before is None or before["launcher"]["name"] != request.launcher:
            return False
        with sweep.held():  # not by a driver at work
            return True
    except (InvalidConfig, KeyError, TypeError):  # something else has a file of that name
        return False


def _left(folder: Path, request: Request) -> bool:
    """Whether the sweep has something to do."""
    try:
        said: dict[str, Any] = json.loads((folder / CONCLUDED).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it was killed
        return True
    states = {*said["counts"], *said.get("confirmations", ())}
    again = request.retry_failed and "failed" in states
    return bool(said["stopped"] or again or {"waiting", "running"} & states)
