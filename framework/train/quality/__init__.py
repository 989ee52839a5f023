"""A look at data: duplicates and leakage, suspect labels, anomalous examples, the schema."""

from framework.train.quality.job import DataCheck, begin, finish
from framework.train.quality.options import QualityOptions

__all__ = ["DataCheck", "QualityOptions", "begin", "finish"]
