"""What a driver that starts finds of its study and its sweep's table.

The table has every result before the study is told of it. The driver tells all of them again when
it starts; what is done here makes the study ready to hear them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from framework.launch.space import Space
from framework.launch.study import claims
from framework.launch.study.checks import holds
from framework.launch.study.parameters import as_params, distribution
from framework.launch.study.study import Searched
from framework.launch.table import Row


def resume(study: optuna.Study, searched: Searched, rows: Sequence[Row]) -> dict[int, optuna.Trial]:
    """Makes the study ready; returns the driver's running trials by number.

    Those whose end the table knows are among them.
    """
    if rows and not study.get_trials(deepcopy=False):
        _rebuild(study, searched, rows)
    _enqueue(study, searched.options.enqueue)
    standing = claims.latest(study.get_trials(deepcopy=False))
    ours = {row.number for row in rows if row.state != "failed"}
    return {
        number: optuna.Trial(study, trial._trial_id)
        for number, trial in standing.items()
        if _is_ours(study, trial, searched, ours)
    }


def _is_ours(study: optuna.Study, trial: FrozenTrial, searched: Searched, ours: set[int]) -> bool:
    if trial.state == TrialState.RUNNING:
        alone = searched.leases is None
        return alone or trial.user_attrs.get(claims.DRIVER) == searched.driver
    # Queued for others while this driver was away, and not begun by any of them.
    queued = trial.state == TrialState.WAITING and claims.RETRY_OF in trial.user_attrs
    return queued and claims.number_of(trial) in ours and claims.take_back(study, trial)


def _enqueue(study: optuna.Study, points: Sequence[Mapping[str, Any]]) -> None:
    trials = study.get_trials(deepcopy=False)
    there = {trial.user_attrs.get(claims.INITIAL) for trial in trials}
    for index, point in enumerate(points):
        if index not in there:
            study.enqueue_trial(as_params(point), user_attrs={claims.INITIAL: index})


def _rebuild(study: optuna.Study, searched: Searched, rows: Sequence[Row]) -> None:
    """Fills an empty study from the table, under the same numbers."""
    known = {row.number: row for row in rows if _fits(searched.space, row.values)}
    for number in range(max(row.number for row in rows) + 1):
        row = known.get(number)
        if row is None:
            void = {claims.VOID: True}
            study.add_trial(create_trial(state=TrialState.FAIL, user_attrs=void))
        else:
            study.add_trial(_as_trial(row, searched))


def _fits(space: Space, values: Mapping[str, Any]) -> bool:
    return values.keys() == space.keys() and all(holds(space[k], v) for k, v in values.items())


def _as_trial(row: Row, searched: Searched) -> FrozenTrial:
    """As if it ran: how it ended the driver is about to tell."""
    return create_trial(
        state=TrialState.RUNNING,
        params=as_params(row.values),
        distributions={key: distribution(parameter) for key, parameter in searched.space.items()},
        user_attrs={
            claims.NUMBER: row.number,
            claims.DRIVER: searched.driver,
            claims.RUN: str(searched.runs / str(row.number)),
        },
    )
