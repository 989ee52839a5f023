"""Numbers, pictures and the report of a model on a split of its data."""

from framework.evaluation.canvas import as_image, as_svg
from framework.evaluation.evaluate import Evaluation, evaluate
from framework.evaluation.model_card import write_model_card
from framework.evaluation.record import read_evaluation, write_evaluation
from framework.evaluation.report import write_report
from framework.evaluation.table import print_metrics
from framework.evaluation.track import track_evaluation

__all__ = [
    "Evaluation",
    "as_image",
    "as_svg",
    "evaluate",
    "print_metrics",
    "read_evaluation",
    "track_evaluation",
    "write_evaluation",
    "write_model_card",
    "write_report",
]
