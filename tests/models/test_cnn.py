import jax
import pytest
from flax import nnx

from framework.config import InvalidConfig
from framework.models import CNN
from framework.spec import Field


def build(inputs, **arguments):
    return nnx.eval_shape(lambda: CNN(**arguments, inputs=inputs, outputs=3, rngs=nnx.Rngs(0)))


def test_too_small_an_image_names_the_most_stages():
    with pytest.raises(InvalidConfig) as failure:
        build(Field((8, 9, 1), "float32"), channels=(4, 4, 4, 4))
    line = str(failure.value)
    assert line.startswith("channels=[4, 4, 4, 4]: expected at most 3 stages for images of 8x9")
    build(Field((8, 9, 1), "float32"), channels=(4, 4, 4))


def test_only_images():
    with pytest.raises(InvalidConfig, match="model=table"):
        build({"numeric": Field((3,), "float32")})
    with pytest.raises(InvalidConfig, match="model=mlp"):
        build(Field((3,), "float32"))


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 1)])
def test_odd_images_with_or_without_channels(shape):
    model = build(Field(shape, "float32"), channels=(4, 4))
    assert model.dense.kernel.shape == (1 * 2 * 4, 128)
    graph, state = nnx.split(model)
    outputs = jax.eval_shape(
        lambda state, x: nnx.merge(graph, state)(x, train=False), state, jax.numpy.ones((2, *shape))
    )
    assert outputs.shape == (2, 3)


def test_biases_only_without_a_norm():
    assert build(Field((8, 8), "float32")).stages[0].convolutions[0].bias is None
    plain = build(Field((8, 8), "float32"), norm="none")
    assert plain.stages[0].convolutions[0].bias is not None
