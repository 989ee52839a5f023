"""A source that learns: trials come from Optuna by ask, and go back to it by tell."""

import logging
import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from framework.launch.objective import Objective
from framework.launch.source import SourceLost
from framework.launch.space import Space
from framework.launch.study import claims
from framework.launch.study.checks import SPLIT
from framework.launch.study.leases import Leases, attribute
from framework.launch.study.options import StudyOptions
from framework.launch.study.parameters import suggest
from framework.launch.study.samplers import make_sampler
from framework.launch.study.storage import LOST, Address, unreachable
from framework.launch.trial import State

PATIENCE = 600.0  # seconds that a storage may be away
_log = logging.getLogger(__name__)
Got = TypeVar("Got")


@dataclass(frozen=True)
class Searched:
    """What is searched, where and by whom; `leases` are None where no other driver can be.

    Attributes:
        place: where the study is kept.
        driver: the name of this one.
        runs: the directory in which a trial's run is, by its number.
    """

    options: StudyOptions
    space: Space
    objectives: tuple[Objective, ...]
    place: Address
    driver: str
    runs: Path
    leases: Leases | None = None


class Study:
    """Gives out an Optuna study's points, as one of the drivers that may share it.

    What the storage cannot be told it is told later. Away for ten minutes, it ends the sweep, but
    not before the trials under way have ended: until then nothing is asked that needs it.

    Args:
        mine: running trials that this driver has from an earlier start, by number.
        given: numbers of those that the driver's table has, and need not be proposed.
    """

    def __init__(
        self,
        study: optuna.Study,
        searched: Searched,
        mine: Mapping[int, optuna.Trial] | None = None,
        given: Iterable[int] = (),
    ) -> None:
        self.study = study
        self._searched = searched
        self._mine, claimed = dict(mine or {}), set(mine or {}) - set(given)
        self._claimed = [self._mine.pop(number) for number in sorted(claimed)]  # not given out yet
        self._untold: list[tuple[int, State, Mapping[str, float] | None]] = []
        self._began = time.monotonic()
        self._away_since: float | None = None
        self._away = ""

    def propose(self) -> tuple[int, Mapping[str, Any]] | None:
        """A trial that was left, of a driver that died, or a new one."""
        return self._reached(self._propose, None)

    def finished(self) -> bool:
        """Whether all are given out, and none runs elsewhere that might come back.

        Raises:
            SourceLost: the storage has been away for too long.
        """
        found = self._reached(self._finished, False)
        if self._away_since is not None and time.monotonic() - self._away_since > PATIENCE:
            raise SourceLost(self._away)
        return found

    def report(self, number: int, step: int, metrics: Mapping[str, float]) -> bool:
        """Whether the pruner ends the trial, by its evaluations so far."""
        return self._reached(lambda: self._report(number, step, metrics), False)

    def tell(self, number: int, state: State, result: Mapping[str, float] | None) -> None:
        """Hands a result to the study; one without its metrics, or not finite, as failed."""
        self._untold.append((number, state, result))
        self._reached(self._tell_all, None)

    def _reached(self, act: Callable[[], Got], otherwise: Got) -> Got:
        try:
            found = act()
        except LOST as error:
            self._away = str(unreachable(self._searched.place, error))
            if self._away_since is None:
                self._away_since = time.monotonic()
                _log.warning("%s. It is asked again; the trials under way go on.", self._away)
            return otherwise
        self._away_since = None
        return found

    def _propose(self) -> tuple[int, Mapping[str, Any]] | None:
        self._tell_all()
        if not self._claimed:
            self._reap()
        while self._claimed or self._may_ask():
            if not self._claimed:
                self._claimed.append(self.study.ask())
            trial = self._claimed[0]  # kept until it is settled, wherever the storage goes away
            try:
                given = self._settle(trial)
            except UpdateFinishedTrialError:  # taken for dead, it went to another driver
                given = None
            self._claimed.pop(0)
            if given is not None:
                self._mine[given[0]] = trial
                return given
        return None

    def _may_ask(self) -> bool:
        options = self._searched.options
        if options.timeout is not None and time.monotonic() - self._began >= options.timeout:
            return False
        trials = self.study.get_trials(deepcopy=False)
        waiting = any(trial.state == TrialState.WAITING for trial in trials)
        return waiting or len(claims.fresh(trials)) < options.n_trials

    def _settle(self, trial: optuna.Trial) -> tuple[int, dict[str, Any]] | None:
        """Makes a claimed trial this driver's, with its values; None where it is one too many."""
        searched, options = self._searched, self._searched.options
        if searched.leases is not None:
            trial.set_user_attr(claims.DRIVER, searched.driver)
        trials = self.study.get_trials(deepcopy=False)
        frozen = next(one for one in trials if one.number == trial.number)
        if not claims.counts(frozen, trials, options.n_trials):
            claims.make_void(self.study, trial)
            return None
        number = claims.number_of(frozen)
        trial.set_user_attr(claims.RUN, str(searched.runs / str(number)))
        self.study.sampler = make_sampler(options.sampler, options.seed, number)
        return number, suggest(trial, searched.space)

    def _reap(self) -> None:
        if self._searched.leases is not None:
            claims.reap(self.study, self._dead(self._searched.leases))

    def _dead(self, leases: Leases) -> list[FrozenTrial]:
        running = self._running_elsewhere()
        marks = self.study.user_attrs if running else {}
        return [trial for trial in running if leases.over(*_sign(trial, marks))]

    def _running_elsewhere(self) -> list[FrozenTrial]:
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        me = self._searched.driver
        return [trial for trial in running if trial.user_attrs.get(claims.DRIVER) != me]

    def _finished(self) -> bool:
        self._tell_all()
        if self._claimed:
            return False
        options = self._searched.options
        if options.timeout is not None and time.monotonic() - self._began >= options.timeout:
            return True
        self._reap()
        return not self._may_ask() and not self._running_elsewhere()

    def _report(self, number: int, step: int, metrics: Mapping[str, float]) -> bool:
        trial = self._mine.get(number)
        value = metrics.get(SPLIT + self._searched.objectives[0].metric)
        if trial is None or value is None or len(self._searched.objectives) > 1:
            return False
        try:
            with warnings.catch_warnings():  # of steps told again, or that the best one has not
                warnings.filterwarnings("ignore", message="The reported value is ignored")
                warnings.filterwarnings("ignore", message="WilcoxonPruner finds steps")
                trial.report(value, step)
                return trial.should_prune()
        except UpdateFinishedTrialError:  # taken for dead, it went to another driver
            del self._mine[number]
            return False

    def _tell_all(self) -> None:
        while self._untold:
            self._tell(*self._untold[0])
            self._untold.pop(0)

    def _tell(self, number: int, state: State, result: Mapping[str, float] | None) -> None:
        trial = self._mine.get(number)
        if trial is None:
            if state == "done":
                tell_after_all(self.study, number, self._searched.objectives, result)
            return
        try:
            tell(self.study, trial, self._searched.objectives, state, result)
        except (ValueError, UpdateFinishedTrialError):
            _log.warning("Trial %d went to another driver, whose result counts.", number)
        del self._mine[number]


