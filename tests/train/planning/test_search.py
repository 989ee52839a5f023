"""Which candidates there are, why some are skipped, and how the rest is compiled and ranked."""

import math
import time
from collections.abc import Mapping
from dataclasses import replace

import jax
import pytest

from framework.config import InvalidConfig, Problem
from framework.parallel.chips import Chip, chip_of
from framework.train.experiment import Experiment
from framework.train.planning import search as searching
from framework.train.planning.candidates import (
    Candidate,
    meshes,
    obstacle,
    policies,
    policy,
    useful_axes,
    with_candidate,
)
from framework.train.planning.compiler import CompilerFailed
from framework.train.planning.estimate import Estimate, Estimator
from framework.train.planning.measure import measure
from framework.train.planning.plan import Memory, Plan, Speed
from framework.train.planning.ranking import Ranking
from tests.train.planned import LANGUAGE, SMALL, experiment


@pytest.fixture(scope="module")
def language() -> Experiment:
    return experiment(*LANGUAGE, "mesh=fsdp")


@pytest.fixture(scope="module")
def v5e() -> Chip:
    chip = chip_of("TPU v5 lite")
    assert chip is not None
    return chip


def sizes(**axes: int) -> dict[str, int]:
    names = ("replica", "data", "fsdp", "tensor", "sequence", "expert")
    return dict.fromkeys(names, 1) | axes


def test_every_product_of_the_useful_axes(language: Experiment) -> None:
    assert useful_axes(language) == {"data", "fsdp", "tensor", "sequence"}
    found = [tuple(each.values()) for each in meshes(language, 8, 1)]
    # Three factors of two among four axes.
    assert len(found) == len(set(found)) == math.comb(3 + 3, 3)
    assert all(math.prod(each) == 8 for each in found)
    assert {each[0] for each in (tuple(m.values()) for m in meshes(language, 8, 2))} == {2}


def test_images_have_no_sequence_to_divide() -> None:
    assert useful_axes(experiment(*SMALL, "mesh=single")) <= {"data", "fsdp", "tensor"}
    assert policies(experiment(*SMALL, "mesh=single")) == (None,)


def test_policies_are_those_of_the_constructor(language: Experiment) -> None:
    assert set(policies(language)) >= {"none", "full", "dots"}
    assert policy(language) == "none"


@pytest.mark.parametrize(
    ("axes", "reason"),
    [
        ({"data": 32}, "data.batch_size does not divide"),
        ({"sequence": 32}, "sequences do not divide"),
        ({"tensor": 8}, "mesh.rules.heads does not divide"),
        ({"fsdp": 2, "tensor": 4}, None),
    ],
)
def test_why_a_mesh_cannot_be(
    language: Experiment, axes: Mapping[str, int], reason: str | None
) -> None:
    found = obstacle(language, language.network(), sizes(**axes))
    assert (found and found[0]) == reason


def test_an_override_line_makes_the_candidate(language: Experiment) -> None:
    candidate = Candidate(sizes(data=2, tensor=4), "full")
    line = candidate.override(language)
    assert line == "mesh.data=2 mesh.fsdp=1 mesh.tensor=4 model.remat=full"
    made = experiment(*LANGUAGE, "mesh=fsdp", *line.split())
    assert made.mesh == with_candidate(language, candidate.mesh, "full").mesh
    assert policy(made) == "full"


def test_the_states_bytes_are_those_of_the_plan(language: Experiment, v5e: Chip) -> None:
    estimator = Estimator(language, v5e)
    for axes in (sizes(fsdp=8), sizes(data=2, fsdp=2, tensor=2)):
        plan = measure(with_candidate(language, axes, None), jax.devices(), "cpu:8")
        # The plan leaves out the random key, eight bytes on every device, and the guard's flag.
        assert estimator.state_bytes(axes) - plan.memory.state in range(18)


def test_estimates_know_what_costs(language: Experiment, v5e: Chip) -> None:
    estimator = Estimator(language, v5e)

    def of(remat: str, **axes: int) -> Estimate:
        return estimator.of(Candidate(sizes(**axes), remat))

    full, none = estimator.traced("full"), estimator.traced("none")
    assert sum(full.operations.values()) > sum(none.operations.values())
    # A layer's input is all that is kept: 3 layers of 16 × 16 tokens × 32 in float32.
    assert full.carried == 3 * 16 * 16 * 32 * 4
    assert of("full", fsdp=8).kept < of("none", fsdp=8).kept
    assert of("none", fsdp=8).state < of("none", fsdp=4, tensor=2).state * 2
    assert of("none", data=8).state > 6 * of("none", fsdp=8).state


