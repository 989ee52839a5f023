"""What is cancelled stays so until somebody takes it back."""

from pathlib import Path

from framework.launch.gke.cancelled import cancel, is_cancelled, take_all_back, take_back


def test_a_trial_is_cancelled_until_that_is_taken_back(tmp_path: Path) -> None:
    run = tmp_path / "trials/7"
    assert not is_cancelled(run)
    take_back(run)
    cancel(run)
    cancel(run)
    assert is_cancelled(run)
    take_back(run)
    assert not is_cancelled(run)


def test_all_of_a_sweep_are_taken_back_confirmations_too(tmp_path: Path) -> None:
    runs = [tmp_path / name for name in ("trials/0", "trials/7", "confirm/1000")]
    for run in runs:
        cancel(run)
    take_all_back(tmp_path)
    assert not any(map(is_cancelled, runs))
