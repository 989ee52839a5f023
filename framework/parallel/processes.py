"""The processes of a run: they begin together, agree, and leave together.

They agree through JAX's coordination service, not through the devices, whose queues are full of
steps. A process that leaves by itself takes the others with it: whoever fails first waits for a
moment, in which the others may fail alike, and then goes with a line and a code of its own.
"""

import contextlib
import itertools
import os
import pickle
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import jax
from jax._src import distributed  # the only door to the service's keys and barriers

from framework.config import InvalidConfig, Problem
from framework.parallel.distributed import Start

# Whoever waits longer than this for the others is told by the service that they are gone.
PATIENCE = 24 * 3600
WAITING = 10  # seconds at the start before it says what it waits for
LEAVING = 10  # seconds in which the others may come to the same end
T = TypeVar("T")
_numbers = itertools.count()


def begin(start: Start, timeout: int) -> None:
    """Joins the others; must come before JAX looks for devices. Nothing where it was done.

    JAX aborts the process (134) where they do not come within `timeout` seconds: a line before
    that says what it waits for.

    Raises:
        InvalidConfig: JAX cannot do anything with what it is given.
    """
    if jax.distributed.is_initialized():
        return
    told = start.coordinator is not None
    where = f"{start.processes or 'all'} processes at {start.coordinator or start.source}"
    line = f"Waiting for {where}, {timeout} s in all (distributed.timeout)."
    waiting = threading.Timer(min(WAITING, timeout / 2), print, (line,), {"file": sys.stderr})
    waiting.daemon = True
    waiting.start()
    try:
        jax.distributed.initialize(
            start.coordinator,
            start.processes,
            start.process,
            start.devices,
            cluster_detection_method="deactivate" if told else None,
            initialization_timeout=timeout,
        )
    except (RuntimeError, ValueError) as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        problem = Problem("distributed.coordinator", start.coordinator, f"to find {where}", said)
        raise InvalidConfig(problem) from error
    finally:
        waiting.cancel()


def several() -> bool:
    """Whether this process is one of several."""
    return jax.distributed.is_initialized() and distributed.global_state.num_processes > 1


def is_first() -> bool:
    """Whether this is the process that writes for all; touches no device."""
    return not jax.distributed.is_initialized() or distributed.global_state.process_id == 0


def by_first(work: Callable[[], T]) -> T:
    """What `work` gives in the first process, which alone does it, in all of them.

    Its result must be picklable. All processes must call this in the same order.

    Raises:
        InvalidConfig, OSError: what `work` raised, in all of them.
    """
    if not several():
        return work()
    client: Any = distributed.global_state.client
    key = f"framework/{next(_numbers)}"
    if is_first():
        try:
            outcome: tuple[bool, Any] = True, work()
        except (InvalidConfig, OSError) as error:
            outcome = False, error
        client.key_value_set_bytes(key, pickle.dumps(outcome))
    else:
        outcome = pickle.loads(client.blocking_key_value_get_bytes(key, PATIENCE * 1000))
    succeeded, result = outcome
    if not succeeded:
        raise result
    given: T = result
    return given


def wait_for_all(seconds: float = PATIENCE) -> bool:
    """Waits until every process is here; False if that takes longer than `seconds`."""
    if not several():
        return True
    client: Any = distributed.global_state.client
    try:
        client.wait_at_barrier(f"framework/{next(_numbers)}", int(seconds * 1000))
    except jax.errors.JaxRuntimeError:
        return False
    return True


@dataclass
class End:
    """The exit code to which a process comes."""

    code: int = 1


@contextlib.contextmanager
def leaving_together() -> Iterator[End]:
    """While inside, this process is one of several; at the end they leave together.

    If the others do not come to an end within LEAVING seconds, as this one alone has failed, it
    says why and ends here: JAX would wait for them at the exit, and abort.
    """
    end = End()
    try:
        yield end
    except InvalidConfig as error:
        if not _together():
            print(error, file=sys.stderr)
            _end(2)
        raise
    except Exception:
        traceback.print_exc()
        end.code = 1
    if not _together():
        _end(end.code)


def _together() -> bool:
    client: Any = distributed.global_state.client
    try:
        # By name, as a process that fails has not come as far as those that do not.
        client.wait_at_barrier("framework/leave", LEAVING * 1000)
        jax.distributed.shutdown()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def _end(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
