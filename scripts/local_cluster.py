"""A run of several processes on one machine, each with virtual CPU devices of its own.

    python -m scripts.local_cluster --processes 2 --devices 4 -- experiment=digits mesh=fsdp

Every line of output is prefixed with its process's number. SIGINT and SIGTERM are handed on to all
processes, which are sent SIGTERM if this one is killed (Linux). Once one has failed, the others
have some seconds to come to an end and are then killed.

The exit code is 0 if every process gave 0, and else the first that any gave of: 2 (a mistake in
the configuration), 1 (a fault), 130 (stopped at once), 75 (start it again); and else the highest
code, where a process that a signal ended counts as 128 plus its number, and one that was killed
here does not count.
"""

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from scripts.lifeline import lifeline

ROOT = Path(__file__).resolve().parent.parent
GRACE = 10.0
_TELLING = (2, 1, 130, 75)
# The transport's, whose threads write parts of such lines in turn.
_CHATTER = re.compile(r"\[Gloo\] Rank|Expected number of connected peer ranks")


def main(words: Sequence[str] | None = None) -> int:
    """Starts the processes and waits for them; returns the exit code."""
    chosen = _parser().parse_args(words)
    command = [sys.executable, "-m", chosen.module, *chosen.words]
    port = chosen.port or _free_port()
    started = [
        subprocess.Popen(
            command,
            env=environment(os.environ, process, chosen.processes, chosen.devices, port),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
            # A terminal's Ctrl-C goes to this process alone, which hands it on, once.
            start_new_session=True,
            preexec_fn=lifeline(),
        )
        for process in range(chosen.processes)
    ]  # fmt: skip
    for process, child in enumerate(started):
        print(f"[{process}] is process {child.pid}", file=sys.stderr, flush=True)

    def hand_on(number: int, frame: Any) -> None:
        del frame
        for child in started:
            if child.poll() is None:
                child.send_signal(number)

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    readers = [
        threading.Thread(target=_copy, args=(f"[{process}] ", stream, target))
        for process, child in enumerate(started)
        for stream, target in ((child.stdout, sys.stdout), (child.stderr, sys.stderr))
    ]
    try:
        for reader in readers:
            reader.start()
        killed = _wait(started, chosen.grace)
        for reader in readers:
            reader.join(chosen.grace)  # a grandchild may hold the pipe open
    finally:
        for child in started:
            child.kill()
        for number, handler in before.items():
            signal.signal(number, handler)
    return overall([child.wait() for child in started], killed)


def environment(
    given: Mapping[str, str], process: int, processes: int, devices: int, port: int
) -> dict[str, str]:
    """What one process is told: its devices, and how it finds the others."""
    flags = re.sub(r"--xla_force_host_platform_device_count=\S*", "", given.get("XLA_FLAGS", ""))
    return {
        **given,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"{flags} --xla_force_host_platform_device_count={devices}".strip(),
        "PJRT_NPROC": given.get("PJRT_NPROC", "32"),  # fewer threads can wait for ever
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
        "FRAMEWORK_PROCESSES": str(processes),
        "FRAMEWORK_PROCESS": str(process),
        "PYTHONPATH": os.pathsep.join(filter(None, (given.get("PYTHONPATH"), str(ROOT)))),
        "PYTHONUNBUFFERED": "1",
    }


def overall(codes: Sequence[int], killed: Sequence[bool]) -> int:
    """The exit code of the whole; `codes` as `Popen` gives them, negative after a signal."""
    own = [code for code, was_killed in zip(codes, killed, strict=True) if not was_killed]
    if not any(own):
        return 128 + signal.SIGKILL if any(killed) else 0
    telling = (code for code in _TELLING if code in own)
    return next(telling, max(128 - code if code < 0 else code for code in own))


def _wait(started: Sequence["subprocess.Popen[str]"], grace: float) -> list[bool]:
    """Waits for all; which of them were killed, having outlived one that failed by `grace`."""
    killed = [False] * len(started)
    failed_at: float | None = None
    while any(child.poll() is None for child in started):
        if failed_at is None and any(child.poll() for child in started):
            failed_at = time.monotonic()
        if failed_at is not None and time.monotonic() - failed_at > grace:
            for process, child in enumerate(started):
                if child.poll() is None:
                    print(f"[{process}] is killed: another has failed", file=sys.stderr)
                    child.kill()
                    killed[process] = True
            return killed
        time.sleep(0.05)
    return killed


def _copy(prefix: str, stream: IO[str] | None, target: IO[str]) -> None:
    assert stream is not None
    for line in stream:
        if _CHATTER.search(line):
            continue
        target.write(prefix + line)
        target.flush()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a positive number")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="python -m scripts.local_cluster",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--processes", type=_positive, default=2, help="how many (2)")
    parser.add_argument("--devices", type=_positive, default=4, help="CPU devices of each (4)")
    parser.add_argument("--module", default="experiments.run", help="what runs (experiments.run)")
    parser.add_argument("--port", type=_positive, help="of the first process; a free one")
    parser.add_argument(
        "--grace", type=float, default=GRACE, help=f"seconds after a failure ({GRACE:.0f})"
    )
    parser.add_argument("words", nargs="*", help="what follows --: words for the module")
    return parser


if __name__ == "__main__":
    sys.exit(main())
