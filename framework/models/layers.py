"""Linear, convolution and normalization layers whose parameters carry axis names."""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx

from framework.models.axes import CHANNELS_OUT, IMAGE, KERNEL
from framework.models.convolve import convolve
from framework.parallel import constrain

Norm = Literal["batch", "group", "none"]
Activation = Literal["relu", "gelu", "silu", "tanh"]

_HE = nnx.initializers.variance_scaling(2.0, "fan_in", "truncated_normal")
_HE_FAN_OUT = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")


def activation_function(name: Activation) -> Callable[[jax.Array], jax.Array]:
    """The activation of that name."""
    functions: dict[str, Callable[[jax.Array], jax.Array]] = {
        "relu": nnx.relu,
        "gelu": nnx.gelu,
        "silu": nnx.silu,
        "tanh": jnp.tanh,
    }
    return functions[name]


def linear(
    features_in: int,
    features_out: int,
    axes: tuple[str, str],
    *,
    rngs: nnx.Rngs,
    kernel_init: nnx.Initializer = _HE,
) -> nnx.Linear:
    """A dense layer; `axes` name the kernel's dimensions (in, out), the bias has the last one."""
    return nnx.Linear(
        features_in,
        features_out,
        kernel_init=kernel_init,
        kernel_metadata={"axes": axes},
        bias_metadata={"axes": axes[1:]},
        rngs=rngs,
    )


def head(features_in: int, outputs: int, axes: tuple[str, str], *, rngs: nnx.Rngs) -> nnx.Linear:
    """The last layer: small weights, so that training starts from nearly equal logits."""
    init = nnx.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")
    return linear(features_in, outputs, axes, rngs=rngs, kernel_init=init)


def convolution(
    channels_in: int,
    channels_out: int,
    kernel_size: int,
    *,
    stride: int = 1,
    bias: bool = False,
    rngs: nnx.Rngs,
) -> nnx.Conv:
    """A square convolution on [batch, height, width, channels], padded by half its window.

    The output's height is ceil(height / stride), as with PyTorch's `padding=kernel_size // 2`.
    """
    half = kernel_size // 2
    return nnx.Conv(
        channels_in,
        channels_out,
        (kernel_size, kernel_size),
        strides=stride,
        padding=((half, kernel_size - 1 - half),) * 2,
        use_bias=bias,
        kernel_init=_HE_FAN_OUT,
        conv_general_dilated=convolve,
        kernel_metadata={"axes": KERNEL},
        bias_metadata={"axes": (CHANNELS_OUT,)},
        rngs=rngs,
    )


def normalization(
    kind: Norm, channels: int, *, zero_scale: bool = False, rngs: nnx.Rngs
) -> nnx.BatchNorm | nnx.GroupNorm | None:
    """Batch norm (running mean and variance with momentum 0.9), group norm, or None.

    Group norm takes the largest number of groups up to 32 that divides the channels.
    `zero_scale` starts with a scale of zero, which makes a residual block the identity.
    """
    if kind == "none":
        return None
    shared: dict[str, Any] = {
        "scale_init": nnx.initializers.zeros if zero_scale else nnx.initializers.ones,
        "scale_metadata": {"axes": (CHANNELS_OUT,)},
        "bias_metadata": {"axes": (CHANNELS_OUT,)},
        "epsilon": 1e-5,
        "rngs": rngs,
    }
    if kind == "batch":
        return nnx.BatchNorm(channels, momentum=0.9, promote_dtype=_keep_statistics, **shared)
    groups = max(n for n in range(1, min(32, channels) + 1) if channels % n == 0)
    return nnx.GroupNorm(channels, num_groups=groups, **shared)


def normalize(
    layer: nnx.BatchNorm | nnx.GroupNorm | None, x: jax.Array, *, train: bool
) -> jax.Array:
    """Apply `layer` to the result of a convolution [batch, height, width, channels]; batch norm
    uses (and updates) the batch's statistics when training.
    """
    x = constrain(x, *IMAGE)
    if layer is None:
        return x
    if isinstance(layer, nnx.BatchNorm):
        normal: jax.Array = layer(x, use_running_average=not train)
    else:
        normal = layer(x)
    return normal


def _keep_statistics(values: Any, /, **options: Any) -> Any:
    # The running statistics stay float32; promoting with them would take a bfloat16 model
    # back to float32 after its first batch norm.
    x, mean, var, scale, bias = values
    x, scale, bias = nnx.nn.dtypes.promote_dtype((x, scale, bias), **options)
    return x, mean, var, scale, bias
