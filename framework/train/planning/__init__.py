"""What a step takes, known before it is launched: memory, arithmetic, communication, time."""

from framework.train.planning.command import begin, finish
from framework.train.planning.options import PlanOptions

__all__ = ["PlanOptions", "begin", "finish"]
