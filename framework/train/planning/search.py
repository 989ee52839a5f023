"""Every mesh and policy of rematerialisation: bounded by arithmetic, the best compiled, ranked."""

import math
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from framework.config import InvalidConfig
from framework.parallel.chips import chip_of
from framework.train.assemble import assemble
from framework.train.experiment import Experiment
from framework.train.planning.candidates import Candidate, meshes, obstacle, policies
from framework.train.planning.compiler import Compiler, CompilerFailed
from framework.train.planning.estimate import Estimate, Estimator
from framework.train.planning.plan import Plan, shown_mesh
from framework.train.planning.planner import FAULT, Planner, priced, write
from framework.train.planning.ranking import Ranking, print_ranking, ranking_json
from framework.train.planning.table import duration, print_plan, size

# Beyond the device's memory by so much, what the loops keep is not worth a compilation.
_HOPELESS = 2.0
# How much worse a candidate counts for each of its family that was compiled.
_ALIKE = 0.03
# The best candidate is compiled again with full effort, which takes so many times as long on TPUs,
# where that is at most this share of the time.
_EFFORT = 5
_LAST = 0.35


@dataclass
class _Clock:
    """When a search must end, and how much of the time before is for the best candidate alone.

    Attributes:
        most: seconds that the last compilation may take.
        fastest: seconds of the fastest compilation with little effort.
    """

    end: float
    most: float
    fastest: float = math.inf

    def left(self) -> float:
        """Seconds for further candidates."""
        last = _EFFORT * self.fastest
        return self.end - time.monotonic() - (last if last <= self.most else 0.0)


def search(planner: Planner, console: Console) -> int:
    """Searches, prints and writes; returns the exit code."""
    import jax

    begun = time.monotonic()
    options = planner.options
    jax.config.update("jax_platforms", "cpu")  # the accelerators are the compilers'
    about = planner.compiler.ready()
    experiment = assemble(planner.settings, devices=about["devices"])
    chip = chip_of(about["device"])
    ranking = Ranking()
    worth = worth_compiling(experiment, about["devices"], planner.target.slices, chip, ranking)
    queue = _Queue(worth, None if chip is None else chip.memory)
    console.print(
        f"{len(worth) + len(ranking.skipped)} candidates, {len(worth)} worth compiling; "
        f"{options.minutes:g} minutes for the most promising"
    )
    quick = about["platform"] == "tpu"
    clock = _Clock(begun + 60 * options.minutes, 60 * options.minutes * _LAST if quick else 0.0)
    compilers = [planner.compiler]
    compilers += [Compiler(planner.target, planner.settings) for _ in range(options.workers - 1)]
    try:
        _compile_all(queue, compilers, clock, quick, ranking)
        best = ranking.best()
        final = None
        if best:
            left = clock.end - time.monotonic()
            final = _with_full_effort(planner, best[0], left) if quick else best[0][1]
    finally:
        for compiler in compilers:
            compiler.close()
    print_ranking(console, experiment, ranking, options.shown)
    if best:
        chosen = priced(final or best[0][1], options.price)
        console.print()
        print_plan(console, chosen)
        console.print(f"\nBest      {best[0][0].override(experiment) or 'as it is'}")
    write(options.out, ranking_json(experiment, ranking, final, time.monotonic() - begun))
    if options.out is not None:
        console.print(f"Numbers   {options.out}")
    console.print(f"Searched for {duration(time.monotonic() - begun)}")
    return 0 if best else FAULT


def worth_compiling(
    experiment: Experiment, devices: int, slices: int, chip: Any, ranking: Ranking
) -> list[tuple[Candidate, Estimate]]:
    """Candidates by their estimated time; those that cannot be are skipped with the reason."""
    estimator = Estimator(experiment, chip)
    worth: list[tuple[Candidate, Estimate]] = []
    for sizes in meshes(experiment, devices, slices):
        reason = obstacle(experiment, estimator.network, sizes) or ("", "")
        state = 0 if reason[0] else estimator.state_bytes(sizes)
        if chip is not None and state > chip.memory:
            reason = "the state alone does not fit", f"{size(state)} of {size(chip.memory)}"
        for remat in policies(experiment):
            candidate = Candidate(sizes, remat)
            if reason[0]:
                ranking.skip(candidate, *reason)
                continue
            estimate = estimator.of(candidate)
            if chip is not None and estimate.resident > _HOPELESS * chip.memory:
                detail = f"about {size(estimate.resident)} of {size(chip.memory)}"
                ranking.skip(candidate, "the state and what layers keep do not fit", detail)
            else:
                worth.append((candidate, estimate))

    return sorted(worth, key=lambda each: each[1].seconds)


