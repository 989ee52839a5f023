"""How programs are compiled."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from framework.train.program import Program
from tests.train.small import batches, small


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The compiler options of every program made, none of which is compiled."""
    found: list[Any] = []

    def jit(function: Any, **options: Any) -> Any:
        found.append(options.get("compiler_options"))
        return function

    monkeypatch.setattr("framework.train.program.jax.jit", jit)
    return found


def make_all(program: Program) -> None:
    own = small()
    program.call(1, own.abstract)
    program.call(4, own.abstract)
    _ = program.predict


def test_on_gpus_the_same_bits_are_asked_for(
    asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Program, "_platform", "gpu")
    make_all(replace(small().program, deterministic=True))
    assert asked == [{"xla_gpu_deterministic_ops": True}] * 3


@pytest.mark.parametrize(("platform", "deterministic"), [("cpu", True), ("gpu", False)])
def test_else_nothing_is(
    asked: list[Any], monkeypatch: pytest.MonkeyPatch, platform: str, deterministic: bool
) -> None:
    monkeypatch.setattr(Program, "_platform", platform)
    make_all(replace(small().program, deterministic=deterministic))
    assert asked == [None] * 3


def test_xla_knows_the_option() -> None:
    import jax

    added = jax.jit(lambda x: x + 1, compiler_options={"xla_gpu_deterministic_ops": True})
    assert added(np.float32(1)) == 2


def test_the_same_seed_gives_the_same_bits() -> None:
    own = small("cnn")
    first, second = (own.train(own.start(), batches(4))[0] for _ in range(2))
    for name, array in first.params.items():
        np.testing.assert_array_equal(array, second.params[name])
