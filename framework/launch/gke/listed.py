"""The trials of a sweep and the confirmations of its best, as people and the cluster call them."""

from dataclasses import dataclass
from pathlib import Path

from framework.launch.confirm import FOLDER, SPLITS
from framework.launch.names import Identity, identity
from framework.launch.sweep import Sweep, words
from framework.launch.table import FILE, Row, Table
from framework.launch.trial import Trial


@dataclass(frozen=True)
class Listed:
    """A trial or a confirmation.

    Attributes:
        name: `7`, or `confirm/1000` by its seed.
        table: that has its row.
        run: its run directory here.
        which: its names on the cluster.
    """

    name: str
    row: Row
    table: Table
    run: Path
    which: Identity


def listed(sweep: Sweep) -> list[Listed]:
    """All of a sweep: its trials by their numbers, then its confirmations."""
    fixed = (sweep.record() or {}).get("fixed", ())
    trials, confirmations = sweep.table(), Table(sweep.path / FOLDER / FILE)
    found = []
    for row in trials:
        trial = sweep.trial(fixed, row.number, row.values)
        found.append(Listed(str(row.number), row, trials, trial.run, identity(trial)))
    for row in confirmations:
        seed = str(row.values["seed"])
        run = sweep.path / FOLDER / seed
        trial = Trial(row.number, row.values, words(fixed, row.values, run, SPLITS), run)
        found.append(Listed(f"{FOLDER}/{seed}", row, confirmations, run, identity(trial)))
    return found
