"""Trials of the sweep among Optuna's.

A trial has the number that Optuna gave its first claim. Where the driver that ran it died, Optuna's
trial is told as failed and another one takes its place, with `retry_of` and the same `number`
among its attributes. What two drivers do at the same moment, or one that is killed half way, may
leave a trial too many: of those the one with the lowest number counts, which all drivers can see,
and whoever claims another one makes it void.
"""

from collections.abc import Iterable

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

NUMBER, DRIVER, RUN = "number", "driver", "run"
RETRY_OF, INITIAL, VOID, REAPED = "retry_of", "initial", "void", "reaped"


def number_of(trial: FrozenTrial) -> int:
    """The sweep's number of it."""
    return int(trial.user_attrs.get(NUMBER, trial.number))


def fresh(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Those that are a trial of the sweep by themselves: no retries, none that is void."""
    return [t for t in trials if RETRY_OF not in t.user_attrs and VOID not in t.user_attrs]


def latest(trials: Iterable[FrozenTrial]) -> dict[int, FrozenTrial]:
    """By the sweep's number, the trial that now stands for it."""
    counted = (trial for trial in trials if VOID not in trial.user_attrs)
    return {number_of(trial): trial for trial in sorted(counted, key=lambda t: t.number)}


def counts(trial: FrozenTrial, trials: Iterable[FrozenTrial], n_trials: int) -> bool:
    """Whether a claimed trial is one of the sweep's, not one too many."""
    before = [t for t in trials if t.number < trial.number and VOID not in t.user_attrs]
    for name in (RETRY_OF, INITIAL):
        mine = trial.user_attrs.get(name)
        if mine is not None and any(t.user_attrs.get(name) == mine for t in before):
            return False
    return RETRY_OF in trial.user_attrs or len(fresh(before)) < n_trials


def ended_by(trial: FrozenTrial, driver: str) -> bool:
    """Whether a driver has told the end of its trial, not another one who took it for dead."""
    own = trial.user_attrs.get(DRIVER) == driver and REAPED not in trial.user_attrs
    return own and trial.state.is_finished()


def make_void(study: optuna.Study, trial: optuna.Trial) -> None:
    """Ends a trial that is one too many."""
    trial.set_user_attr(VOID, True)
    study.tell(trial, state=TrialState.FAIL)


def reap(study: optuna.Study, dead: Iterable[FrozenTrial]) -> None:
    """Ends the running trials of drivers that are no more, and queues them again.

    Killed or raced at any line, the next call of any driver goes on from there.
    """
    for trial in dead:
        try:
            optuna.Trial(study, trial._trial_id).set_user_attr(REAPED, True)
            study.tell(trial.number, state=TrialState.FAIL)
        except (ValueError, UpdateFinishedTrialError):  # another driver was faster
            continue
    trials = study.get_trials(deepcopy=False)
    again = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    for trial in trials:
        reaped = trial.state == TrialState.FAIL and REAPED in trial.user_attrs
        if reaped and VOID not in trial.user_attrs and trial.number not in again:
            attributes = {RETRY_OF: trial.number, NUMBER: number_of(trial)}
            study.enqueue_trial(_known(trial), user_attrs=attributes)


def take_back(study: optuna.Study, trial: FrozenTrial) -> bool:
    """Claims one waiting trial; whether no other driver was faster."""
    storage = study._storage
    try:
        return storage.set_trial_state_values(trial._trial_id, state=TrialState.RUNNING)
    except UpdateFinishedTrialError:
        return False


def _known(trial: FrozenTrial) -> dict[str, object]:
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}
