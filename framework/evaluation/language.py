"""What is shown of a language model: where in its context it predicts how well, and its trust."""

import math

import numpy as np

from framework.evaluation.evaluate import Evaluation
from framework.evaluation.formats import number, share
from framework.stats import ReliabilityTable, reliability_table

_PLACES = 64  # points of the curve


def token_reliability(evaluation: Evaluation) -> ReliabilityTable:
    """Of the most probable token at each place where one came."""
    arrays = evaluation.predictions
    counted = arrays["labels"] >= 0
    return reliability_table(arrays["confidence"][counted], arrays["correct"][counted])


def loss_by_place(evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    """Places in the row [n] and the mean loss there in nats [n], a long row in groups."""
    arrays = evaluation.predictions
    counted = arrays["labels"] >= 0
    size = counted.shape[1]
    group = np.broadcast_to(np.arange(size) * min(size, _PLACES) // size, counted.shape)[counted]
    nats = np.bincount(group, -arrays["log_likelihood"][counted], min(size, _PLACES))
    count = np.bincount(group, minlength=min(size, _PLACES))
    place = np.bincount(group, np.nonzero(counted)[1], min(size, _PLACES))
    seen = count > 0
    return place[seen] / count[seen] + 1, nats[seen] / count[seen]


def token_baselines(evaluation: Evaluation) -> dict[str, float]:
    """What the tokens' own frequencies score, without looking at what came before."""
    labels = evaluation.predictions["labels"]
    rate = np.bincount(labels[labels >= 0]) / (labels >= 0).sum()
    nats = float(-(rate * np.log(np.where(rate > 0, rate, 1))).sum())
    found = {"log_loss": nats, "perplexity": math.exp(nats), "accuracy": float(rate.max())}
    text = evaluation.metrics.get("bytes", 0)
    if text:
        found["bits_per_byte"] = nats / math.log(2) * evaluation.metrics["tokens"] / text
    return found


def token_headline(start: str, evaluation: Evaluation) -> list[str]:
    """How well it predicts, in bits a byte, and whether its confidence fits."""
    metrics = evaluation.metrics
    table = token_reliability(evaluation)
    confidence = float(table.confidence.sum() / table.counts.sum())
    told = [
        f"{start} it needs {number(metrics['bits_per_byte'])} bits for each byte of text "
        f"(perplexity {number(metrics['perplexity'])} a token)."
    ]
    gap = confidence - metrics["accuracy"]
    told.append(
        f"Its first guess is right {share(metrics['accuracy'])} of the time, and it claims "
        f"{share(confidence)}: its confidence "
        + ("fits." if abs(gap) < 0.01 else f"is too {'high' if gap > 0 else 'low'}.")
    )
    return told
