"""One compiled program for all that differ in values, another one for whatever else differs."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from framework.config.command import compose_words
from framework.parallel import build_mesh
from framework.train import assemble, run
from framework.train.experiment import Experiment
from framework.train.shared import forget, shared, signature
from tests.experiments.launch import SMALL

SAME = [
    "optimizer.learning_rate=0.5", "optimizer.weight_decay=0.25", "seed=3", "schedule=constant",
    "task.label_smoothing=0.1", "trainer.log_every=5", "evaluation.every=10",
]  # fmt: skip
OTHERS = [
    "model.widths=[17]", "model.widths=[16,16]", "model.dropout=0.1", "precision=mixed",
    "trainer.steps=41", "trainer.accumulate=2", "trainer.deterministic=true", "mesh=data",
    "++mesh.rules.own=data", "model.activation=gelu", "mesh.replicate_if_uneven=[mlp]",
]  # fmt: skip


def experiment(*words: str) -> Experiment:
    return assemble(compose_words([*SMALL, *words]).settings)


def program(*words: str) -> Any:
    found = experiment(*words)
    return shared(found.program(found.network(), build_mesh(found.mesh)))


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.mark.parametrize("word", SAME)
def test_values_are_no_part_of_a_signature(word: str) -> None:
    assert signature(program(word)) == signature(program())


def test_whatever_else_differs_is() -> None:
    found = {word: signature(program(word)) for word in ("seed=0", *OTHERS)}
    alike = [(a, b) for a, b in itertools.combinations(found, 2) if found[a] == found[b]]
    assert not alike


def test_a_dropout_rate_shares_the_step_and_has_its_own_start() -> None:
    low, high = program("model.dropout=0.1"), program("model.dropout=0.9")
    assert low.step is high.step
    assert low.predict is high.predict
    rates = []
    for one, word in ((low, "model.dropout=0.1"), (high, "model.dropout=0.9")):
        state = one.initial_state(experiment(word).values(), seed=0)
        rates += [float(v) for name, v in state.model_state.items() if "rate" in name]
    assert rates == [np.float32(0.1), np.float32(0.9)]


def test_static_parts_of_values_are_told_apart_by_jax() -> None:
    """Another rule or schedule has other arguments of the same function, so it is compiled."""
    one, other = program(), program("optimizer=sgd")
    assert one.step is other.step
    calls = [
        p.call(1, p.abstract_state(experiment(*words).values()))
        for p, words in ((one, ()), (other, ("optimizer=sgd",)))
    ]
    assert calls[0] is not calls[1]
    assert one.call(1, one.abstract_state(experiment("seed=5").values())) is calls[0]


def test_rates_and_seeds_of_two_widths_in_turn_compile_each_program_once(tmp_path: Path) -> None:
    """Counted by JAX itself, in a process whose cache of programs is off."""
    compiled: list[str] = []

    def hear(event: str, duration: float, **more: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(str(more.get("fun_name", "")))

    words = ("trainer.compile_cache=false", "trainer.steps_per_call=1", "evaluation.report=false")
    kept: dict[str, Any] = {}
    counts = []
    jax.monitoring.register_event_duration_secs_listener(hear)
    try:
        for number in range(12):
            rate, seed = 10.0 ** -(1 + number % 6), number // 6
            more = (
                f"model.widths=[{8 + number % 2}]",
                f"optimizer.learning_rate={rate}",
                f"seed={seed}",
                f"run.dir={tmp_path}/{number}",
            )
            composed = compose_words([*SMALL, *words, *more])
            assert run(assemble(composed.settings, kept=kept), composed.settings) == 0
            counts.append(len(compiled))
    finally:
        jax.monitoring.unregister_event_duration_listener(hear)
    assert 0 < counts[0] < counts[1]
    # The first of each width has them all compiled.
    assert counts[1:] == [counts[1]] * 11, compiled[counts[1] :]
