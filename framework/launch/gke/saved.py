"""How far a trial had come when a try was lost: its checkpoints stay in the storage."""

from framework.launch.driver import KILLS, START_AGAIN
from framework.launch.storage import Storage


def saved_of(storage: Storage, trial: str, code: int | None) -> int | None:
    """The newest checkpoint's step, for a driver to see whether a try gained any; None where the
    code of its end lets no other follow.

    Raises:
        StorageError: it cannot be reached now; to be asked again, before the end is told.
    """
    again = code is None or code < 0 or code in (START_AGAIN, *KILLS)
    return storage.step(trial) if again else None
