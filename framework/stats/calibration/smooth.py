"""Calibration error without bins."""

import numpy as np
from numpy.typing import NDArray

from framework.stats.calibration.errors import Binned, binned
from framework.stats.calibration.table import ReliabilityTable

_WAVES = 1024  # cosines of the smoothed residual, at most
SMALLEST = 0.002  # bandwidth below which no cosine would be left out


def smooth_calibration_error(table: ReliabilityTable) -> float:
    """smECE of Błasiok and Nakkiran, "Smooth ECE", ICLR 2024 (arXiv:2309.12236), section 3.

    The residual y − p smoothed along p by a Gaussian of bandwidth σ reflected at 0 and 1,
    smECE_σ = ∫ |(1/n) Σ_i K_σ(t, p_i)(y_i − p_i)| dt, at the bandwidth where smECE_σ = σ (it
    falls as σ rises, so there is one). Consistent: near the distance to the nearest calibrated
    predictor, and continuous in p, which no binned error is.

    Args:
        table: of `fine_edges`; predictions of one cell stand at their mean, which moves them by
            1/1200 at most.

    Returns:
        The error, exact to 0.001; NaN without predictions.
    """
    return float(smooth_errors(table.mean_confidence, binned(table)))


def smooth_errors(at: NDArray[np.float64], sums: Binned) -> NDArray[np.float64]:
    """smECE of samples that share their confidences, [...]; NaN without predictions.

    The reflected Gaussian multiplies the k-th cosine of [0, 1] by exp(−(πkσ)²/2), so one
    transform serves all bandwidths.

    Args:
        at: mean confidence of each cell, [cells]; NaN where it is empty.
        sums: of the samples over the cells, [..., cells].
    """
    filled = ~np.isnan(at)
    total = sums.counts.sum(axis=-1, keepdims=True)
    if not filled.any() or not total.size:
        return np.full(total.shape[:-1], np.nan)
    residual = ((sums.correct - sums.confidence) / total)[..., filled]
    errors = _errors(at[filled], np.atleast_2d(residual))
    return errors.reshape(total.shape[:-1])


def _errors(at: NDArray[np.float64], residual: NDArray[np.float64]) -> NDArray[np.float64]:
    waves = residual @ np.cos(np.pi * np.outer(at, np.arange(_WAVES + 1)))

    def error(width: NDArray[np.float64]) -> NDArray[np.float64]:
        # At width σ the waves beyond 2/σ are damped below 3e-9 and need not be added.
        most = int(np.clip(2 / width.min(), 32, _WAVES))
        k, points = np.arange(most + 1), 2 * most
        # Phases that put the points amid the cells of the grid, and irfft's scale of 2 points.
        phases = np.exp(1j * np.pi * k / (2 * points)) * (2 * points)
        damped = waves[:, : most + 1] * np.exp(-np.square(np.pi * np.outer(width, k)) / 2) * phases
        smoothed = np.fft.irfft(damped, 2 * points, axis=1)[:, :points]
        average: NDArray[np.float64] = np.abs(smoothed).mean(axis=1)
        return average

    low = np.full(len(residual), SMALLEST)
    high = np.ones(len(residual))
    for _ in range(11):
        middle = (low + high) / 2
        above = error(middle) > middle
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return error((low + high) / 2)
