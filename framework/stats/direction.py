"""Which way a metric improves."""

from typing import Literal

Direction = Literal["max", "min", "auto"]

_LOWER = ("loss", "error", "brier", "perplexity", "bits", "divergence", "distance")


def higher_is_better(metric: str, direction: Direction = "auto") -> bool:
    """Whether more of `metric` is better; by name, losses and errors are the ones where less is."""
    if direction != "auto":
        return direction == "max"
    return not any(word in metric for word in _LOWER)
