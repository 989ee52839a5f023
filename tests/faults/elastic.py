"""Runs that go on with other processes, other devices or another mesh."""

import contextlib
import json
from collections import Counter

import numpy as np

from tests.data.make import text_folder
from tests.faults.case import Case, Like
from tests.faults.damage import AT_40
from tests.faults.processes import CLUSTER
from tests.faults.scene import EIGHT, Scene

TEXTS = "../texts"
CORPORA = {"plays": 24, "letters": 6}
WORKER = ("mesh=fsdp", "data.workers=1")
TEXT_WORDS = (
    "experiment=shakespeare", "data=text_mixture", "model.layers=1", "model.width=16",
    "model.heads=2", "data.sequence_length=32", "data.batch_size=8", "evaluation.every=10",
    "checkpoint.every=10", "trainer.log_every=5", "trainer.steps=60", "schedule.warmup=10",
    "trainer.deterministic=true", "tracker.wandb.enabled=false", "run.dir=run", "mesh=fsdp",
    "data.workers=1", "data.augmentations=[{_target_:faulty.Faulty}]",
    "data.corpora={plays:{path:../texts/plays,weight:3},letters:{path:../texts/letters,weight:1}}",
)  # fmt: skip


def _texts(scene: Scene) -> None:
    """The two corpora, beside the folders of the runs."""
    for seed, (name, documents) in enumerate(CORPORA.items()):
        folder = scene.folder / TEXTS / name
        if not folder.exists():
            text_folder(folder, documents, seed)


def _alone(scene: Scene, devices: int = 8) -> None:
    scene.module, scene.before = "experiments.run", ()
    flags = EIGHT["XLA_FLAGS"].replace("8", str(devices))
    scene.told = {**EIGHT, "XLA_FLAGS": flags}


def _together(scene: Scene) -> None:
    scene.module, scene.before, scene.told = "scripts.local_cluster", CLUSTER, {}


def _seen_in(scene: Scene) -> str:
    """A folder for what the next start sees."""
    folder = scene.folder / "seen" / str(len(scene.ends))
    folder.mkdir(parents=True)
    return str(folder)


def _untouched(scene: Scene) -> None:
    _texts(scene)
    scene.start(code=0, SEEN=_seen_in(scene))


def _killed(scene: Scene) -> None:
    _texts(scene)
    process = scene.begin(fault=f"{AT_40} SIGKILL", SEEN=_seen_in(scene))
    scene.end(process, -9, 75, 134, 137)


def _together_then_alone(scene: Scene) -> None:
    _together(scene)
    _killed(scene)
    _alone(scene)


def _alone_then_together(scene: Scene) -> None:
    _alone(scene)
    _killed(scene)
    _together(scene)


def _go_on(scene: Scene, *words: str) -> None:
    """To the end; every start trained on the same examples, each once an epoch."""
    ended = scene.start(*words, code=0, SEEN=_seen_in(scene))
    assert "Continuing from step 30" in ended.out, ended.out
    _check_seen(scene)


def _on_fewer(scene: Scene) -> None:
    _alone(scene, 4)
    _go_on(scene)


def _with_tensor(scene: Scene) -> None:
    _go_on(scene, "mesh=fsdp_tensor", "run.resume=allow_changes")


def _check_seen(scene: Scene) -> None:
    steps: dict[int, Counter[int]] = {}
    for folder in sorted((scene.folder / "seen").iterdir()):
        new: dict[int, Counter[int]] = {}
        for file in folder.iterdir():
            for line in map(json.loads, file.read_text().splitlines()):
                new.setdefault(line["step"], Counter()).update(line["index"])
        for step in steps.keys() & new.keys():
            # Of two processes that are killed, one may have begun a step that the other has not.
            assert steps[step] <= new[step], f"step {step} had other examples before"
        steps |= new
    assert sorted(steps) == list(range(1, 61)), sorted(steps)
    sizes = {each.total() for each in steps.values()}
    assert len(sizes) == 1, f"batches of {sizes} examples"
    _check_epochs(steps, _ends(scene))


def _check_epochs(steps: dict[int, Counter[int]], ends: list[int]) -> None:
    """In each set, no example comes again before all have come."""
    had = np.zeros(ends[-1], int)
    for step in sorted(steps):
        for index, count in steps[step].items():
            had[index] += count
        for part in np.split(had, ends[:-1]):
            assert part.max() - part.min() <= 1, f"step {step}: an example came too early"
    assert had.min() >= 1, f"{np.sum(had == 0)} examples were never seen"


def _ends(scene: Scene) -> list[int]:
    """Where each corpus's rows end among all; of the digits there is but one set."""
    if "data=text_mixture" not in scene.words:
        return [json.loads((scene.run / "data.json").read_text())["splits"]["train"]]
    from framework.data import Corpus, text_mixture  # the data alone know how they are packed

    with contextlib.chdir(scene.folder):
        corpora = {name: Corpus(f"{TEXTS}/{name}") for name in CORPORA}
        made = text_mixture(corpora, sequence_length=32, batch_size=8)
    return [int(end) for end in made.splits["train"].joined.starts[1:]]  # type: ignore[attr-defined]


_ALONE = Like(WORKER, EIGHT)
_TEXT_ALONE = Like((), EIGHT)
CASES = (
    Case("elastic-two-processes-to-one", _together_then_alone, WORKER, like=_ALONE,
         untouched=_untouched, then=_go_on, equal="close"),
    Case("elastic-one-process-to-two", _alone_then_together, WORKER, like=_ALONE,
         untouched=_untouched, then=_go_on, equal="close"),
    Case("elastic-eight-devices-to-four", _killed, WORKER, told=EIGHT, like=_ALONE,
         untouched=_untouched, then=_on_fewer, equal="close"),
    Case("elastic-fsdp-to-tensor", _killed, WORKER, told=EIGHT, like=_ALONE,
         untouched=_untouched, then=_with_tensor, equal="close"),
    Case("elastic-packed-mixture-to-one", _together_then_alone, base=TEXT_WORDS, like=_TEXT_ALONE,
         untouched=_untouched, then=_go_on, equal="close"),
    Case("elastic-packed-mixture-to-two", _alone_then_together, base=TEXT_WORDS, like=_TEXT_ALONE,
         untouched=_untouched, then=_go_on, equal="close"),
)  # fmt: skip
