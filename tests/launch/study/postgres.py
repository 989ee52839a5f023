"""A PostgreSQL server for the time of a test, of the machine's own binaries."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

USER = "postgres"


@dataclass(frozen=True)
class Server:
    """One that runs until it is stopped, and again when it is started."""

    address: str
    start: Callable[[], None]
    stop: Callable[[], None]


def _binaries() -> Path | None:
    found = shutil.which("pg_ctl")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return versions[-1].parent if versions else None


def _has_user() -> bool:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return False
    return True


@contextlib.contextmanager
def postgres_server() -> Iterator[Server]:
    """It runs; the test is skipped where there is none to be had."""
    pytest.importorskip("psycopg", reason="needs the extra `postgres`")
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    root = os.geteuid() == 0
    if root and not _has_user():
        pytest.skip("PostgreSQL does not run as root, and there is no user `postgres`")
    as_user = ["runuser", "-u", USER, "--"] if root else []
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        data = Path(folder) / "data"
        if root:
            shutil.chown(folder, USER)

        def call(program: str, *words: str) -> None:
            command = [*as_user, str(binaries / program), "-D", str(data), *words]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

        port = _free_port()
        call("initdb", "-U", USER, "-A", "trust", "--no-sync")
        settings = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -F"
        server = Server(
            f"postgresql://{USER}@127.0.0.1:{port}/{USER}",
            lambda: call("pg_ctl", "-w", "-l", str(data / "log"), "-o", settings, "start"),
            lambda: call("pg_ctl", "-w", "-m", "immediate", "stop"),
        )
        server.start()
        try:
            yield server
        finally:
            if (data / "postmaster.pid").exists():
                server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