class FakeCompiler:
    """Takes no time; refuses, fails or finds a mistake where it is told to."""

    def __init__(self, plan: Plan, refused: set[str], broken: set[str]) -> None:
        self.plan, self.refused, self.broken = plan, refused, broken
        self.asked: list[tuple[Mapping[str, int], str | None]] = []

    def compile(
        self, mesh: Mapping[str, int], remat: str | None, *, quick: bool, seconds: float
    ) -> Plan:
        self.asked.append((mesh, remat))
        if remat in self.broken:
            raise CompilerFailed("it ended with code 6\nmore")
        if mesh["sequence"] > 1:
            raise InvalidConfig(Problem("model.attention", "cudnn", "whole sequences"))
        memory = replace(self.plan.memory, refused=remat in self.refused)
        return replace(self.plan, mesh=mesh, remat=remat, memory=memory)


def ranked(
    language: Experiment, v5e: Chip, compiler: FakeCompiler, seconds: float = 60.0
) -> tuple[Ranking, int]:
    ranking = Ranking()
    worth = searching.worth_compiling(language, 8, 1, v5e, ranking)
    queue, count = searching._Queue(worth, v5e.memory), len(worth)
    clock = searching._Clock(time.monotonic() + seconds, most=0.0)
    searching._compile_all(queue, [compiler], clock, True, ranking)  # type: ignore[list-item]
    return ranking, count


@pytest.fixture(scope="module")
def empty_plan() -> Plan:
    memory = Memory(1, 1, 0, 0, 1, needed=1, capacity=2)
    operations = {"model": {"float32": 1.0}, "hardware": {"float32": 1.0}}
    return Plan("x", "cpu:8", "cpu", "cpu", 8, 8, {}, None, 16, 256, 10, 1, memory, operations)


def reasons(ranking: Ranking) -> set[str]:
    return {reason for _, reason, _ in ranking.skipped}


def test_each_candidate_is_compiled_or_skipped_with_a_reason(
    language: Experiment, v5e: Chip, empty_plan: Plan
) -> None:
    compiler = FakeCompiler(empty_plan, refused={"none"}, broken=set())
    ranking, _ = ranked(language, v5e, compiler)
    everything = math.comb(6, 3) * len(policies(language))
    assert len(ranking.compiled) + len(ranking.skipped) == everything
    assert "mesh.rules.heads does not divide" in reasons(ranking)
    assert "keeps no less than one that does not fit" in reasons(ranking)
    assert any("model.attention=cudnn" in reason for reason in reasons(ranking))
    assert all(plan.remat != "none" for _, plan in ranking.best())


def test_what_there_is_no_time_for_is_said(
    language: Experiment, v5e: Chip, empty_plan: Plan
) -> None:
    compiler = FakeCompiler(empty_plan, set(), set())
    ranking, waiting = ranked(language, v5e, compiler, seconds=-1.0)
    assert compiler.asked == []
    late = [r for _, r, _ in ranking.skipped if r == "no time was left to compile it"]
    assert len(late) == waiting > 0


def test_a_compiler_that_ends_is_not_asked_again(
    language: Experiment, v5e: Chip, empty_plan: Plan
) -> None:
    compiler = FakeCompiler(empty_plan, set(), broken=set(map(str, policies(language))))
    ranking, _ = ranked(language, v5e, compiler)
    assert len(compiler.asked) == 1
    assert "it ended with code 6" in reasons(ranking)


def test_what_was_compiled_corrects_the_estimates_of_its_family(
    empty_plan: Plan, v5e: Chip
) -> None:
    def candidate(remat: str, **axes: int) -> tuple[Candidate, Estimate]:
        return Candidate(sizes(**axes), remat), Estimate(1, 1, 1.0 if remat == "none" else 1.2)

    queue = searching._Queue(
        [candidate(remat, data=8 // n, fsdp=n) for remat in ("none", "full") for n in (1, 2, 4)],
        v5e.memory,
    )
    first, second = queue.pop(), queue.pop()  # each policy has its turn
    assert (first[0].remat, second[0].remat) == ("none", "full")
    slow = Speed(0, 0, 0, {}, 1.0, 9.0, "memory", 0.1, 1.0)
    queue.learn(*first, replace(empty_plan, speed=slow))
    queue.learn(*second, replace(empty_plan, speed=replace(slow, expected=3.0)))
    assert queue.pop()[0].remat == "full"  # 1.2 × 3 / 1.2, where none has 1.0 × 9


def test_what_is_estimated_not_to_fit_waits(v5e: Chip) -> None:
    large = Candidate(sizes(data=8), "none"), Estimate(2**40, 1, 0.1)
    small = Candidate(sizes(fsdp=8), "none"), Estimate(1, 1, 9.0)
    assert searching._Queue([large, small], v5e.memory).pop() == small
