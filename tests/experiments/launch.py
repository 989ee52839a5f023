"""How a user starts a command: in a process of its own, or in this one where that is enough."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
# The smallest run that has every part: one device, a dense layer, no trackers but metrics.jsonl.
SMALL = (
    "model=mlp", "model.widths=[16]", "mesh=single", "tracker=none", "data.batch_size=32",
    "evaluation.every=20", "checkpoint.every=20", "trainer.log_every=10", "trainer.steps=40",
    "evaluation.analysis.depth=none",
)  # fmt: skip


def language_words(folder: Path, run: Path, context: int) -> list[str]:
    """Words of a run of a tiny language model on a few made-up pages, which are written too."""
    for page in range(6):
        (folder / f"{page}.txt").write_text("".join(f"{page} rose is a rose. " for _ in range(60)))
    return [
        "experiment=shakespeare", f"data.path={folder}", f"run.dir={run}", "mesh=single",
        f"data.sequence_length={context}", "data.batch_size=8", "model.width=32", "model.heads=2",
        "trainer.steps=80", "schedule.warmup=5", "evaluation.every=40", "checkpoint.every=40",
        "data.files='*.txt'", "tracker=none", "optimizer.learning_rate=1e-2",
    ]  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """The environment of a command: the project importable, one CPU device."""
    plain = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    paths = [more.pop("PYTHONPATH", ""), str(ROOT)]
    return {**plain, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **more}


def start(
    *words: str, cwd: Path, module: str = "experiments.run", **more: str
) -> subprocess.Popen[str]:
    """Starts the command in a process group of its own, as a shell does."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=cwd, env=environment(**more), text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def end(process: subprocess.Popen[str]) -> Ended:
    """Waits for it."""
    out, err = process.communicate(timeout=300)
    return Ended(process.returncode, out, err)


def launch(*words: str, cwd: Path, module: str = "experiments.run", **more: str) -> Ended:
    """The command from start to end."""
    return end(start(*words, cwd=cwd, module=module, **more))


def wait_for(what: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Waits until `what` holds, while the process runs."""
    deadline = time.monotonic() + 120
    while not what():
        assert process.poll() is None, end(process)
        assert time.monotonic() < deadline
        time.sleep(0.01)


def last_checkpoint(run: Path) -> int:
    """The newest finished checkpoint's step, 0 without one."""
    found = [path.parent.name for path in run.glob("checkpoints/*/manifest.json")]
    return max((int(name) for name in found if name.isdigit()), default=0)


def logged(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def losses(run: Path) -> dict[int, float]:
    """Step to training loss."""
    return {line["step"]: line["loss"] for line in logged(run) if "loss" in line}


def saved_arrays(run: Path, step: int) -> dict[str, np.ndarray]:
    """Every array of a checkpoint, read by Orbax alone, whatever the devices were."""
    import jax
    import orbax.checkpoint as ocp

    state = (run / "checkpoints" / str(step) / "state").absolute()
    with ocp.PyTreeCheckpointer() as reader:
        saved = reader.metadata(state).item_metadata.tree
        plain = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), saved)
        tree = reader.restore(state, restore_args=plain)
    return {
        jax.tree_util.keystr(path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def here(*words: str, module: str = "experiments.run") -> int:
    """The command in this process; its exit code. The process's settings are put back."""
    import importlib

    import jax

    from framework.run import collect_as_usual

    names = ("jax_compilation_cache_dir", "jax_debug_nans")
    before = {name: getattr(jax.config, name) for name in names}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [module, *words])
        try:
            code: int = importlib.import_module(module).main()
            return code
        except SystemExit as error:  # of argparse and of Hydra's own flags
            return error.code if isinstance(error.code, int) else 1
        finally:
            for name, value in before.items():
                jax.config.update(name, value)
            collect_as_usual()


class Command(Protocol):
    """The command in this process, in an empty folder."""

    def __call__(self, *words: str) -> Ended: ...
