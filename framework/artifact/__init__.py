"""The door between the wings: a directory that predicts without the code that trained it."""

from framework.artifact.artifact import Artifact, load
from framework.artifact.contents import Contents, inspect
from framework.artifact.errors import ArtifactError, InvalidInput
from framework.artifact.generation import Sampling, generate
from framework.artifact.signature import Argument, Input, Output, Signature

__all__ = [
    "Argument",
    "Artifact",
    "ArtifactError",
    "Contents",
    "Input",
    "InvalidInput",
    "Output",
    "Sampling",
    "Signature",
    "generate",
    "inspect",
    "load",
]
