"""One run that is broken and started again."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.experiments.launch import Ended, end, last_checkpoint, start

OWN = Path(__file__).resolve().parent / "own"
STEPS = 60
AUGMENT = "data.augmentations=[{_target_:faulty.Faulty}]"
WORDS = (
    "model=mlp", "model.widths=[16]", "model.dropout=0.1", "mesh=single", "data.batch_size=32",
    "evaluation.every=10", "checkpoint.every=10", "trainer.log_every=5", f"trainer.steps={STEPS}",
    "trainer.deterministic=true", "tracker.wandb.enabled=false", "run.dir=run", AUGMENT,
)  # fmt: skip
MOST = 6  # starts that a run may need until it is complete
EIGHT = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "PJRT_NPROC": "32"}
_TELLING = re.compile(r".*(Continuing from|complete|damaged|fetched|Going back|was not|Stopped).*")


@dataclass
class Scene:
    """A folder with a run in it, and the command that makes it.

    Attributes:
        words: the command's.
        module: what is started, with `before` in front of the words.
        told: environment of every start.
        ends: how each start ended.
        seconds: that each took.
    """

    folder: Path
    words: tuple[str, ...]
    module: str = "experiments.run"
    before: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    ends: list[Ended] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def run(self) -> Path:
        """The run directory."""
        return self.folder / "run"

    def begin(self, *more: str, fault: str | None = None, **told: str) -> "subprocess.Popen[str]":
        """Starts the command; `fault` is what happens to it, see `own/faulty.py`."""
        told = {**self.told, **told, **({"FAULT": fault} if fault else {})}
        return start(
            *self.before, *self.words, *more, cwd=self.folder, module=self.module,
            PYTHONPATH=str(OWN), **told,
        )  # fmt: skip

    def end(self, process: "subprocess.Popen[str]", *codes: int, traceback: bool = False) -> Ended:
        """Waits for it; it must have ended with one of `codes`, and without a traceback unless a
        library cannot be kept from one.
        """
        begun = time.monotonic()
        try:
            ended = end(process)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError(f"has not ended in {error.timeout:g} s") from error
        self.ends.append(ended)
        self.seconds.append(time.monotonic() - begun)
        assert ended.code in codes, f"ended with {ended.code} instead of {codes}: {_tail(ended)}"
        assert traceback or "Traceback" not in ended.err, _tail(ended)
        return ended

    def start(self, *more: str, code: int, fault: str | None = None, **told: str) -> Ended:
        """The command from start to end, which must give `code`."""
        return self.end(self.begin(*more, fault=fault, **told), code)

    def finish(self, *more: str, **told: str) -> Ended:
        """Starts the command until the run is complete; every start but the last asks for it."""
        for _ in range(MOST):
            ended = self.end(self.begin(*more, **told), 0, 75)
            if ended.code == 0:
                return ended
        raise AssertionError(f"not complete after {MOST} starts: {_tail(self.ends[-1])}")

    def killed(self, fault: str, *more: str, **told: str) -> Ended:
        """The command, which is killed at a moment."""
        return self.start(*more, fault=f"{fault} SIGKILL", code=-signal.SIGKILL, **told)

    def wait(self, process: "subprocess.Popen[str]", step: int) -> None:
        """Until a checkpoint of `step` or later is whole."""
        wait_until(process, lambda: last_checkpoint(self.run) >= step)

    def copy(self, name: str) -> "Scene":
        """Another folder beside this one, empty, whose starts are counted here."""
        folder = self.folder / name
        folder.mkdir()
        return Scene(
            folder, self.words, self.module, self.before, self.told, self.ends, self.seconds
        )

    def said(self) -> str:
        """What the starts after the first said about what had happened."""
        said = "\n".join(each.out + each.err for each in self.ends[1:])
        lines = [line.strip() for line in said.splitlines()]
        telling = [re.sub(r" of /\S+| in /\S+|/\S*/", "", line) for line in lines
                   if _TELLING.fullmatch(line)]  # fmt: skip
        return next(iter(telling), "began anew" if len(self.ends) > 1 else "")


def wait_until(process: "subprocess.Popen[str]", what: Callable[[], object]) -> None:
    """Waits until `what` holds, while the process runs."""
    deadline = time.monotonic() + 120
    while not what():
        assert process.poll() is None, _tail(end(process))
        assert time.monotonic() < deadline, "waited for two minutes"
        time.sleep(0.01)


def _tail(ended: Ended) -> str:
    return f"{ended.code}\n{ended.out[-1500:]}\n{ended.err[-3000:]}"
