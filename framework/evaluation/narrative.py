"""The report's opening in plain words: how good, where it errs most, whether it knows."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from framework.evaluation.evaluate import Evaluation
from framework.evaluation.formats import count, metric, number, share, span, title
from framework.evaluation.language import token_headline
from framework.evaluation.record import hard_labels
from framework.evaluation.sections.confidence import calibration_sentences
from framework.evaluation.sections.drift import verdict_sentence
from framework.evaluation.sections.slices import standing_sentence
from framework.evaluation.table import main_metrics
from framework.spec import Labels
from framework.stats import confusion_matrix, label_reliability, per_class

# What is said of a kind of labels rests on these metrics; a task of a user's own may lack them.
_NEEDED = {
    "class": {"accuracy"},
    "multi_label": {"label_accuracy", "exact_match"},
    "number": {"mean_absolute_error", "r_squared"},
    "token": {"bits_per_byte", "perplexity", "accuracy"},
}
_CALIBRATED = 0.01  # a gap below a point between confidence and accuracy is no news


def headline(
    evaluation: Evaluation, labels: Labels, analysis: Mapping[str, Any] | None = None
) -> list[str]:
    """A few sentences about an evaluation; the first says how good the model is.

    With an analysis: within what interval, whether its confidence can be told from a calibrated
    one, which slices are worse, and whether the data have moved.
    """
    analysis = analysis or {}
    told = _of_metrics(evaluation, labels, analysis)
    if analysis.get("slices"):
        told.append(standing_sentence(analysis["slices"]))
    if analysis.get("drift"):
        told.append(verdict_sentence(analysis["drift"]))
    return told


def _of_metrics(evaluation: Evaluation, labels: Labels, analysis: Mapping[str, Any]) -> list[str]:
    metrics = evaluation.metrics
    start = f"On {count(len(evaluation.predictions['index']))} {evaluation.split} examples"
    outputs = [a for name, a in evaluation.predictions.items() if name not in ("labels", "index")]
    if not all(np.isfinite(array).all() for array in outputs):
        return [f"{start} some of its predictions are not numbers: the training diverged."]
    if not evaluation.is_usual(labels) or not _NEEDED[labels.kind] <= metrics.keys():
        main = {n: v for n, v in main_metrics(evaluation).items() if n != "examples"}
        shown = [f"{title(name).lower()} {metric(name, value)}" for name, value in main.items()]
        return [f"{start}: {', '.join(shown)}."]
    if labels.kind == "token":
        tokens = f"On {count(metrics['tokens'])} {evaluation.split} tokens"
        return _of_tokens(token_headline(tokens, evaluation), evaluation, analysis)
    if labels.kind == "class":
        return _of_classes(start, evaluation, labels.names, analysis)
    if labels.kind == "multi_label":
        return _of_labels(start, evaluation, labels.names) + calibration_sentences(analysis)
    return _of_numbers(start, evaluation, labels.names)


def _of_classes(
    start: str, evaluation: Evaluation, names: tuple[str, ...], analysis: Mapping[str, Any]
) -> list[str]:
    p, truth = evaluation.predictions["probabilities"], evaluation.predictions["labels"]
    truth = hard_labels(truth)
    confusion = confusion_matrix(truth, p.argmax(axis=1), len(names))
    accuracy = evaluation.metrics["accuracy"]
    told = [f"{start} it is right {share(accuracy)} of the time{_within('accuracy', analysis)}."]
    wrong = confusion - np.diag(np.diag(confusion))
    if wrong.any():
        recall = per_class(confusion).recall
        hardest = int(np.nanargmin(recall))
        label, said = np.unravel_index(int(wrong.argmax()), wrong.shape)
        told.append(
            f"It errs most on {_named(names[hardest])}, of which it recognises "
            f"{share(recall[hardest])}; "
            f"its commonest mistake is to take {_named(names[label])} for {_named(names[said])} "
            f"({_times(int(wrong[label, said]))})."
        )
    if sentences := calibration_sentences(analysis):
        return told + sentences
    table = label_reliability(p, truth)
    confidence = float(table.confidence.sum() / table.counts.sum())
    gap = confidence - accuracy
    if abs(gap) < _CALIBRATED:
        told.append(f"Its confidence fits: {share(confidence)} on average.")
    else:
        told.append(
            f"It is {'over' if gap > 0 else 'under'}confident: it claims {share(confidence)} on "
            f"average, {100 * abs(gap):.1f} points {'more' if gap > 0 else 'less'} than it keeps."
        )
    return told


def _of_tokens(told: list[str], evaluation: Evaluation, analysis: Mapping[str, Any]) -> list[str]:
    """What is told of tokens, with the analysis in the place of a bare difference."""
    sentences = calibration_sentences(analysis)
    if not sentences:
        return told
    right = share(evaluation.metrics["accuracy"])
    within = _within("accuracy", analysis)
    return [told[0], f"Its first guess is right {right} of the time{within}.", *sentences]


def _within(name: str, analysis: Mapping[str, Any]) -> str:
    """The interval of a metric in brackets, where it has one."""
    found = analysis.get("estimates", {}).get(name)
    ends = span(name, found["low"], found["high"]) if found else ""
    return f" ({ends})" if ends else ""


def _of_labels(start: str, evaluation: Evaluation, names: tuple[str, ...]) -> list[str]:
    metrics = evaluation.metrics
    right, whole = share(metrics["label_accuracy"]), share(metrics["exact_match"])
    told = [f"{start} {right} of all labels are right, and {whole} have every label right."]
    recalls = {name: metrics.get(f"recall/{name}", math.nan) for name in names}
    known = {name: value for name, value in recalls.items() if math.isfinite(value)}
    if known:
        hardest = min(known, key=known.__getitem__)
        told.append(f"It misses {hardest} most: it finds {share(known[hardest])} of them.")
    return told


def _of_numbers(start: str, evaluation: Evaluation, names: tuple[str, ...]) -> list[str]:
    metrics = evaluation.metrics
    error, explained = metrics["mean_absolute_error"], metrics["r_squared"]
    of = f"{share(explained)} of the variance"
    if not math.isfinite(explained):
        told = [f"{start} it misses by {number(error)} on average."]
    elif explained <= 0:
        told = [f"{start} it does worse than always answering with the mean."]
    elif len(names) > 1:  # an error averaged over different units says nothing
        told = [f"{start} it explains {of} of its {len(names)} targets."]
    else:
        told = [
            f"{start} it misses {names[0]} by {number(error)} on average.",
            f"It explains {of}.",
        ]
    scores = {name: metrics.get(f"r_squared/{name}", math.nan) for name in names}
    known = {name: value for name, value in scores.items() if math.isfinite(value)}
    if len(known) > 1:
        hardest = min(known, key=known.__getitem__)
        told.append(f"The hardest is {hardest}, with R² {number(known[hardest])}.")
    bias = evaluation.predictions["predictions"] - evaluation.predictions["labels"]
    if len(names) == 1 and abs(float(bias.mean())) > 0.25 * error > 0:
        side = "high" if bias.mean() > 0 else "low"
        told.append(f"It aims too {side}, by {number(abs(float(bias.mean())))} on average.")
    return told


def _named(name: str) -> str:
    """Class names that are numbers in quotes, lest they be read as counts."""
    return f"“{name}”" if name.replace(".", "").isdigit() else name


def _times(times: int) -> str:
    return {1: "once", 2: "twice"}.get(times, f"{count(times)} times")
