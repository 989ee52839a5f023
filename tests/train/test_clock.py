"""Where the time goes."""

import contextlib
import threading
import time

import jax
import jax.numpy as jnp
import pytest

from framework.train import clock as clock_module
from framework.train.clock import Clock


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which passes only when it is told to."""
    moment = [100.0]
    monkeypatch.setattr(clock_module.time, "perf_counter", lambda: moment[0])
    monkeypatch.setattr(clock_module.time, "time", lambda: moment[0])
    return moment


def test_every_moment_belongs_to_one_category(now: list[float]) -> None:
    clock = Clock(begun=97.0)
    now[0] += 1
    with clock.during("step"):
        now[0] += 2
        with clock.during("data_wait"):
            now[0] += 3
        now[0] += 4
        assert clock.now == "step"
    now[0] += 5
    assert {k: v for k, v in clock.seconds().items() if v} == {
        "start_up": 9.0, "step": 6.0, "data_wait": 3.0,
    }  # fmt: skip
    assert sum(clock.seconds().values()) == now[0] - 97.0


def test_an_exception_ends_a_category_too(now: list[float]) -> None:
    clock = Clock()
    with contextlib.suppress(KeyError), clock.during("evaluation"):
        raise KeyError
    assert clock.now == "start_up"


def test_compiling_is_taken_out_of_what_asked_for_it(now: list[float]) -> None:
    clock = Clock()
    with clock.during("evaluation"):
        now[0] += 10
        clock._hear("/jax/core/compile/jaxpr_trace_duration", 1.0)  # within the next one
        now[0] += 1
        clock._hear("/jax/core/compile/jaxpr_trace_duration", 4.0)
        now[0] += 2
        clock._hear("/jax/core/compile/backend_compile_duration", 2.0)
        clock._hear("/jax/something/else", 5.0)
    seconds = clock.seconds()
    assert (seconds["compile"], seconds["evaluation"]) == (6.0, 7.0)


def test_what_another_thread_compiles_is_not_waited_for(now: list[float]) -> None:
    clock = Clock()
    now[0] += 3
    hear = threading.Thread(target=clock._hear, args=("/jax/core/compile/x_duration", 2.0))
    hear.start()
    hear.join()
    assert clock.seconds()["compile"] == 0


def test_a_new_attempt_counts_anew(now: list[float]) -> None:
    clock = Clock()
    now[0] += 3
    clock.restart()
    now[0] += 1
    assert sum(clock.seconds().values()) == 1
    assert clock.begun == 103.0


def test_jax_tells_of_real_compilations() -> None:
    clock = Clock.of_process()
    clock.restart()
    with clock.during("step"):
        jax.jit(lambda x: jnp.sin(x) * 1.2345 + x)(jnp.ones(7)).block_until_ready()
        time.sleep(0.05)
    seconds = clock.seconds()
    assert seconds["compile"] > 0.001
    assert seconds["step"] >= 0.05
