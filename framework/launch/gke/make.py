"""The place of a sweep on GKE: all that can be known beforehand is checked before it opens."""

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from framework.config import InvalidConfig
from framework.launch.gke.cancelled import take_all_back
from framework.launch.gke.kubernetes_cluster import connect
from framework.launch.gke.place import JobSets
from framework.launch.gke.programs import Programs, check_price, price
from framework.launch.gke.record import Record, new_record
from framework.launch.gke.rehearsal import Rehearsal
from framework.launch.gke.workers import Workers
from framework.launch.meshes import check_meshes, sampled
from framework.launch.place import Place
from framework.launch.request import Request
from framework.launch.storage import open_storage
from framework.train.planning.plan import Plan


def make_place(request: Request) -> Place:
    """The place that was asked for; with `launch.dry_run` one that only writes manifests.

    Raises:
        InvalidConfig: what is wrong with its settings, a program that does not fit the slice, a
            price above `launch.max_cost`, an extra that is not installed.
    """
    dry = request.dry_run
    record = new_record(request.directory, request.name, request.launch)
    order = record.order()
    programs = Programs(order, _compose, say)
    try:
        check_meshes(request, order.slice, order.slices)
        plan = _first_plan(request, programs, needed=not dry)
        found = price(order, plan, trials_of(request), request.confirmations)
        if found is not None:
            say(f"Price     {found}")
        check_price(found, request.launch.get("max_cost"), order)
        if not dry:
            cluster = connect(order.options.namespace, order.options.context)
            storage = open_storage("launch.storage", order.options.address, order.sweep)
    except BaseException:
        programs.close()
        raise
    begin = _beginning(request, record)
    if dry:
        programs.close()
        return Rehearsal(order, request.directory, begin, say)
    kind = JobSets if order.options.workers is None else Workers
    return kind(order, cluster, storage, programs.check, begin, say)


def _beginning(request: Request, record: Record) -> Callable[[], None]:
    """What is done before trials are submitted, now that nothing of the sweep was refused."""
    take_back = functools.cache(lambda: take_all_back(request.directory))

    def begin() -> None:
        record.write(request.directory)
        if request.retry_failed and not request.dry_run:
            take_back()  # once: what is cancelled from now on stays so

    return begin


def say(line: str) -> None:
    """Prints a line, at once."""
    print(line, file=sys.stderr, flush=True)


def trials_of(request: Request) -> int:
    """How many there will be, as far as that is known: of a grid its points."""
    wanted: Any = request.sweeper_settings.get("n_trials")
    if request.sweeper != "grid" and isinstance(wanted, int):
        return wanted
    count = 1
    for one in request.space:
        count *= max(1, len(one.values))
    return count


def _first_plan(request: Request, programs: Programs, *, needed: bool) -> Plan | None:
    """The first trial's plan; programs of all sampled trials are compiled, each once."""
    plans: list[Plan] = []
    try:
        plans = [programs.check(words) for words in sampled(request)]
    except InvalidConfig as error:
        missing = any("libtpu" in p.hint or "tpu-plan" in p.hint for p in error.problems)
        if needed or not missing:
            raise
        say(f"Program   not compiled: {error}")
    return plans[0] if plans else None


def _compose(words: Sequence[str]) -> Mapping[str, Any]:
    from framework.config.apart import compose_apart

    return compose_apart(words).settings
