"""Models in Flax NNX: built from the data's description, with a name for every axis."""

from framework.models.auxiliary import AuxiliaryLoss
from framework.models.cnn import CNN
from framework.models.dropout import Dropout, DropoutRate, Hyperparameter
from framework.models.inputs import Fields, Inputs
from framework.models.mlp import MLP
from framework.models.network import Network
from framework.models.pool import max_pool
from framework.models.resnet import ResNet
from framework.models.table import TableModel
from framework.models.transformer import Transformer
from framework.models.vit import VisionTransformer

__all__ = [
    "CNN",
    "MLP",
    "AuxiliaryLoss",
    "Dropout",
    "DropoutRate",
    "Fields",
    "Hyperparameter",
    "Inputs",
    "Network",
    "ResNet",
    "TableModel",
    "Transformer",
    "VisionTransformer",
    "max_pool",
]
