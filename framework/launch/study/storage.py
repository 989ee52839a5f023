"""Where a study is kept: a file of SQLite, or a database that several machines reach."""

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Optuna imports these only when the storage is made, when nothing else goes on any more.
import alembic.command
import alembic.config
import alembic.migration
import alembic.script  # noqa: F401
import optuna.storages._rdb.models  # noqa: F401
import sqlalchemy.exc
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL, make_url

from framework.config import InvalidConfig, Problem
from framework.launch.lock import locked
from framework.launch.study.options import StudyOptions

FILE = "study.db"
KEY = "hydra.sweeper.storage"
LOST = (StorageInternalError, sqlalchemy.exc.DBAPIError)
# A server whose machine is gone without a word is given up within a minute; by default in hours.
_SILENT = {
    "keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3,  # seconds
    "tcp_user_timeout": 50_000,  # milliseconds
}  # fmt: skip
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Address:
    """Of a storage; `own` is the file of one sweep, which no other one shares."""

    url: URL
    own: bool

    @property
    def file(self) -> Path | None:
        """Of SQLite."""
        database = self.url.database
        return Path(database) if database and self.url.drivername == "sqlite" else None


def address(options: StudyOptions, sweep_dir: Path) -> Address:
    """With the driver that this project installs for PostgreSQL.

    Raises:
        InvalidConfig: it is no address.
    """
    if options.storage is None:
        return Address(URL.create("sqlite", database=str(sweep_dir / FILE)), own=True)
    try:
        url = make_url(options.storage)
        if url.drivername in ("postgresql", "postgres"):
            url = url.set(drivername="postgresql+psycopg")
        url.get_dialect()  # a kind of database that is known
        if url.drivername == "sqlite" and not url.database:
            raise ValueError("in memory, where no other driver finds it")
    except (sqlalchemy.exc.ArgumentError, ValueError):
        # Not shown: it may hold a password.
        expected = "an address such as postgresql://user@host/database"
        raise InvalidConfig(Problem(KEY, "…", expected)) from None
    return Address(url, own=False)


def reach(place: Address) -> RDBStorage:
    """The storage, its tables made."""
    settings: dict[str, Any]
    file = place.file
    if place.own:
        settings = {"creator": lambda: _open_file(str(file))}
    elif file is not None:
        settings = {"connect_args": {"timeout": 60}}
    else:
        silent = _SILENT if place.url.drivername == "postgresql+psycopg" else {}
        settings = {"connect_args": {"connect_timeout": 10, **silent}, "pool_pre_ping": True}
    return RDBStorage(place.url.render_as_string(hide_password=False), engine_kwargs=settings)


def _open_file(path: str) -> sqlite3.Connection:
    """A connection that does not wait for the disk, which took most of a proposal's time.

    A kill loses nothing by that; a power cut may damage the file, and the sweep's table has all
    that is needed to make it anew.
    """
    connection = sqlite3.connect(path, timeout=60.0, check_same_thread=False)
    connection.execute("PRAGMA synchronous=OFF")
    return connection


def set_aside_if_damaged(path: Path) -> None:
    """Renames a file of SQLite that cannot be read."""
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            sound = connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    except sqlite3.OperationalError:  # cannot be opened or is locked: opening it will tell
        return
    except sqlite3.DatabaseError:
        sound = False
    if not sound:
        damaged = path.with_name(f"{FILE}.damaged-{time.time():.0f}")
        path.replace(damaged)
        _log.warning("%s was damaged: kept as %s, made anew from the table", path, damaged.name)


def answers(place: Address) -> bool:
    """Whether a connection can be made."""
    engine = sqlalchemy.create_engine(place.url)
    try:
        with engine.connect():
            return True
    except sqlalchemy.exc.SQLAlchemyError:
        return False
    finally:
        engine.dispose()


def unreachable(place: Address, error: Exception) -> Problem:
    """The line that says so, without a password."""
    cause = error.__cause__ or error
    cause = getattr(cause, "orig", None) or cause
    said = " ".join(str(cause).split())[:200]
    return Problem(KEY, place.url.render_as_string(), "a storage that can be reached", said)


@contextlib.contextmanager
def reached(place: Address) -> Iterator[None]:
    """While inside, a storage that fails is a mistake: nothing has been started yet.

    Raises:
        InvalidConfig: it failed.
    """
    try:
        yield
    except LOST as error:
        raise InvalidConfig(unreachable(place, error)) from None


@contextlib.contextmanager
def alone(place: Address) -> Iterator[None]:
    """Of several processes that make one file at the same time the second would die."""
    with contextlib.ExitStack() as held:
        if place.file is not None:
            try:
                held.enter_context(locked(Path(f"{place.file}.lock"), wait=True))
            except OSError as error:
                raise InvalidConfig(unreachable(place, error)) from None
        yield
