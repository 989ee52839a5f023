import jax.numpy as jnp
import optax
import pytest

from framework.optim import split


def test_each_transformation_sees_its_own_parameters():
    params = {"a": jnp.ones(2), "b": jnp.ones(3), "c": jnp.ones(4)}
    rule = split(
        {"twice": optax.scale(2.0), "adam": optax.scale_by_adam(), "none": optax.set_to_zero()},
        lambda path, value: "adam" if path == "b" else "twice" if value.size == 4 else "none",
    )
    state = rule.init(params)
    assert set(state["adam"].mu) == {"b"}
    updates, state = rule.update(params, state, params)
    assert list(updates) == ["a", "b", "c"]
    assert float(updates["a"].sum()) == 0
    assert float(updates["c"].sum()) == 8
    assert float(updates["b"][0]) == pytest.approx(1, rel=1e-4)
    assert int(state["adam"].count) == 1


def test_a_name_without_parameters_has_no_state():
    rule = split({"all": optax.scale(1.0), "none": optax.scale_by_adam()}, lambda *_: "all")
    state = rule.init({"a": jnp.ones(2)})
    assert set(state) == {"all"}
    updates, _ = rule.update({"a": jnp.ones(2)}, state)
    assert updates["a"].shape == (2,)
