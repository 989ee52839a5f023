import jax
import jax.numpy as jnp
import numpy as np
import pytest

from framework.checkpoint import leaves
from tests.checkpoint.states import abstract, assert_equal, make


def test_names_are_paths_and_say_nothing_of_classes():
    assert set(leaves.named_leaves(make())) == {
        "step",
        "params/layers/0/kernel",
        "params/layers/0/bias",
        "params/none",
        "moments/0/layers/0/kernel",
        "key",
        "rate",
    }


def test_descriptions_are_the_same_of_arrays_and_of_abstract_ones():
    state = make()
    described = leaves.describe(leaves.named_leaves(state))
    assert described == leaves.describe(leaves.named_leaves(abstract(state)))
    assert described["params/layers/0/kernel"] == "float32[16,4]"
    assert described["params/layers/0/bias"] == "bfloat16[3]"
    assert described["params/none"] == "float32[0,3]"
    assert described["step"] == "int32[]"


@pytest.mark.parametrize("generator", ["threefry2x32", "rbg", "unsafe_rbg"])
def test_random_keys_of_each_generator(generator):
    state = {"keys": jax.random.split(jax.random.key(3, impl=generator), 4)}
    named = leaves.named_leaves(state)
    stored = leaves.to_save(named)
    assert stored["keys"].dtype == jnp.uint32
    assert generator.replace("2x32", "") in leaves.describe(named)["keys"]
    back = leaves.from_restored(state, named, stored)["keys"]
    assert back.dtype == state["keys"].dtype
    np.testing.assert_array_equal(jax.random.key_data(back), jax.random.key_data(state["keys"]))


def test_what_is_stored_fits_what_is_restored():
    named = leaves.named_leaves(make())
    stored, wanted = leaves.to_save(named), leaves.to_restore(named)
    assert stored.keys() == wanted.keys()
    for name, array in stored.items():
        assert (array.shape, array.dtype) == (wanted[name].shape, wanted[name].dtype)
    assert_equal(leaves.from_restored(make(), named, stored), make())


def test_two_leaves_of_one_name_are_refused():
    with pytest.raises(ValueError, match="a/b"):
        leaves.named_leaves({"a/b": jnp.ones(1), "a": {"b": jnp.ones(1)}})
