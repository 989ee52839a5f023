"""What a person has said of a trial: it is cancelled, whether a driver is at work or not."""

from pathlib import Path

from framework.launch.confirm import FOLDER

CANCELLED = "cancelled"  # a file in the run directory
SAID = "cancelled"  # what the table says of it


def cancel(run: Path) -> None:
    """Until it is taken back, the trial of this run directory is not started."""
    run.mkdir(parents=True, exist_ok=True)
    (run / CANCELLED).touch()


def is_cancelled(run: Path) -> bool:
    """Whether it was, and nobody has taken that back."""
    return (run / CANCELLED).exists()


def take_back(run: Path) -> None:
    """The trial may be started again."""
    (run / CANCELLED).unlink(missing_ok=True)


def take_all_back(sweep: Path) -> None:
    """Of all trials and confirmations of a sweep's directory."""
    for folder in ("trials", FOLDER):
        for file in (sweep / folder).glob(f"*/{CANCELLED}"):
            file.unlink(missing_ok=True)
