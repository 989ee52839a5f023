"""Tasks: what a batch means, its loss, metrics and predictions."""

from framework.tasks.classification import Classification
from framework.tasks.regression import Regression
from framework.tasks.task import Batch, Task

__all__ = ["Batch", "Classification", "Regression", "Task"]
