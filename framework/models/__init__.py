"""Models in Flax NNX: built from the data's description, with a name for every axis."""

from framework.models.cnn import CNN
from framework.models.dropout import Dropout, DropoutRate, Hyperparameter
from framework.models.inputs import Fields, Inputs
from framework.models.mlp import MLP
from framework.models.network import Network
from framework.models.pool import max_pool

__all__ = [
    "CNN",
    "MLP",
    "Dropout",
    "DropoutRate",
    "Fields",
    "Hyperparameter",
    "Inputs",
    "Network",
    "max_pool",
]
