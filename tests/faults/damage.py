"""Files of a checkpoint that are altered, cut short or gone."""

import shutil
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

from tests.checkpoint.damage import files, flip, truncate
from tests.experiments.launch import last_checkpoint
from tests.faults.case import Case
from tests.faults.scene import Scene

# With the checkpoints 20 and 30 whole: a save waits for the former one before it calls this.
AT_40 = "framework.checkpoint.checkpoints:_arguments before 4"
AGAIN_AT_40 = "framework.checkpoint.checkpoints:_arguments before 2"
KINDS = {
    "manifest": "manifest.json",
    "metadata": "_CHECKPOINT_METADATA",
    "commit-mark": "commit_success.txt",
    "record": "record/metadata",
    "commit-mark-of-the-record": "record/commit_success.txt",
    "tree": "state/_METADATA",
    "shardings": "state/_sharding",
    "array-metadata": "state/array_metadatas/process_*",
    "commit-mark-of-the-state": "state/commit_success.txt",
    "data": "state/d/*",
    "database": "state/manifest.ocdbt",
    "data-of-a-process": "state/ocdbt.process_*/d/*",
    "database-of-a-process": "state/ocdbt.process_*/manifest.ocdbt",
}
DAMAGES: dict[str, Callable[[Path], None]] = {
    "flipped": flip, "cut": truncate, "deleted": lambda path: path.unlink(),
}  # fmt: skip


def _one_file(pattern: str) -> Callable[[Scene], None]:
    """Three times in a run's life, each time in another way."""

    def play(scene: Scene) -> None:
        scene.killed(AT_40)
        for damage in DAMAGES.values():
            checkpoint = scene.run / "checkpoints" / "30"
            (name, *_), unknown = _files(checkpoint, pattern)
            assert not unknown, f"no case damages {unknown}"
            damage(checkpoint / name)
            ended = scene.killed(AGAIN_AT_40)
            assert "checkpoint 30 is damaged and set aside as 30.damaged" in ended.out, ended.out
            # A manifest in which a digit has changed names a file that is not as it says.
            assert f": {name}: " in ended.out or name == "manifest.json", ended.out
            assert "Continuing from step 20" in ended.out, ended.out

    return play


def _files(checkpoint: Path, pattern: str) -> tuple[list[str], list[str]]:
    """Those of the pattern, and those that no pattern has."""
    names = [path.relative_to(checkpoint).as_posix() for path in files(checkpoint)]
    unknown = [name for name in names if not any(fnmatch(name, p) for p in KINDS.values())]
    return [name for name in names if fnmatch(name, pattern)], unknown


def _every_checkpoint(scene: Scene) -> None:
    scene.killed(AT_40)
    for checkpoint in ("20", "30"):
        flip(scene.run / "checkpoints" / checkpoint / "record" / "metadata")
    ended = scene.finish()
    assert "Continuing" not in ended.out, ended.out
    assert ended.out.count("is damaged and set aside") == 2, ended.out


def _one_with_a_copy(scene: Scene) -> None:
    scene.killed(AT_40)
    flip(next((scene.run / "checkpoints" / "30" / "state" / "d").iterdir()))
    ended = scene.killed(AGAIN_AT_40.replace("2", "1"))
    assert "checkpoint 30 is damaged and set aside as 30.damaged: state/d/" in ended.out, ended.out
    assert "checkpoint 30 fetched from copies" in ended.out, ended.out
    assert "Continuing from step 30" in ended.out, ended.out


def _all_but_the_copies(scene: Scene) -> None:
    scene.killed(AT_40)
    shutil.rmtree(scene.run)
    ended = scene.killed(AGAIN_AT_40)
    assert "Continuing from step 30" in ended.out, ended.out


def _a_copy_too(scene: Scene) -> None:
    scene.killed(AT_40)
    for place in (scene.run / "checkpoints", scene.folder / "copies"):
        truncate(next((place / "30" / "state" / "d").iterdir()))
    ended = scene.killed(AGAIN_AT_40)
    assert "the copy of checkpoint 30 in copies is damaged and skipped: state/d/" in ended.out
    assert "Continuing from step 20" in ended.out, ended.out
    assert last_checkpoint(scene.run) == 30


_COPIED = ("checkpoint.copy_to=copies",)
CASES = (
    *(
        Case(f"damaged-{kind}", _one_file(pattern), tests="long" if kind == "data" else "no")
        for kind, pattern in KINDS.items()
    ),
    Case("damaged-every-checkpoint", _every_checkpoint),
    Case("damaged-with-a-copy", _one_with_a_copy, harmless=_COPIED, tests="long"),
    Case("damaged-and-its-copy", _a_copy_too, harmless=_COPIED),
    Case("lost-all-but-the-copies", _all_but_the_copies, harmless=_COPIED, equal="weights"),
)
