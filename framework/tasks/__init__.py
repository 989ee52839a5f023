"""Tasks: what a batch means, its loss, metrics and predictions."""

from framework.tasks.classification import Classification
from framework.tasks.distillation import Distillation
from framework.tasks.language_modeling import LanguageModeling
from framework.tasks.regression import Regression
from framework.tasks.task import Batch, Task

__all__ = ["Batch", "Classification", "Distillation", "LanguageModeling", "Regression", "Task"]
