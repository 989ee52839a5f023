"""Metrics of predicted tokens."""

import numpy as np
from numpy.typing import ArrayLike

from framework.stats.calibration import reliability_table

_NAMES = (
    "log_loss", "perplexity", "bits_per_byte", "accuracy", "expected_calibration_error",
    "tokens", "bytes", "examples",
)  # fmt: skip


def language_metric_names() -> tuple[str, ...]:
    """Every name that `language_metrics` gives."""
    return _NAMES


def language_metrics(
    log_likelihood: ArrayLike,
    confidence: ArrayLike,
    correct: ArrayLike,
    counted: ArrayLike,
    text_bytes: ArrayLike,
) -> dict[str, float]:
    """Likelihood, accuracy and calibration of next tokens.

    Over the tokens that count, with p the probability given to the one that came:

    - `log_loss`: mean −log p, in nats per token;
    - `perplexity`: exp(log_loss);
    - `bits_per_byte`: Σ −log₂ p over the bytes of text that the tokens stand for: the one number
      that compares tokenizers (Gao et al., "The Pile", arXiv:2101.00027, section 3.1);
    - `accuracy` and `expected_calibration_error` of the most probable token;
    - `tokens`, `bytes` and `examples` (rows).

    A likelihood that is not finite makes all but the counts NaN.

    Args:
        log_likelihood: [n, length], log p of each token.
        confidence: [n, length], the largest probability.
        correct: [n, length], whether the most probable token came.
        counted: [n, length], which tokens count.
        text_bytes: [n], bytes that a row's tokens stand for.

    Raises:
        ValueError: shapes that differ, or no token that counts.
    """
    keep = np.asarray(counted, bool)
    shapes = {np.shape(array) for array in (log_likelihood, confidence, correct, keep)}
    if len(shapes) != 1 or np.shape(text_bytes) != keep.shape[:1]:
        raise ValueError(f"arrays of shapes {shapes} and {np.shape(text_bytes)} bytes")
    if not keep.any():
        raise ValueError("there is no token to predict")
    likelihood = np.asarray(log_likelihood, np.float64)[keep]
    total = float(np.sum(text_bytes, dtype=np.float64))
    counts = {
        "tokens": float(keep.sum()),
        "bytes": total,
        "examples": float(len(keep)),
    }
    if not np.isfinite(likelihood).all():
        return {**dict.fromkeys(_NAMES, float("nan")), **counts}
    nats = -likelihood.sum()
    right = np.asarray(correct, np.float64)[keep]
    table = reliability_table(np.asarray(confidence)[keep], right)
    with np.errstate(over="ignore"):
        perplexity = float(np.exp(nats / keep.sum()))
    return {
        "log_loss": float(nats / keep.sum()),
        "perplexity": perplexity,
        "bits_per_byte": float(nats / np.log(2) / total) if total else float("nan"),
        "accuracy": float(right.mean()),
        "expected_calibration_error": table.expected_calibration_error,
        **counts,
    }
