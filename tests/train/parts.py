"""The parts of a small experiment that fit each other."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import optax

from framework.checkpoint import CheckpointOptions
from framework.config import Problem
from framework.models import MLP
from framework.optim import Optimizer
from framework.parallel import MeshOptions
from framework.tasks import Classification
from framework.train.options import EvaluationOptions, Trainer
from tests.data.make import data as made

DATA = made(30, 6)


def said(problems: Iterable[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def parts(**changes: Any) -> dict[str, Any]:
    usual = {
        "data": DATA, "task": Classification(), "model": partial(MLP, widths=(4,)),
        "optimizer": Optimizer(1e-3, optax.scale_by_adam), "mesh": MeshOptions(devices=1),
        "trainer": Trainer(steps=10), "evaluation": EvaluationOptions(every=5),
        "checkpoint": CheckpointOptions(every=5),
    }  # fmt: skip
    return {**usual, **changes}
