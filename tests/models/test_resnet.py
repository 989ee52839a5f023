import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from framework.config import InvalidConfig
from framework.models import Network, ResNet
from framework.models.resnet import BasicBlock, Bottleneck
from framework.spec import Field

IMAGENET = Field((224, 224, 3), "float32")


# The numbers of torchvision.models.resnet18, resnet34 and resnet50.
@pytest.mark.parametrize(
    ("depth", "parameters"), [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032)]
)
def test_as_many_parameters_as_published(depth, parameters):
    net = Network.of(lambda r: ResNet(depth, inputs=IMAGENET, outputs=1000, rngs=r))
    assert sum(s.size for s in net.shapes.values()) == parameters


@pytest.mark.parametrize(("stem", "size", "last"), [("imagenet", 64, 2), ("cifar", 32, 4)])
def test_resolution_of_the_stages(stem, size, last):
    def features():
        field = Field((size, size, 3), "float32")
        model = ResNet(18, width=2, stem=stem, inputs=field, outputs=3, rngs=nnx.Rngs(0))
        x = model.convolution(jnp.zeros((1, size, size, 3)))
        assert x.shape[1] == (size // 2 if stem == "imagenet" else size)
        if stem == "imagenet":
            x = x[:, ::2, ::2]
        for block in model.blocks:
            x = block(x, train=False)
        return x

    assert jax.eval_shape(features).shape == (1, last, last, 16)


@pytest.mark.parametrize(("kind", "norm"), [(BasicBlock, "batch"), (Bottleneck, "group")])
def test_blocks_start_as_the_identity(kind, norm):
    @jax.jit
    def apply(x):
        block = kind(4 * kind.expansion, 4, 1, norm, rngs=nnx.Rngs(jax.random.key(0)))
        return block(x, train=True)

    x = jax.nn.relu(jax.random.normal(jax.random.key(0), (2, 8, 8, 4 * kind.expansion)))
    np.testing.assert_array_equal(apply(x), x)


def test_only_images():
    with pytest.raises(InvalidConfig, match="model=mlp"):
        ResNet(inputs=Field((3,), "float32"), outputs=3, rngs=nnx.Rngs(0))
