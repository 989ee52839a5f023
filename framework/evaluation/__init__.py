"""Numbers, pictures and the report of a model on a split of its data."""

from framework.evaluation.canvas import as_image, as_svg
from framework.evaluation.evaluate import Evaluation, evaluate
from framework.evaluation.record import read_evaluation, write_evaluation

__all__ = [
    "Evaluation",
    "as_image",
    "as_svg",
    "evaluate",
    "read_evaluation",
    "write_evaluation",
]