@dataclass
class _Queue:
    """Candidates that wait, the most promising first.

    Arithmetic cannot tell what a compiler makes of attention, say. So what was compiled corrects
    the estimates of its family, the candidates that differ only in how they divide batches and
    parameters; one of which none is compiled yet is trusted as much as the best of its policy
    of rematerialisation. Before, each policy has its turn.

    Attributes:
        memory: of a device; what is estimated to need more waits until the end.
    """

    waiting: list[tuple[Candidate, Estimate]]
    memory: float | None
    refused: list[tuple[Candidate, Estimate]] = field(default_factory=list)
    factors: dict[tuple[Any, ...], float] = field(default_factory=dict)
    taken: Counter[tuple[Any, ...]] = field(default_factory=Counter)

    def pop(self) -> tuple[Candidate, Estimate]:
        """The most promising."""
        best = min(self.waiting, key=self._order)
        self.waiting.remove(best)
        self.taken[_family(best[0])] += 1
        return best

    def learn(self, candidate: Candidate, estimate: Estimate, plan: Plan) -> None:
        """Corrects the estimates by what was compiled."""
        if plan.memory.fits is False:
            self.refused.append((candidate, estimate))
        elif plan.speed is not None and estimate.seconds:
            family, factor = _family(candidate), plan.speed.expected / estimate.seconds
            self.factors[family] = min(self.factors.get(family, math.inf), factor)

    def _order(self, each: tuple[Candidate, Estimate]) -> tuple[bool, bool, float]:
        candidate, estimate = each
        family = _family(candidate)
        known = [f for other, f in self.factors.items() if other[0] == candidate.remat]
        best = min(known or self.factors.values(), default=1.0)
        factor = self.factors.get(family, best)
        # Members of a family are much alike: a few are enough where others are nearly as good.
        alike = 1 + _ALIKE * self.taken[family]
        too_large = self.memory is not None and estimate.resident > self.memory
        tried = any(taken[0] == candidate.remat for taken in self.taken)
        return too_large, tried, estimate.seconds * factor * alike


def _family(candidate: Candidate) -> tuple[Any, ...]:
    return candidate.remat, *(candidate.mesh[axis] for axis in ("tensor", "sequence", "expert"))


def _compile_all(
    queue: _Queue, compilers: Sequence[Compiler], clock: _Clock, quick: bool, ranking: Ranking
) -> None:
    """Compiles what waits in the queue until there is no time left."""
    lock = threading.Lock()

    def take() -> tuple[Candidate, Estimate] | None:
        with lock:
            while queue.waiting and clock.left() > 0:
                candidate, estimate = queue.pop()
                known = queue.refused
                worse = next((c for c, e in known if _no_better(candidate, estimate, c, e)), None)
                if worse is None:
                    return candidate, estimate
                reason = "keeps no less than one that does not fit"
                ranking.skip(candidate, reason, shown_mesh(worse.mesh))
        return None

    def work(compiler: Compiler) -> None:
        while (taken := take()) is not None:
            candidate, estimate = taken
            try:
                plan = compiler.compile(
                    candidate.mesh, candidate.remat, quick=quick, seconds=max(clock.left(), 0.1)
                )
            except InvalidConfig as error:
                ranking.skip(candidate, str(error))
            except CompilerFailed as error:
                ranking.skip(candidate, str(error).splitlines()[0])
                return  # its process is gone
            else:
                with lock:
                    ranking.compiled.append((candidate, plan))
                    clock.fastest = min(clock.fastest, sum(plan.seconds.values()))
                    queue.learn(candidate, estimate, plan)

    threads = [threading.Thread(target=work, args=(compiler,)) for compiler in compilers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for candidate, _ in queue.waiting:
        ranking.skip(candidate, "no time was left to compile it")


def _no_better(one: Candidate, own: Estimate, other: Candidate, known: Estimate) -> bool:
    """Whether `one` keeps at least as much of everything as `other`, which did not fit."""
    alike = all(one.mesh[axis] <= other.mesh[axis] for axis in ("tensor", "sequence", "expert"))
    return (
        alike and one.remat == other.remat and own.state >= known.state and own.kept >= known.kept
    )


def _with_full_effort(
    planner: Planner, best: tuple[Candidate, Plan], seconds: float
) -> Plan | None:
    """The best candidate's program as a run compiles it; None where there is too little time."""
    candidate = best[0]
    compiler = Compiler(planner.target, planner.settings)
    try:
        return compiler.compile(candidate.mesh, candidate.remat, seconds=max(seconds, 1.0))
    except (CompilerFailed, InvalidConfig):
        return None
    finally:
        compiler.close()
