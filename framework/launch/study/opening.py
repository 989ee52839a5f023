"""Opens a sweep's study, or makes it."""

import logging
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import optuna
import sqlalchemy.exc
from optuna.exceptions import StorageInternalError
from optuna.study import StudyDirection

from framework.config import InvalidConfig, Problem, blame
from framework.launch.objective import Objective
from framework.launch.space import Space
from framework.launch.study.agreement import agree
from framework.launch.study.options import StudyOptions
from framework.launch.study.samplers import after_growth
from framework.launch.study.storage import (
    FILE,
    KEY,
    Address,
    address,
    alone,
    answers,
    reach,
    set_aside_if_damaged,
    unreachable,
)

_TRIES = 5
_log = logging.getLogger(__name__)


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
    place = address(options, sweep_dir)
    name = options.study_name or sweep_dir.name
    if place.own:
        sweep_dir.mkdir(parents=True, exist_ok=True)
    with alone(place):
        if place.own:
            set_aside_if_damaged(sweep_dir / FILE)
        study = _made(place, name, objectives)
        if place.own and study.metric_names is not None and not _begun(study):
            # A sweep that was refused after this had been made may have had another metric.
            optuna.delete_study(study_name=name, storage=study._storage)
            study = _made(place, name, objectives)
        grown = agree(study, space, objectives)
    if grown and _begun(study) and (what := after_growth(options.sampler)):
        _log.warning(
            "%s: of an interval that has grown %s from now on; in a new hydra.sweep.dir it is "
            "searched like any other", ", ".join(grown), what,
        )  # fmt: skip
    return study


def _begun(study: optuna.Study) -> bool:
    return any(trial.state.name != "WAITING" for trial in study.get_trials(deepcopy=False))


def _made(place: Address, name: str, objectives: Sequence[Objective]) -> optuna.Study:
    up, down = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
    directions = [up if one.maximize else down for one in objectives]
    for left in reversed(range(_TRIES)):
        try:
            return optuna.create_study(
                storage=reach(place), study_name=name, directions=directions, load_if_exists=True
            )
        except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError) as error:
            # Two drivers that make the tables at once: one of them finds them half made.
            if left and answers(place):
                time.sleep(0.2 * (_TRIES - left))
                continue
            raise InvalidConfig(unreachable(place, error)) from None
        except ImportError as error:
            install = 'pip install "framework[postgres]"'
            hint = install if "psycopg" in place.url.drivername else ""
            missing = getattr(error.__cause__ or error, "name", None) or blame(error)
            expected = f"a database whose driver is installed ({missing} is not)"
            raise InvalidConfig(Problem(KEY, place.url.drivername, expected, hint)) from None
    raise AssertionError("the last try returns or raises")
