"""How large numbers are and how many are none, wherever they lie."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from framework.train.replay import extent as module
from framework.train.replay.extent import Extent, extent


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("on_cpu", [True, False])
def test_of_floating_arrays(kind: str, on_cpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_is_on_cpu", lambda _: on_cpu)
    array = jnp.asarray([[1.5, -3, jnp.nan], [jnp.inf, -jnp.inf, 0]], kind)
    found = extent(array)
    assert found == Extent(largest=3, nan=1, infinite=2, size=6)
    assert found.share == 0.5
    assert not found.finite
    assert extent(jnp.zeros((0, 2), kind)) == Extent(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("number", "largest"), [(-2.0, 2), (np.float32(3), 3), (3 + 4j, 5), (jnp.complex64(-1j), 1)]
)
def test_of_numbers(number: Any, largest: float) -> None:
    assert extent(number) == Extent(largest, 0, 0, 1)


@pytest.mark.parametrize("other", [1, True, np.int32(3), np.zeros(3, bool), jnp.arange(3)])
def test_other_kinds_have_none(other: Any) -> None:
    assert extent(other) is None


def test_of_two_arrays_together() -> None:
    assert Extent(2, 1, 0, 4).joined(Extent(5, 1, 3, 6)) == Extent(5, 2, 3, 10)
