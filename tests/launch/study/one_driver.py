"""A driver in a process of its own: `python -m tests.launch.study.one_driver DIRECTORY STORAGE N`.

It trains nothing: a trial takes a moment, then its line is in the table and the study is told, in
the order and with the table of a real driver. `done.txt` of the sweep has a line for each.
"""

import os
import random
import sys
import time
from pathlib import Path

from framework.launch.study.options import Random, StudyOptions
from framework.launch.table import Row, Table
from tests.launch.study.sweeping import joined, square

WORKERS = 3


def main(path: Path, storage: str | None, n_trials: int) -> None:
    path.mkdir(parents=True, exist_ok=True)
    table = Table(path / "trials.jsonl")
    options = StudyOptions(
        n_trials=n_trials,
        sampler=Random(),
        storage=storage,
        study_name="shared" if storage else None,
        lease=2.0,
    )
    driver = joined(path, options, rows=list(table))
    for row in table:
        if row.ended:
            driver.study.tell(row.number, row.state, row.result)
        elif row.number in driver.lost:
            table.change(row.number, state="failed", message="taken by another")
    running = [row.number for row in table if not row.ended]
    draw = random.Random(os.getpid())
    print("joined", flush=True)
    while running or not driver.study.finished():
        while len(running) < WORKERS and (proposed := driver.study.propose()) is not None:
            number, values = proposed
            table.put(Row(number, dict(values), "running"))
            running.append(number)
        time.sleep(0.02)
        if running:
            finish(running.pop(draw.randrange(len(running))), table, driver.study)
    driver.leave()


def finish(number: int, table: Table, study) -> None:
    loss = square(table[number].values)
    study.report(number, 10, {"validation/log_loss": loss})
    with (table.path.parent / "done.txt").open("a") as file:
        file.write(f"{number}\n")
    result = {"validation/log_loss": loss}
    table.change(number, state="done", result=result)
    study.tell(number, "done", result)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] or None, int(sys.argv[3]))
