"""Bytes that programs move, against what must be read and written."""

from typing import Any

import jax
import numpy as np
from jax import lax

from framework.parallel.memory_traffic import moved


def of(function: Any, *shapes: tuple[int, ...]) -> int:
    arrays = [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes]
    return moved(jax.jit(function).lower(*arrays).compile().as_text())


def test_elementwise_work_reads_and_writes_once() -> None:
    assert of(lambda x: jax.numpy.tanh(x) * 2 + 1, (256, 256)) == 2 * 256 * 256 * 4


def test_a_product_reads_both_and_writes_one() -> None:
    assert of(lambda x, y: x @ y, (64, 128), (128, 32)) == 4 * (64 * 128 + 128 * 32 + 64 * 32)


def test_a_loop_reads_its_slices_and_not_the_whole_each_time() -> None:
    length = 16

    def layers(x: jax.Array, w: jax.Array) -> jax.Array:
        return lax.scan(lambda x, w: (x @ w, None), x, w)[0]

    found = of(layers, (128, 128), (length, 128, 128))
    one = 128 * 128 * 4
    # x in and out and w of each layer, which is copied before; all of w each time were 16 a layer.
    assert 3 * length * one <= found <= (8 * length + 4) * one


def test_what_lies_on_a_tpus_chip_does_not_count() -> None:
    text = """HloModule m, is_scheduled=true

ENTRY %main (a: f32[8,128]) -> f32[8,128] {
  %a = f32[8,128]{1,0:T(8,128)} parameter(0)
  %b = f32[8,128]{1,0:T(8,128)S(1)} negate(%a)
  ROOT %c = f32[8,128]{1,0:T(8,128)} negate(%b)
}
"""
    assert moved(text) == 2 * 8 * 128 * 4