def tell(
    study: optuna.Study,
    trial: optuna.Trial,
    objectives: Iterable[Objective],
    state: State,
    result: Mapping[str, float] | None,
) -> None:
    """Ends a running trial of Optuna's.

    Raises:
        ValueError, UpdateFinishedTrialError: it does not run any more.
    """
    values = _values(objectives, result)
    if state == "done" and not any(map(math.isnan, values)):
        study.tell(trial, values)
    elif state == "pruned":
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, state=TrialState.FAIL)


def tell_after_all(
    study: optuna.Study,
    number: int,
    objectives: Iterable[Objective],
    result: Mapping[str, float] | None,
) -> None:
    """Adds the result of a trial that was failed or pruned, and tried again or continued since."""
    values = _values(objectives, result)
    before = claims.latest(study.get_trials(deepcopy=False)).get(number)
    ended = before is not None and before.state in (TrialState.FAIL, TrialState.PRUNED)
    if not ended or before is None or any(map(math.isnan, values)):
        return
    attributes = {**before.user_attrs, claims.RETRY_OF: before.number, claims.NUMBER: number}
    study.add_trial(
        create_trial(
            values=values,
            params=before.params,
            distributions=before.distributions,
            intermediate_values=before.intermediate_values,
            user_attrs=attributes,
        )
    )


def _values(objectives: Iterable[Objective], result: Mapping[str, float] | None) -> list[float]:
    return [(result or {}).get(SPLIT + one.metric, math.nan) for one in objectives]


def _sign(trial: FrozenTrial, marks: Mapping[str, Any]) -> tuple[str, object]:
    """By what its driver is known to live. One that was killed as it claimed left no name."""
    driver = trial.user_attrs.get(claims.DRIVER)
    if driver is None:
        return f"trial:{trial.number}", None
    return driver, marks.get(attribute(driver))
