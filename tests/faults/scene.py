"""One run that is broken and started again, and how it compares with an untouched one."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.experiments.launch import (
    Ended,
    end,
    last_checkpoint,
    logged,
    losses,
    saved_arrays,
    start,
)

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

    def end(self, process: "subprocess.Popen[str]", *codes: int) -> Ended:
        """Waits for it; it must have ended with one of `codes`, and never with a traceback."""
        begun = time.monotonic()
        ended = end(process)
        self.ends.append(ended)
        self.seconds.append(time.monotonic() - begun)
        assert ended.code in codes, f"ended with {ended.code} instead of {codes}: {_tail(ended)}"
        assert "Traceback" not in ended.err, _tail(ended)
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


def assert_same_bits(run: Path, reference: Path) -> None:
    """The same arrays in the last checkpoint, the same losses, and each step logged once."""
    step = last_checkpoint(reference)
    assert last_checkpoint(run) == step, f"{last_checkpoint(run)} instead of {step}"
    ours, theirs = saved_arrays(run, step), saved_arrays(reference, step)
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array, err_msg=name)
    assert_logged(run, reference)
    assert curves(run) == curves(reference)
    assert evaluated(run) == evaluated(reference)


def assert_close(run: Path, reference: Path) -> None:
    """As above, but for the arithmetic of another mesh."""
    assert_logged(run, reference, 1e-5)
    ours, theirs = evaluated(run), evaluated(reference)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def assert_logged(run: Path, reference: Path, tolerance: float = 0.0) -> None:
    """Each step once in metrics.jsonl and in TensorBoard, with the losses of the reference."""
    steps = [line["step"] for line in logged(run) if "loss" in line]
    assert steps == sorted(set(steps)), f"metrics.jsonl has the steps {steps}"
    for mine, expected in ((losses(run), losses(reference)), (curves(run), curves(reference))):
        assert mine.keys() == expected.keys(), f"{sorted(mine)} instead of {sorted(expected)}"
        for key, value in expected.items():
            name = str(key)
            np.testing.assert_allclose(_plain(mine[key]), _plain(value), tolerance, err_msg=name)


def curves(run: Path) -> dict[tuple[str, int], float]:
    """The losses that TensorBoard shows; a step that it shows twice is an error."""
    import logging

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it tells of each new start

    read = EventAccumulator(str(run / "events"), size_guidance={"scalars": 0})
    read.Reload()
    found: dict[tuple[str, int], float] = {}
    for tag in ("training/loss", "validation/log_loss"):
        if tag not in read.Tags()["scalars"]:
            continue
        for event in read.Scalars(tag):
            assert (tag, event.step) not in found, f"{tag} has step {event.step} twice"
            found[tag, event.step] = event.value
    return found


def evaluated(run: Path) -> dict[str, Any]:
    """The final evaluation."""
    found: dict[str, Any] = json.loads((run / "evaluation/test/metrics.json").read_text())
    return found


def _plain(value: float | None) -> float:
    """A loss that is not finite has no number in metrics.jsonl."""
    return float("nan") if value is None else value


def _tail(ended: Ended) -> str:
    return f"{ended.code}\n{ended.out[-1500:]}\n{ended.err[-3000:]}"
