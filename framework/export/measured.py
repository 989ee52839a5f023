"""The metrics of an artifact, by its own predictions: what `metrics.json` says."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from framework.evaluation import Evaluation
from framework.evaluation.analysis import abstaining, by_slice, estimates
from framework.evaluation.slicing import slicings
from framework.export.subject import Compared, Subject
from framework.train.examination import flat_numbers


def measure(subject: Subject, part: Compared, found: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Metrics of one split by name, intervals and slices under keys of their own.

    Args:
        found: what the export predicted for the split, in its order.
    """
    data, options = subject.data, subject.experiment.evaluation.analysis
    own = replace(part.found, predictions={**part.found.predictions, **found})
    outputs = {n: a for n, a in own.predictions.items() if n not in ("labels", "index")}
    metrics = subject.experiment.task.metrics(outputs, own.predictions["labels"], data.spec)
    evaluation = Evaluation(part.split, metrics, own.predictions)
    labels = data.spec.labels
    told = {
        "estimates": {n: e.json() for n, e in estimates(evaluation, labels, options).items()},
        "abstaining": abstaining(evaluation, labels, options),
    }
    if options.slices:
        batches = (batch for _, batch in part.chunks())
        own_slices = slicings(options.slices, batches, data.spec, data.categories)
        told |= by_slice(evaluation, labels, own_slices, options)
    return {**metrics, **flat_numbers(told)}
