"""Kills a command of the registry before each of its operations on files, and looks what is left.

    python -m tests.registry.killed COMMAND FOLDER

Each time, a fork is killed (SIGKILL) before its n-th operation, or in the middle of a write; then
the registry must be whole, the same command must work, and what it makes must be what it makes
undisturbed. Prints a line of JSON for each kill; ends with the first try that was not killed.
"""

import io
import json
import os
import shutil
import signal
import sys
from pathlib import Path

from framework.registry import (
    collect,
    open_store,
    promote,
    pull,
    push,
    read_model,
    rollback,
    verify,
)
from tests.registry.artifacts import make_artifact

OPERATIONS = ("link", "mkdir", "open", "replace", "rename", "unlink", "fsync", "write", "rmdir")


def push_first(registry: Path, folder: Path) -> None:
    push(open_store(registry, make=True), folder / "0")


def push_third(registry: Path, folder: Path) -> None:
    push(open_store(registry, make=True), folder / "2")


def promote_second(registry: Path, folder: Path) -> None:
    promote(open_store(registry, make=True), "toy", "2", "champion", {})


def roll_back(registry: Path, folder: Path) -> None:
    store = open_store(registry, make=True)
    if read_model(store, "toy").aliases["champion"] == 2:  # as --expect 2
        rollback(store, "toy", "champion", expect=2)


def collect_all(registry: Path, folder: Path) -> None:
    collect(open_store(registry), 0)


def pull_first(registry: Path, folder: Path) -> None:
    if not (registry.parent / "pulled").exists():
        store = open_store(registry)
        pull(store, read_model(store, "toy").versions[1], registry.parent / "pulled")


COMMANDS = {
    "push_first": push_first, "push_third": push_third, "promote": promote_second,
    "rollback": roll_back, "collect": collect_all, "pull": pull_first,
}  # fmt: skip


def main(name: str, folder: Path) -> None:
    command = COMMANDS[name]
    for seed in range(3):
        make_artifact(folder / str(seed), seed)
    start = folder / "start"
    if command is not push_first:
        store = open_store(start, make=True)
        for seed in (0, 1):
            push(store, folder / str(seed))
        promote(store, "toy", "1", "champion", {})
        if command is roll_back:
            promote(store, "toy", "2", "champion", {})
        if command is collect_all:
            for number in range(3):
                (start / f"blobs/sha256/loose{number}").write_bytes(b"loose")
    undisturbed = begin(start, folder / "undisturbed")
    command(undisturbed, folder)
    wanted = state(undisturbed)
    number = 0
    while True:
        number += 1
        registry = begin(start, folder / f"try/{number}")
        killed, where = try_once(command, registry, folder, number)
        if not killed:
            break
        if (registry / "registry.json").exists():
            problems = verify(open_store(registry)).problems
            assert not problems, (number, where, problems)
        command(registry, folder)
        assert state(registry) == wanted, (number, where)
        collect(open_store(registry), 0)
        assert not open_store(registry).leftovers(), (number, where)
        assert state(registry) == wanted, (number, where)
        print(json.dumps({"number": number, "before": where}), flush=True)
        shutil.rmtree(registry.parent)
    assert state(registry) == wanted


def begin(start: Path, folder: Path) -> Path:
    folder.mkdir(parents=True)
    registry = folder / "registry"
    if start.exists():
        shutil.copytree(start, registry)
    return registry


def state(registry: Path) -> object:
    """What the registry says, times and hashes aside."""
    store = open_store(registry)
    assert not verify(store).problems
    model = read_model(store, "toy")
    moves = [(m.alias, m.before, m.version, m.entry.kind) for m in model.moves]
    versions = {number: dict(version.files) for number, version in model.versions.items()}
    pulled = registry.parent / "pulled"
    there = sorted(p.name for p in pulled.rglob("*")) if pulled.exists() else []
    return moves, versions, there


def try_once(command, registry: Path, folder: Path, number: int) -> tuple[bool, str]:
    """Whether a fork was killed, and before which operation."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        kill_at(number, writer)
        command(registry, folder)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    os.close(writer)
    where = os.read(reader, 100).decode()
    os.close(reader)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, f"it failed at operation {number}"
        return False, ""
    assert os.WTERMSIG(status) == signal.SIGKILL
    return True, where


def kill_at(number: int, writer: int) -> None:
    """Has this process killed before its `number`-th operation."""
    left, write = [number], os.write

    def wrapped(name, operation):
        def called(*words, **more):
            left[0] -= 1
            if left[0] == 0:
                if name == "write":
                    write(words[0], bytes(words[1])[: len(words[1]) // 2])
                write(writer, name.encode())
                os.kill(os.getpid(), signal.SIGKILL)
            return operation(*words, **more)

        return called

    for name in OPERATIONS:
        setattr(os, name, wrapped(name, getattr(os, name)))
    io.open = wrapped("open", io.open)  # Path.open


if __name__ == "__main__":
    os.fsync = lambda _: None  # a kill, unlike a power failure, loses nothing of what was written
    main(sys.argv[1], Path(sys.argv[2]))
