"""Starts a run, and starts it again until it is complete.

    python -m scripts.supervise -- experiment=digits trainer.steps=10000
    python -m scripts.supervise --module scripts.local_cluster -- --processes 2 -- mesh=fsdp

Every start continues the same run: without run.dir=… one is made as experiments.run does, and
given to all. The command is started again

  at once    on exit code 75 (it saved and asks for it);
  later      on a fault: code 1, or a death by a signal (134, 137, 139, 143, …), after a pause
             that doubles each time, from --pause up to --longest seconds;
  never      on 0 (complete), 2 (a mistake in the configuration), 130 (stopped at once).

A try that got to a later checkpoint than any before is progress: the pause is short again. After
--tries tries in a row without progress it is given up.

SIGTERM and SIGINT are handed on to the command, and whatever it then ends with is the end. If this
process is killed, the command is sent SIGTERM (Linux), saves and ends.

The exit code is that of the last try; if a signal comes in a pause, 75 after SIGTERM and 130 after
SIGINT. `tries.jsonl` in the run directory has a line for each try. The last lines say what share
of the time trained (goodput).
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # started by its path
    sys.path.insert(0, str(ROOT))
COMPLETE, FAULT, MISTAKE, START_AGAIN, STOPPED = 0, 1, 2, 75, 130
AT_ONCE = 1.0  # seconds
_LOOK = 0.05  # seconds between looks for a signal in a pause
_MEANING = {
    COMPLETE: "complete", FAULT: "a fault", MISTAKE: "a mistake in the configuration",
    START_AGAIN: "saved, to be started again", STOPPED: "stopped at once", 134: "aborted",
    137: "killed", 139: "a segmentation fault", 143: "terminated",
}  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Starts the command until it has come to an end; returns the exit code."""
    from scripts import run_words

    chosen, words = _parse(sys.argv[1:] if words is None else words)
    own = words[words.index("--") + 1 :] if "--" in words else words  # the run's
    if run_words.several_runs(own):
        print("--multirun is many runs; supervise each by itself.", file=sys.stderr)
        return MISTAKE
    command = [sys.executable, "-m", chosen.module, *words]
    signals = Signals()
    with signals:
        given = run_words.given_directory(own)
        directory = given or run_words.make_directory(own)
        if directory is None:  # a mistake, which the command explains; or --help
            return _once(command, signals)
        if given is None:
            command.append(run_words.with_directory(directory))
        tries = Tries(directory, Pauses(chosen.tries, chosen.pause, chosen.longest))
        code = tries.run(command, signals)
    if code != MISTAKE or tries.made > 1:
        tries.say_goodput()
    elif given is None:
        run_words.tidy(directory)
    return code


def _once(command: Sequence[str], signals: "Signals") -> int:
    code = signals.run(command)
    if starts_again(code):
        print("Not started again, as its directory is not known: give run.dir=…", file=sys.stderr)
    return code


@dataclass
class Signals:
    """While entered, SIGTERM and SIGINT go to the command that runs, each once."""

    asked: list[int] = field(default_factory=list)
    _child: "subprocess.Popen[bytes] | None" = None
    _handed: int = 0
    _before: dict[int, Any] = field(default_factory=dict)

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._hear)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, command: Sequence[str]) -> int:
        """Runs the command to its end; its exit code, 128 plus the number of a signal."""
        from scripts.lifeline import lifeline

        paths = (os.environ.get("PYTHONPATH"), str(ROOT))
        self._child = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            # A terminal's Ctrl-C goes to this process alone, which hands it on, once.
            start_new_session=True,
            preexec_fn=lifeline(),
        )
        self._hand_on()  # what came before it was there
        code = self._child.wait()
        if code:  # workers of a process that was killed may hold its run's lock
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)
        self._child = None
        return 128 - code if code < 0 else code

    def pause(self, seconds: float) -> None:
        """Waits; not longer than until a signal comes."""
        end = time.monotonic() + seconds
        while not self.asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK))

    def _hear(self, number: int, frame: Any) -> None:
        del frame
        self.asked.append(number)
        self._hand_on()

    def _hand_on(self) -> None:
        while self._child is not None and self._handed < len(self.asked):
            self._handed += 1
            self._child.send_signal(self.asked[self._handed - 1])


