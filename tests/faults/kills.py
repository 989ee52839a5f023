"""SIGKILL at chosen and at random moments of a run's life."""

import random
import signal
import time

from tests.faults.case import Case
from tests.faults.scene import Scene

SLOWLY = {"SLOW": "0.03"}

# Each a call, and which one: `own/faulty.py`. Saves 1 … 6 are those of the steps 10 … 60.
STARTING = {
    "the-run-directory": "framework.run.directory:RunDirectory.begin before 1",
    "its-second-file": "framework.run.directory:write_text after 2",
    "the-first-state": "framework.train.program:Program.initial_state after 1",
    "the-trackers": "framework.train.run:open_trackers after 1",
    "the-first-step": "framework.train.loop:Loop._bound before 1",
}
BETWEEN = {
    "the-first-evaluation": "framework.train.conclude:evaluate_state before 1",
    "the-third-evaluation": "framework.train.conclude:evaluate_state after 3",
    "the-last-step": "framework.train.loop:Loop._bound after 60",
}
_CHECKPOINTS = "framework.checkpoint.checkpoints"
_ORBAX = "orbax.checkpoint._src.path.atomicity"
SAVING = {
    "before-it": f"{_CHECKPOINTS}:Checkpoints.save before 2",
    "its-directory-made": f"{_ORBAX}:AtomicRenameTemporaryPath.create after 2",
    "arrays-copied": f"{_CHECKPOINTS}:Checkpoints.save after 2",
    "before-the-rename": f"{_ORBAX}:AtomicRenameTemporaryPath.finalize before 4",
    "after-the-rename": f"{_ORBAX}:AtomicRenameTemporaryPath.finalize after 4",
    "before-the-manifest": f"{_CHECKPOINTS}:write_manifest before 3",
    "hashing": "framework.manifest.manifest:_hash after 21",
    "manifest-beside": "framework.manifest.manifest:json.dump after 2",
    "manifest-named": "framework.manifest.manifest:to_disk after 60",
    "after-the-manifest": f"{_CHECKPOINTS}:write_manifest after 3",
    "the-first-save-of-all": f"{_CHECKPOINTS}:write_manifest before 1",
    "the-last-save-of-all": f"{_CHECKPOINTS}:write_manifest before 6",
}
REMOVING = {
    "before": "framework.checkpoint.housekeeping:remove_old before 3",
    "renamed": "framework.checkpoint.housekeeping:discard before 1",
    "half-gone": "os:rmdir before 1",
    "gone": "framework.checkpoint.housekeeping:remove_old after 4",
}
COPYING = {
    "before": "framework.checkpoint.copies:Copies.update before 3",
    "its-fifth-file": "framework.checkpoint.copies:_copy_file after 22",
    "without-manifest": "framework.checkpoint.copies:_transfer before 3",
    "removing-one": "framework.checkpoint.copies:_remove before 1",
    "one-removed": "framework.checkpoint.copies:_remove after 1",
}
CONCLUDING = {
    "the-last-evaluation": "framework.train.conclude:conclude before 1",
    "writing-it": "framework.train.conclude:write_examined after 1",
    "the-report": "framework.train.conclude:write_report before 1",
    "the-report-written": "framework.train.conclude:write_report after 1",
    "complete": "framework.train.conclude:say_where before 1",
}


def _cases(theme: str, moments: dict[str, str], tested: str, *words: str) -> list[Case]:
    """A kill at each moment; that called `tested` is among the fast tests."""

    def case(name: str, place: str) -> Case:
        return Case(
            f"kill-{theme}-{name}",
            lambda scene: scene.killed(place, **SLOWLY),
            harmless=words,
            tests="fast" if name == tested else "no",
        )

    return [case(name, place) for name, place in moments.items()]


def _at_a_time(seconds: float) -> Case:
    def play(scene: Scene) -> None:
        process = scene.begin(**SLOWLY)
        time.sleep(seconds)
        process.kill()
        scene.end(process, 0, -signal.SIGKILL)

    return Case(f"kill-after-{seconds:.2f}-s", play)


def _again_and_again(scene: Scene) -> None:
    """At six moments of one life, each a second after the last checkpoint's successor."""
    places = (
        STARTING["the-first-step"], SAVING["before-the-rename"], REMOVING["half-gone"],
        SAVING["hashing"], SAVING["before-it"], CONCLUDING["the-report"],
    )  # fmt: skip
    for place in places:
        scene.killed(place, **SLOWLY)


_SEEDED = random.Random(5)
CASES = (
    *_cases("starting", STARTING, ""),
    *_cases("between", BETWEEN, ""),
    *_cases("saving", SAVING, "before-the-manifest"),
    *_cases("removing", REMOVING, ""),
    *_cases("copying", COPYING, "", "checkpoint.copy_to=copies"),
    *_cases("concluding", CONCLUDING, "the-report"),
    *(_at_a_time(0.2 + 0.7 * part + _SEEDED.uniform(0, 0.7)) for part in range(8)),
    Case("kill-six-times", _again_and_again, tests="long"),
)
