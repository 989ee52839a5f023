"""The compiler of a target in a process of its own, which may fail without taking us along."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import Any

from framework.config import InvalidConfig, Problem
from framework.train.planning.plan import Plan
from framework.train.planning.target import Target


class CompilerFailed(Exception):  # noqa: N818
    """The process ended, or did not answer in time; the text says what it last wrote."""


class Compiler:
    """Compiles an experiment's step for a target, on one mesh after the other."""

    def __init__(self, target: Target, settings: Mapping[str, Any]) -> None:
        """Starts the process; `ready` waits for it."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "framework.train.planning.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
            env={**os.environ, **target.environment(), "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._ask({"target": target.name, "settings": settings})
        self._about: dict[str, Any] | None = None

    def ready(self) -> dict[str, Any]:
        """`devices` (their number), `device` (their kind) and `platform` of the target.

        Raises:
            InvalidConfig: what is wrong with the settings, on these devices.
            CompilerFailed: it could not start.
        """
        if self._about is None:
            self._about = self._answer(None)
        return self._about

    def compile(
        self,
        mesh: Mapping[str, int] | None = None,
        remat: str | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
        quick: bool = False,
        seconds: float | None = None,
    ) -> Plan:
        """The plan of the experiment, on another mesh or with another policy where they are given.

        Args:
            settings: of another experiment. One whose program was compiled before costs a trace.

        Raises:
            InvalidConfig: the experiment cannot be laid out so.
            CompilerFailed: the compiler ended, or took longer than `seconds`.
        """
        self.ready()
        asked = {"mesh": None if mesh is None else dict(mesh), "remat": remat, "quick": quick}
        self._ask({"settings": settings, **asked})
        return Plan.from_json(self._answer(seconds)["plan"])

    def candidates(self, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Meshes and policies that may fit by arithmetic, the fastest first: `mesh`, `remat`, and
        the `words` that change the experiment into that.

        Raises:
            InvalidConfig: what is wrong with the settings, on these devices.
            CompilerFailed: its process ended.
        """
        self.ready()
        self._ask({"settings": settings, "candidates": True})
        found: list[dict[str, Any]] = self._answer(None)["candidates"]
        return found

    def close(self) -> None:
        """Ends the process at once."""
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _ask(self, question: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # said by the missing answer

    def _answer(self, seconds: float | None) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            self._process.kill()
            raise CompilerFailed("it took longer than there was time") from None
        if not line:
            raise CompilerFailed(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "problems" in answer:
            raise InvalidConfig(*(Problem(*problem) for problem in answer["problems"]))
        return answer

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def _last_words(self) -> str:
        code = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f"the compiler's process ended with code {code}\n" + "\n".join(lines[-30:])
