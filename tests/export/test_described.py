"""What a signature says of an input."""

from types import SimpleNamespace
from typing import Any

import jax
import numpy as np

from framework.data.schema import Column
from framework.export.described import _plain

PIXELS = jax.ShapeDtypeStruct((2, 2), np.uint8)
SCHEMA: Any = SimpleNamespace(columns={"inputs": Column("number", "uint8", (2, 2), 0.0, 16.0, 0.0)})


def limits(name: str, *seen: int | None) -> Any:
    """The range of an input whose training data reach 16, held against examples with `seen`."""
    batch = {"inputs": np.array(seen, np.uint8)} if None not in seen else {}
    part: Any = SimpleNamespace(chunks=lambda: iter([(slice(0, len(seen)), batch)]))
    return _plain(name, PIXELS, SCHEMA, [part] if batch else None).range


def test_pixels_on_a_scale_of_their_own_have_the_range_of_all_that_was_looked_at() -> None:
    assert limits("image", 9) == (0.0, 16.0)
    assert limits("image", 9, 20) == (0.0, 20.0)
    assert limits("image", 250) == (0.0, 255.0)


def test_where_not_all_was_looked_at_their_type_says_what_they_can_be() -> None:
    assert limits("image", None) == (0.0, 255.0)


def test_numbers_that_are_no_pixels_have_the_range_of_their_type() -> None:
    assert limits("features", 9) == (0.0, 255.0)
