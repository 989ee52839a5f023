"""Processes that change one model at once.

    python -m tests.registry.racing promote|push PROCESSES ROUNDS FOLDER

Prints a line of JSON for each round: what each process got.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from framework.registry import RegistryError, open_store, promote, push, read_model
from framework.registry.gates import Contender, Verdict
from tests.registry.artifacts import make_artifact


@dataclass(frozen=True)
class Wait:
    """A gate that lets pass once `count` processes are at it: all have seen the same alias."""

    folder: Path
    count: int

    def __call__(self, candidate: Contender, champion: Contender | None) -> Verdict:
        self.folder.mkdir(exist_ok=True)
        (self.folder / str(os.getpid())).touch()
        end = time.monotonic() + 60
        while len(list(self.folder.iterdir())) < self.count:
            if time.monotonic() > end:
                return Verdict(False, "the others did not come")
            time.sleep(0.001)
        return Verdict(True, "all are here")


def main(kind: str, processes: int, rounds: int, folder: Path) -> None:
    registry = folder / "registry"
    for seed in range(processes):
        make_artifact(folder / str(seed), seed)
        if kind == "promote":
            push(open_store(registry, make=True), folder / str(seed))
    for number in range(rounds):
        gate = Wait(folder / f"gate{number}", processes)
        if kind == "promote":
            action = partial(promote_one, registry, gate, f"alias-{number}")
        else:
            registry = folder / f"registry{number}"
            action = partial(push_one, registry, gate, folder)
        results = at_once(action, processes)
        model = read_model(open_store(registry), "toy")
        print(json.dumps([results, dict(model.aliases), len(model.versions)]), flush=True)


def promote_one(registry: Path, gate: Wait, alias: str, one: int) -> str:
    promote(open_store(registry, make=True), "toy", str(one + 1), alias, {"wait": gate})
    return "won"


def push_one(registry: Path, gate: Wait, folder: Path, one: int) -> str:
    """Pairs push the same."""
    gate(None, None)  # type: ignore[arg-type]
    done = push(open_store(registry, make=True), folder / str(one // 2))
    return f"{done.version.number} {done.new}"


def at_once(action: Callable[[int], str], processes: int) -> list[str]:
    """What each fork said."""
    readers = []
    for one in range(processes):
        reader, writer = os.pipe()
        readers.append(reader)
        if os.fork() == 0:
            try:
                said = action(one)
            except RegistryError as error:
                said = str(error)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os.write(writer, said.encode())
            os._exit(0)
        os.close(writer)
    said = []
    for reader in readers:
        with os.fdopen(reader, "rb") as pipe:
            said.append(pipe.read().decode())
        assert os.wait()[1] == 0
    return said


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
