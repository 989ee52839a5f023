"""Experiments as the command line composes them, without running them."""

from typing import Any

from framework.config.command import compose_words
from framework.train import Experiment, assemble

LANGUAGE = (
    "~experiment", "name=tokens", "data=random_tokens", "task=language_modeling",
    "model=transformer", "data.vocabulary=96", "data.sequence_length=16", "data.batch_size=16",
    "data.examples=64", "model.layers=3", "model.width=32", "model.heads=4", "model.kv_heads=2",
    "model.mlp_width=48", "model.remat=none",
)  # fmt: skip
SMALL = ("model=mlp", "model.widths=[16]")


def settings(*words: str) -> dict[str, Any]:
    """The settings of an experiment."""
    return compose_words(words).settings


def experiment(*words: str, devices: int = 8) -> Experiment:
    """The experiment, checked for so many devices."""
    return assemble(settings(*words), devices=devices)
