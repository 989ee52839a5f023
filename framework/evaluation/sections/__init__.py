"""The parts of an evaluated split in the report, one file a question."""

from framework.evaluation.sections.confidence import confidence
from framework.evaluation.sections.distillation import distillation
from framework.evaluation.sections.drift import drift
from framework.evaluation.sections.numbers import numbers
from framework.evaluation.sections.quality import quality
from framework.evaluation.sections.shift import shift
from framework.evaluation.sections.slices import slices

__all__ = ["confidence", "distillation", "drift", "numbers", "quality", "shift", "slices"]
