"""Steps whose loss is not finite: the run stops with the batch, skips it, or goes back."""

import json
from pathlib import Path

import numpy as np
import pytest

from framework.run import RunDirectory
from framework.train.bad_steps import passed_over, read_bad_steps
from tests.experiments.launch import SMALL, Command, logged, losses, saved_arrays

POISON = """
import numpy as np

class Poison:
    \"\"\"Makes chosen examples not finite.\"\"\"
    def __init__(self, examples):
        self.examples = examples

    def __call__(self, batch, keys):
        images = batch["inputs"].astype(np.float32)
        images[np.isin(batch["index"], self.examples)] = np.nan
        return {**batch, "inputs": images}
"""
STEPS = 60
WORDS = (
    *SMALL, f"trainer.steps={STEPS}", "trainer.deterministic=true", "checkpoint.metric=null",
    "trainer.log_every=1", "data.augmentations=[{_target_:poison.Poison,examples:[7]}]",
)  # fmt: skip
EPOCH = 1257 / 32  # steps


@pytest.fixture(autouse=True)
def poison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "poison.py").write_text(POISON)
    monkeypatch.syspath_prepend(folder)


def bad_steps(run: Path) -> list[int]:
    return [bad.step for bad in read_bad_steps(RunDirectory(run))]


def test_it_stops_with_the_state_of_before_and_the_batch(command: Command, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ended = command(*WORDS, f"run.dir={run}")
    assert ended.code == 1
    (step,) = bad_steps(run)
    assert f"Stopped: in step {step} the loss is nan. The state before it is saved" in ended.err
    assert f"python -m experiments.replay run={run} step={step}" in ended.err
    assert "Traceback" not in ended.err
    batch = np.load(run / "bad_steps" / str(step) / "batch.npz")
    assert 7 in batch["index"]
    assert np.isnan(batch["inputs"][batch["index"] == 7]).all()
    assert [path.name for path in (run / "checkpoints").iterdir()] == [str(step - 1)]
    # Again: the same, at once, and nothing is lost.
    assert command(*WORDS, f"run.dir={run}").code == 1
    assert bad_steps(run) == [step]
    # And on without it.
    words = (*WORDS, f"run.dir={run}", "trainer.bad_steps.action=skip")
    assert "run.resume=allow_changes" in command(*words).err
    ended = command(*words, "run.resume=allow_changes")
    assert ended.code == 0, ended
    assert f"Step {step} is left out: the loss is nan" in ended.out
    assert [line["step"] for line in logged(run)] == list(range(1, STEPS + 1))


def test_a_skipped_step_counts_and_is_logged_as_no_number(command: Command, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert command(*WORDS, f"run.dir={run}", "trainer.bad_steps.action=skip").code == 0
    found = losses(run)
    assert bad_steps(run) == [step for step, loss in found.items() if loss is None]
    assert len(bad_steps(run)) == int(STEPS / EPOCH) + 1
    assert json.loads((run / "summary.json").read_text())["complete"]


def test_too_many_in_a_row_end_it(command: Command, tmp_path: Path) -> None:
    poisoned = "data.augmentations=[{_target_:poison.Poison,examples:${range}}]"
    everything = ",".join(map(str, range(1257)))
    words = (*WORDS[:-1], poisoned.replace("${range}", f"[{everything}]"))
    ended = command(*words, f"run.dir={tmp_path}/run", "trainer.bad_steps.action=skip",
                    "trainer.bad_steps.limit=3")  # fmt: skip
    assert ended.code == 1
    assert bad_steps(tmp_path / "run") == [1, 2, 3, 4]


@pytest.mark.parametrize("pass_over", [1, 5])
def test_where_it_goes_back_to_does_not_matter(
    command: Command, tmp_path: Path, pass_over: int
) -> None:
    """The batches left out decide what is trained, not the checkpoint that there happens to be."""
    words = (*WORDS, "trainer.bad_steps.action=rewind", f"trainer.bad_steps.pass_over={pass_over}")
    runs = {every: tmp_path / f"every {every}" for every in (3, 20)}
    for every, run in runs.items():
        copies = f"checkpoint.copy_to={tmp_path}/copies {every}"
        ended = command(*words, f"run.dir={run}", f"checkpoint.every={every}", copies)
        assert ended.code == 0, ended
        assert "Going back to the last checkpoint, and on without the batch." in ended.out
        assert [line["step"] for line in logged(run)] == list(range(1, STEPS + 1))
        assert None not in losses(run).values()
    often, seldom = (saved_arrays(run, STEPS) for run in runs.values())
    for name, array in seldom.items():
        np.testing.assert_array_equal(often[name], array, err_msg=name)
    left_out = passed_over(read_bad_steps(RunDirectory(runs[3])))
    assert len(left_out) == pass_over * len(bad_steps(runs[3]))


def test_a_run_may_look_for_nothing(command: Command, tmp_path: Path) -> None:
    ended = command(*WORDS, f"run.dir={tmp_path}/run", "trainer.bad_steps=null")
    assert ended.code == 0
    assert losses(tmp_path / "run")[STEPS] is None
    assert "bad_steps" not in logged(tmp_path / "run")[0]
