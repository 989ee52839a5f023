"""Which trial a worker of held slices has, as the storage says."""

import json
from dataclasses import dataclass

from framework.launch.names import worker_identity
from framework.launch.slice_worker import CLAIMED, ENDED, NEXT
from framework.launch.storage import Storage


@dataclass(frozen=True)
class Claim:
    """What a worker was given.

    Attributes:
        trial: its folder in the storage.
        token: of that try.
        claimed: the worker trains it, or will go on with it as soon as it has its slice again.
        ended: it has come to its end, which nobody has heard yet.
    """

    trial: str
    token: str
    claimed: bool = False
    ended: bool = False


def claim_of(storage: Storage, worker: int) -> Claim | None:
    """What a worker has; None where it has nothing."""
    for name in (CLAIMED, NEXT, ENDED):
        text = storage.read(f"{worker_identity(worker).folder}/{name}")
        if text is not None:
            found = json.loads(text)
            return Claim(found["trial"], found["token"], name == CLAIMED, name == ENDED)
    return None


def holder(storage: Storage, workers: int, trial: str) -> int | None:
    """The worker that has the trial of this folder and has not ended it."""
    for worker in range(workers):
        claim = claim_of(storage, worker)
        if claim is not None and claim.trial == trial and not claim.ended:
            return worker
    return None