@dataclass
class Pauses:
    """How long to wait before another try, and when to give up.

    Attributes:
        tries: so many in a row may be without progress.
        first, longest: seconds.
    """

    tries: int
    first: float
    longest: float
    without: int = 0

    def count(self, progress: bool) -> int:
        """Counts a try that ended; how many more may be without progress."""
        self.without = 0 if progress else self.without + 1
        return self.tries - self.without

    def seconds(self, code: int) -> float:
        """Before the next try, a fifth more or less, so that many runs do not start as one."""
        base = min(self.first, AT_ONCE) if code == START_AGAIN else self.first
        grown = base * 2.0 ** min(max(self.without - 1, 0), 64)
        return min(grown * random.uniform(0.8, 1.2), self.longest)


@dataclass
class Tries:
    """The tries to complete the run in `directory`, recorded in its `tries.jsonl`."""

    directory: Path
    pauses: Pauses
    made: int = 0

    def run(self, command: Sequence[str], signals: Signals) -> int:
        """Starts the command until it ends with what no further start would change."""
        furthest = newest_step(self.directory)
        number = self._recorded()
        while True:
            number, self.made = number + 1, self.made + 1
            before, begun = newest_step(self.directory), time.time()
            code = signals.run(command)
            step = newest_step(self.directory)
            self._record(number, begun, code, before, step)
            ended = f"try {number}: ended with {code} ({meaning(code)}) at step {step}"
            if signals.asked or not starts_again(code):
                if code != MISTAKE or self.made > 1:
                    print(ended, file=sys.stderr, flush=True)
                return code
            more = self.pauses.count(step > furthest)
            furthest = max(furthest, step)
            if more <= 0:
                print(f"{ended}; given up after {self.pauses.without} tries without progress",
                      file=sys.stderr, flush=True)  # fmt: skip
                return code
            pause = self.pauses.seconds(code)
            print(f"{ended}; starting again in {pause:.2g} s, {more} more without progress",
                  file=sys.stderr, flush=True)  # fmt: skip
            signals.pause(pause)
            if signals.asked:
                return STOPPED if signal.SIGINT in signals.asked else START_AGAIN

    def say_goodput(self) -> None:
        """How many tries, and what the time was spent on."""
        from framework.run import goodput, read_attempts

        count = "1 try" if self.made == 1 else f"{self.made} tries"
        try:
            attempts = read_attempts(self.directory)
        except (OSError, ValueError, TypeError) as error:
            print(f"{count}; what they took cannot be read: {error}", file=sys.stderr)
            return
        if not attempts:
            print(count, file=sys.stderr)
            return
        found = goodput(attempts)
        parts = ", ".join(f"{name} {spent:.1f}" for name, spent in found.seconds.items() if spent)
        starts = "1 start" if found.attempts == 1 else f"{found.attempts} starts"
        print(f"{count}; of the time of {starts}, {found.share:.1%} trained\n"
              f"Seconds: {parts}".replace("_", " "), file=sys.stderr)  # fmt: skip

    def _record(self, number: int, begun: float, code: int, before: int, step: int) -> None:
        if (code == MISTAKE and self.made == 1) or not self.directory.is_dir():
            return  # nothing was begun
        line = {"try": number, "begun": begun, "ended": time.time(), "code": code,
                "from_step": before, "step": step}  # fmt: skip
        try:
            with (self.directory / "tries.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:  # a full disk: the run may go on all the same
            print(f"tries.jsonl: {error.strerror}", file=sys.stderr)

    def _recorded(self) -> int:
        file = self.directory / "tries.jsonl"
        return len(file.read_bytes().splitlines()) if file.is_file() else 0


def starts_again(code: int) -> bool:
    """Whether another start may help."""
    return code in (START_AGAIN, FAULT) or (code > 128 and code != STOPPED)


def meaning(code: int) -> str:
    """An exit code in words."""
    if code in _MEANING:
        return _MEANING[code]
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return "unknown"


def newest_step(run: Path) -> int:
    """The step of the newest finished checkpoint, 0 without one."""
    found = (file.parent.name for file in run.glob("checkpoints/*/manifest.json"))
    return max((int(name) for name in found if name.isdecimal()), default=0)


def _parse(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The own options, and the words for the module."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="python -m scripts.supervise",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tries", type=_count, default=6, help="in a row without progress (6)")
    parser.add_argument("--pause", type=_seconds, default=4.0, help="seconds after a fault (4)")
    parser.add_argument("--longest", type=_seconds, default=300.0, help="pause, in seconds (300)")
    parser.add_argument("--module", default="experiments.run", help="what runs (experiments.run)")
    parser.add_argument("words", nargs="*", help="what follows --: words for the module")
    end = list(words).index("--") if "--" in words else len(words)
    chosen = parser.parse_args(words[:end])
    return chosen, [*chosen.words, *words[end + 1 :]]


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a positive number")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: expected seconds, 0 or more")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
