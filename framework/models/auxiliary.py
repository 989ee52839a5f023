"""Losses that a model adds to that of its task, such as the balance of experts."""

import jax
from flax import nnx


class AuxiliaryLoss(nnx.Variable[jax.Array]):
    """A loss, already weighted, that the model writes at each call in training.

    The step adds the sum of all of them to the task's loss. One of several layers in a scanned
    stack has a leading axis.
    """
