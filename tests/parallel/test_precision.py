"""Casting by policy touches floating-point arrays only."""

import jax.numpy as jnp
import numpy as np

from framework.parallel import cast


def test_cast() -> None:
    tree = {"w": np.float32([1.5]), "index": np.int32([3]), "half": jnp.bfloat16(2)}
    found = cast(tree, "bfloat16")
    assert [found[name].dtype for name in tree] == [jnp.bfloat16, np.int32, jnp.bfloat16]
    assert cast(found, "float32")["w"] == 1.5
