import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from framework.config import InvalidConfig
from framework.models import MLP
from framework.spec import Field
from tests.models.ready import TABLE


def test_is_the_product_of_its_layers():
    model = MLP((4,), "tanh", inputs=Field((2, 3), "float32"), outputs=2, rngs=nnx.Rngs(1))
    x = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
    first, head = model.layers[0], model.head
    hidden = np.tanh(x.reshape(5, 6) @ first.kernel[...] + first.bias[...])
    expected = hidden @ np.asarray(head.kernel[...]) + head.bias[...]
    np.testing.assert_allclose(model(jnp.asarray(x), train=False), expected, rtol=1e-5, atol=1e-6)


def test_starts_from_nearly_equal_logits():
    @jax.jit
    def logits(x):
        rngs = nnx.Rngs(jax.random.key(0))
        return MLP(inputs=Field((64,), "float32"), outputs=10, rngs=rngs)(x, train=False)

    x = np.random.default_rng(0).normal(size=(50, 64)).astype(np.float32)
    assert 0 < float(jnp.abs(logits(x)).max()) < 1


@pytest.mark.parametrize("inputs", [TABLE, TABLE["categorical"]])
def test_tables_with_categories_are_refused(inputs):
    with pytest.raises(InvalidConfig, match="model=table"):
        MLP(inputs=inputs, outputs=2, rngs=nnx.Rngs(0))
