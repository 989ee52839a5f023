import jax
import numpy as np
import pytest
from flax import nnx

from framework.config import InvalidConfig
from framework.models import Network, VisionTransformer
from framework.spec import Field
from tests.models import by_hand

IMAGE = Field((4, 6, 3), "float32")


def network(inputs=IMAGE, **arguments):
    settings = {"patch": 2, "layers": 2, "width": 8, "heads": 2, "mlp_width": 12} | arguments
    return Network.of(lambda r: VisionTransformer(**settings, inputs=inputs, outputs=5, rngs=r))


def patch_by_patch(params, image, pooling):
    """Logits of one image, its patches cut out one by one."""
    kernel, rows = params["embedding/kernel"], []
    for top in (0, 2):
        for left in (0, 2, 4):
            patch = image[top : top + 2, left : left + 2]
            rows.append(sum(patch[i, j] @ kernel[i, j] for i in (0, 1) for j in (0, 1)))
    x = np.array(rows) + params["positions"]
    if pooling == "class":
        x = np.concatenate([params["first"], x])
    for p in by_hand.layers(params):
        x = by_hand.block(p, x, causal=False)
    x = by_hand.rms_norm(x, params["norm/scale"])
    pooled = x[0] if pooling == "class" else x.mean(0)
    return pooled @ params["head/kernel"] + params["head/bias"]


@pytest.mark.parametrize(
    ("pooling", "arguments"), [("mean", {}), ("class", {"activation": "swiglu", "kv_heads": 1})]
)
def test_as_by_hand(pooling, arguments):
    net = network(pooling=pooling, **arguments)
    generator = np.random.default_rng(0)
    params = {k: generator.normal(0.1, 0.4, s.shape).astype("f") for k, s in net.shapes.items()}
    images = generator.normal(size=(2, 4, 6, 3)).astype("f")
    found = jax.jit(lambda p, x: net.bind(p, {})(x, train=False))(params, images)
    expected = [patch_by_patch(params, image, pooling) for image in images]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("shape", "patch"), [((8, 8, 1), 2), ((8, 8, 1), 4), ((28, 28), 4)])
def test_digits_and_fashion(shape, patch):
    net = network(Field(shape, "float32"), patch=patch)
    assert net.shapes["positions"].shape == ((shape[0] // patch) ** 2, 8)


def test_patches_that_do_not_fit():
    with pytest.raises(InvalidConfig) as failure:
        network(patch=4)
    line = "patch=4: expected a size that divides images of 4x6; choices: 2"
    assert str(failure.value) == line
    with pytest.raises(InvalidConfig, match="images of 5x7; pad the images"):
        network(Field((5, 7), "float32"))


def test_only_images():
    with pytest.raises(InvalidConfig, match="model=mlp"):
        VisionTransformer(inputs=Field((3,), "float32"), outputs=3, rngs=nnx.Rngs(0))
