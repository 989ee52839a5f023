"""Faults of the world as plain lines: what happened, and what the next start will do."""

import re
import sys
from collections.abc import Callable

import jax

from framework.checkpoint import CheckpointDamaged, CheckpointFailed, CheckpointMismatch
from framework.config import blame
from framework.data import WorkerLost
from framework.parallel import several

_OUT_OF_MEMORY = re.compile(r"(RESOURCE_EXHAUSTED|Out of memory)[^\n]*")
# What the transports between processes say of one that does not answer.
_LOST = re.compile(r"gloo|nccl|connection|peer|heartbeat|coordination|unavailable", re.IGNORECASE)
FAULT = 1
MISTAKE = 2
START_AGAIN = 75
STOPPED = 130
TOO_LITTLE = "The device has too little memory"


def guarded(work: Callable[[], int]) -> int:
    """Does `work`; a known fault of the world becomes a line on stderr and an exit code.

    Anything else is a bug of ours and keeps its traceback.
    """
    try:
        return work()
    except CheckpointMismatch as error:
        return _say(MISTAKE, f"{error}\nChoose another run.dir to start anew.")
    except (CheckpointFailed, CheckpointDamaged) as error:
        return _say(FAULT, str(error))
    except WorkerLost as error:
        return _say(START_AGAIN, f"Stopped: {error}\n{CONTINUES}")
    except FloatingPointError as error:
        return _say(FAULT, f"Stopped at a number that is not finite: {blame(error)}")
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        return _say(FAULT, f"{error.strerror or _first_line(error)}{place}\n{CONTINUES}")
    except jax.errors.JaxRuntimeError as error:
        full = _OUT_OF_MEMORY.search(str(error))
        if full is None and several() and _LOST.search(str(error)):
            return _say(START_AGAIN, f"Another process of this run is gone.\n{CONTINUES}")
        if full is None:
            raise
        return _say(
            FAULT,
            f"{TOO_LITTLE}: {full[0]}\nA smaller model or "
            "data.batch_size, trainer.accumulate and mesh=fsdp need less.",
        )
    except KeyboardInterrupt:
        return _say(STOPPED, f"Stopped at once. {CONTINUES}")


CONTINUES = "The same command with the same run.dir continues from the last checkpoint."


def _say(code: int, text: str) -> int:
    print(text, file=sys.stderr)
    return code


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
