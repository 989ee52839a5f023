"""Do two sets of embeddings come from one distribution? Maximum mean discrepancy."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.checks import matrix

LARGEST = 500
PERMUTATIONS = 499


@dataclass(frozen=True)
class MaximumMeanDiscrepancy:
    """MMD² without bias (it may be below 0), its p-value, and how it was measured.

    Attributes:
        value: MMD².
        p_value: of permuting rows between the samples; never below 1 / (1 + permutations).
        bandwidth: σ of the kernel exp(−‖x − y‖² / (2σ²)).
        rows: of each sample that were used.
    """

    value: float
    p_value: float
    bandwidth: float
    rows: tuple[int, int]

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "rows": list(self.rows)}


def maximum_mean_discrepancy(
    reference: ArrayLike,
    current: ArrayLike,
    largest: int = LARGEST,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> MaximumMeanDiscrepancy:
    """MMD² of two samples [n, d] and [m, d] with a Gaussian kernel, tested by permutation.

    MMD² = mean k(x, x') + mean k(y, y') − 2 mean k(x, y) over pairs of different rows (Gretton et
    al., "A Kernel Two-Sample Test", JMLR 2012, equation 3); σ is the median distance of all pairs.
    Columns should be of one scale. Memory is that of `4 · largest²` numbers whatever n and m.

    Args:
        reference: [n, d].
        current: [m, d].
        largest: rows of each sample beyond which a random subsample of so many stands for it.
        permutations: for the p-value.
        seed: of the subsample and of the permutations.

    Raises:
        ValueError: samples of fewer than two rows, or of different widths, or with NaN.
    """
    rng = np.random.default_rng(seed)
    x, y = samples(reference, current, largest, rng)
    both = np.concatenate([x, y])
    squares = np.sum(both**2, axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * both @ both.T, 0)
    median = np.median(np.sqrt(distances[np.triu_indices(len(both), 1)]))
    # More than half of the rows alike: any kernel will do that tells them from the rest.
    bandwidth = float(median or np.sqrt(distances.max()) or 1.0)
    kernel = np.exp(-distances / (2 * bandwidth**2))
    np.fill_diagonal(kernel, 0)
    labels = np.zeros((1 + permutations, len(both)))
    labels[:, : len(x)] = 1
    labels[1:] = rng.permuted(labels[1:], axis=1)
    values = _discrepancies(kernel, labels)
    p_value = (1 + np.sum(values[1:] >= values[0] - 1e-12)) / (1 + permutations)
    return MaximumMeanDiscrepancy(float(values[0]), float(p_value), bandwidth, (len(x), len(y)))


def samples(
    reference: ArrayLike, current: ArrayLike, largest: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both samples as float64 with at most `largest` rows, drawn without replacement.

    Raises:
        ValueError: samples of fewer than two rows, or of different widths, or with NaN.
    """
    pair = (matrix(reference, "the reference's rows"), matrix(current, "the current rows"))
    if pair[0].shape[1] != pair[1].shape[1]:
        raise ValueError(f"rows of {pair[0].shape[1]} and of {pair[1].shape[1]} columns")
    if min(map(len, pair)) < 2:
        raise ValueError("two samples are compared by two rows or more of each")
    x, y = (
        rows if len(rows) <= largest else rows[np.sort(rng.permutation(len(rows))[:largest])]
        for rows in pair
    )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("a row holds NaN or infinity: distances to it are not defined")
    return x, y


def _discrepancies(kernel: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """MMD² for each row of labels, 1 for the first sample, from a kernel with an empty diagonal."""
    n = labels[0].sum()
    m = labels.shape[1] - n
    to_first = labels @ kernel
    first = np.sum(to_first * labels, axis=1)
    between = np.sum(to_first, axis=1) - first
    second = kernel.sum() - first - 2 * between
    return np.asarray(first / (n * (n - 1)) + second / (m * (m - 1)) - 2 * between / (n * m))
