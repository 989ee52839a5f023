"""Known faults of the world become lines; bugs keep their traceback."""

import jax
import pytest

from framework.checkpoint import CheckpointDamaged, CheckpointFailed, CheckpointMismatch
from framework.data import WorkerLost
from framework.train.faults import guarded


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CheckpointMismatch("two arrays differ"), 2, "two arrays differ\nChoose another run.dir"),
        (CheckpointFailed("no space; the next start continues from step 3"), 1, "from step 3"),
        (CheckpointDamaged("checkpoint 3 is damaged"), 1, "checkpoint 3 is damaged"),
        (FloatingPointError("invalid value (nan) in mul"), 1, "not finite: FloatingPoint"),
        (PermissionError(13, "Permission denied", "/x"), 1, "Permission denied: /x\nThe same"),
        (OSError("something"), 1, "something\nThe same command"),
        (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 5 GB\nand more"), 1,
         "too little memory: RESOURCE_EXHAUSTED: 5 GB\nA smaller"),
        (WorkerLost("a worker was lost"), 75, "Stopped: a worker was lost\nThe same command"),
        (KeyboardInterrupt(), 130, "Stopped at once."),
    ],
)  # fmt: skip
def test_a_fault_is_a_line(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        raise error

    assert guarded(work) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("error", [ValueError("x"), jax.errors.JaxRuntimeError("INTERNAL: x")])
def test_a_bug_is_not_hidden(error: Exception) -> None:
    def work() -> int:
        raise error

    with pytest.raises(type(error)):
        guarded(work)


def test_work_that_ends_well_says_how() -> None:
    assert guarded(lambda: 75) == 75
