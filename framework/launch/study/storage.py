"""Where a study is kept: a file of SQLite, or a database that several machines reach."""

import contextlib
import json
import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy.exc
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from sqlalchemy.engine import URL, make_url

from framework.config import InvalidConfig, Problem, blame
from framework.launch.space import Space, as_plain
from framework.launch.study.options import Objective, StudyOptions

FILE = "study.db"
LOST = (StorageInternalError, sqlalchemy.exc.DBAPIError)
_KEY = "hydra.sweeper.storage"
_TRIES = 5


def open_study(
    options: StudyOptions, space: Space, objectives: Sequence[Objective], sweep_dir: Path
) -> optuna.Study:
    """The study, made where there is none.

    Raises:
        InvalidConfig: its storage cannot be reached, or holds a study of something else.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    url = _url(options, sweep_dir)
    name = options.study_name or sweep_dir.name
    with _alone(url):
        study = _made(url, name, objectives)
        if options.storage is None and not _begun(study):
            # A sweep that was refused after this had been made may have had another metric.
            optuna.delete_study(study_name=name, storage=study._storage)
            study = _made(url, name, objectives)
        _agree(study, space, objectives)
    return study


def _begun(study: optuna.Study) -> bool:
    return any(trial.state.name != "WAITING" for trial in study.get_trials(deepcopy=False))


def _url(options: StudyOptions, sweep_dir: Path) -> URL:
    """The address with the driver of a database that this project installs."""
    if options.storage is None:
        return URL.create("sqlite", database=str(sweep_dir / FILE))
    try:
        url = make_url(options.storage)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        # Not shown: it may hold a password.
        expected = "an address such as postgresql://user@host/database"
        raise InvalidConfig(Problem(_KEY, "…", expected)) from None
    plain = url.drivername in ("postgresql", "postgres")
    return url.set(drivername="postgresql+psycopg") if plain else url


def _made(url: URL, name: str, objectives: Sequence[Objective]) -> optuna.Study:
    up, down = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
    directions = [up if one.maximize else down for one in objectives]
    for left in reversed(range(_TRIES)):
        try:
            return optuna.create_study(
                storage=_reach(url), study_name=name, directions=directions, load_if_exists=True
            )
        except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError) as error:
            # Two drivers that make the tables at once: one of them finds them half made.
            if left and _reachable(url):
                time.sleep(0.2 * (_TRIES - left))
                continue
            raise InvalidConfig(_unreachable(url, error)) from None
        except ImportError as error:
            install = 'pip install "framework[postgres]"'
            hint = install if "psycopg" in url.drivername else ""
            expected = f"a database whose driver is installed ({error.name or blame(error)} is not)"
            raise InvalidConfig(Problem(_KEY, url.drivername, expected, hint)) from None
    raise AssertionError("the last try returns or raises")


def _reach(url: URL) -> RDBStorage:
    sqlite = url.drivername.startswith("sqlite")
    wait = {"timeout": 60} if sqlite else {"connect_timeout": 10}
    settings: dict[str, Any] = {"connect_args": wait, "pool_pre_ping": not sqlite}
    return RDBStorage(url.render_as_string(hide_password=False), engine_kwargs=settings)


def _reachable(url: URL) -> bool:
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect():
            return True
    except sqlalchemy.exc.SQLAlchemyError:
        return False
    finally:
        engine.dispose()


def _unreachable(url: URL, error: Exception) -> Problem:
    cause = getattr(error, "orig", None) or error.__cause__ or error
    said = " ".join(str(cause).split())[:200]
    return Problem(_KEY, url.render_as_string(), "a storage that can be reached", said)


@contextlib.contextmanager
def _alone(url: URL) -> Iterator[None]:
    """Of several processes that make one file at the same time the second would die."""
    if not url.drivername.startswith("sqlite") or not url.database:
        yield
        return
    import fcntl

    with contextlib.ExitStack() as opened:
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
            file = opened.enter_context(Path(f"{url.database}.lock").open("w"))
        except OSError as error:
            raise InvalidConfig(_unreachable(url, error)) from None
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _agree(study: optuna.Study, space: Space, objectives: Sequence[Objective]) -> None:
    """Names the study's metrics and space where it is new, and compares them where it is not."""
    ours = [(one.metric, one.maximize) for one in objectives]
    maximized = [direction == StudyDirection.MAXIMIZE for direction in study.directions]
    theirs = list(zip(study.metric_names or [m for m, _ in ours], maximized, strict=False))
    if theirs != ours:
        hint = "choose another hydra.sweep.dir or hydra.sweeper.study_name"
        expected = f"the metric of the study that is there ({_named(theirs)})"
        raise InvalidConfig(Problem("sweep.metric", _named(ours), expected, hint))
    kept = study.user_attrs.get("space", {})
    plain = json.loads(json.dumps(as_plain(space)))
    problems = [
        Problem(key, _shape(plain.get(key)), f"as in the study that is there ({_shape(was)})",
                "an interval may grow; for another list choose another hydra.sweep.dir")
        for key, was in kept.items()
        if not _same_kind(plain.get(key), was)
    ]  # fmt: skip
    if problems:
        raise InvalidConfig(*problems)
    if study.metric_names is None:
        study.set_metric_names([metric for metric, _ in ours])
    if kept != plain:
        study.set_user_attr("space", plain)


def _named(metrics: Sequence[tuple[str, bool]]) -> str:
    return ", ".join(f"{name} {'upwards' if up else 'downwards'}" for name, up in metrics)


def _shape(parameter: dict[str, Any] | None) -> str:
    if parameter is None:
        return "not swept"
    return ", ".join(f"{name}={value}" for name, value in parameter.items() if value is not None)


def _same_kind(now: dict[str, Any] | None, was: dict[str, Any]) -> bool:
    """Whether Optuna can go on: only the ends of an interval may change."""
    if now is None or now.keys() != was.keys():
        return False
    return all(now[name] == was[name] for name in was if name not in ("low", "high"))
