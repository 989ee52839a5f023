"""Models whose miscalibration is known."""

import numpy as np


def model(n, temperature=1.0, classes=5, seed=0):
    """Logits of a model heated by 1 / `temperature`, and labels drawn from the unheated one."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(n, classes))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return logits * temperature, (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
