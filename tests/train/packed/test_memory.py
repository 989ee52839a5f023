"""How many rows the memory holds."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import jax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.train.packed.memory import device_bytes, most_rows, program_bytes


@dataclass
class Compiler:
    """Compiles programs of which each row takes `each` bytes of its device, and all `base`."""

    devices: int
    each: int
    base: int = 0
    refuses: int = 10**9

    def __call__(self, rows: int) -> Any:
        needed = self.base + self.each * (rows // self.devices)
        if needed > self.refuses:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying")
        found = SimpleNamespace(
            argument_size_in_bytes=needed, temp_size_in_bytes=5, output_size_in_bytes=needed,
            alias_size_in_bytes=needed + 5,
        )  # fmt: skip
        return SimpleNamespace(memory_analysis=lambda: found)


@given(st.integers(1, 64), st.sampled_from([1, 2, 8]), st.integers(1, 100), st.integers(0, 50))
def test_the_most_rows_that_fit(share: int, devices: int, each: int, base: int) -> None:
    limit = 1000
    rows = most_rows(share * devices, devices, limit, Compiler(devices, each, base))
    assert rows % devices == 0
    assert rows == 0 or base + each * (rows // devices) <= limit
    assert rows == share * devices or base + 2 * each * (rows // devices + 1) > limit * 0.9


def test_without_a_limit_nothing_is_compiled_for_it() -> None:
    assert most_rows(24, 8, None, lambda rows: pytest.fail("compiled")) == 24


def test_a_compiler_that_runs_out_of_memory_is_asked_for_less() -> None:
    assert 0 < most_rows(64, 1, 400, Compiler(1, 10, refuses=350)) <= 35


def test_not_even_one_row_fits() -> None:
    assert most_rows(64, 1, 400, Compiler(1, 401)) == 0


def test_another_error_is_not_taken_for_it() -> None:
    def compiled(rows: int) -> Any:
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")

    with pytest.raises(jax.errors.JaxRuntimeError, match="something else"):
        most_rows(8, 1, 400, compiled)


def test_what_a_real_program_needs() -> None:
    compiled = jax.jit(lambda a: a @ a).lower(jax.ShapeDtypeStruct((128, 128), "float32")).compile()
    assert program_bytes(compiled) >= 2 * 128 * 128 * 4


def test_a_cpu_does_not_tell_what_it_has() -> None:
    assert device_bytes(jax.devices()) is None
