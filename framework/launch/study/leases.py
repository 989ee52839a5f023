"""Signs of life of the drivers of one study.

Each driver writes a new mark under its name every now and then, and looks at those of the others.
How long a mark has stood still is measured on the looker's own clock: clocks of machines differ.
"""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna

from framework.config.problem import InvalidConfig
from framework.launch.study.storage import LOST

FILE = "driver"


class Leases:
    """Which names have shown no new mark for too long.

    Args:
        seconds: that a mark may stand still.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[str, tuple[object, float]] = {}

    def over(self, name: str, mark: object) -> bool:
        """Whether `name` has had this mark since the lease began."""
        now = self._clock()
        before, since = self._seen.get(name, (None, now))
        if name not in self._seen or before != mark:
            since = now
        self._seen[name] = (mark, since)
        return now - since >= self._seconds


def driver_name(sweep_dir: Path) -> str:
    """The name under which whoever drives this sweep keeps its trials, over all its starts."""
    path = sweep_dir / FILE
    if not path.exists():
        sweep_dir.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(uuid.uuid4().hex)
        draft.replace(path)
    return path.read_text()


@contextlib.contextmanager
def named(sweep_dir: Path) -> Iterator[str]:
    """The driver's name while it joins; where it is refused at the first time, none is kept."""
    new = not (sweep_dir / FILE).exists()
    try:
        yield driver_name(sweep_dir)
    except InvalidConfig:
        if new:
            (sweep_dir / FILE).unlink(missing_ok=True)
        raise


def attribute(driver: str) -> str:
    """Where the study keeps a driver's mark."""
    return f"driver:{driver}"


def show_life(study: optuna.Study, driver: str, every: float) -> Callable[[], None]:
    """Writes a mark now and every so many seconds from a thread; returns what ends it."""
    over = threading.Event()

    def mark() -> None:
        study.set_user_attr(attribute(driver), f"{time.time():.3f}")

    def keep() -> None:
        while not over.wait(every):
            try:
                mark()
            except LOST:  # the driver's own calls say so and end it after a while
                continue

    mark()
    threading.Thread(target=keep, name="signs of life", daemon=True).start()
    return over.set
