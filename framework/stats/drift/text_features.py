"""What an author, a language or a pipeline changes about texts, as a few numbers a row."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Features = dict[str, NDArray[np.float32]]


def text_features(
    tokens: ArrayLike,
    mask: ArrayLike | None = None,
    unknown: int | None = None,
    characters: bool = False,
) -> Features:
    """Features [n] by name, in float32; NaN (missing) but for the length where a row is empty.

    - `length`: tokens that count.
    - `entropy`: −Σ p log₂ p of the row's own tokens, in bits.
    - `distinct`: different tokens by the length.
    - `repeated`: share of tokens equal to the one before them.
    - `unknown`: share of the token `unknown`, where it is given.
    - Of characters: `mean_character`, and shares of `digits`, `upper_case`, `letters`, `spaces`,
      `control` (below 32, but for tab and line ends) and `beyond_ascii` (128 and above).

    Args:
        tokens: integers [n, length].
        mask: [n, length], true or 1 where a token counts; all of them by default.
        unknown: the number of the token that stands for what the vocabulary lacks.
        characters: tokens are bytes or code points.

    Raises:
        ValueError: tokens that are not integers [n, length], or a mask of another shape.
    """
    rows = np.asarray(tokens)
    if rows.ndim != 2 or rows.dtype.kind not in "iu":
        raise ValueError(f"tokens must be integers [n, length], not {rows.dtype} {rows.shape}")
    counted = np.ones(rows.shape, bool) if mask is None else np.asarray(mask).astype(bool)
    if counted.shape != rows.shape:
        raise ValueError(f"tokens are {rows.shape} but their mask is {counted.shape}")
    length = counted.sum(axis=1)

    def share(chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
        return _by_length((chosen & counted).sum(axis=1), length)

    entropy, distinct = _entropy(rows, counted)
    again = np.zeros(rows.shape, bool)
    again[:, 1:] = (rows[:, 1:] == rows[:, :-1]) & counted[:, :-1]
    features = {
        "length": length.astype(np.float32),
        "entropy": np.where(length > 0, entropy, np.nan).astype(np.float32),
        "distinct": _by_length(distinct, length),
        "repeated": share(again),
    }
    if unknown is not None:
        features["unknown"] = share(rows == unknown)
    if characters:
        upper, lower = (rows >= 65) & (rows <= 90), (rows >= 97) & (rows <= 122)
        features |= {
            "mean_character": _by_length(np.sum(rows * counted, axis=1), length),
            "digits": share((rows >= 48) & (rows <= 57)),
            "upper_case": share(upper),
            "letters": share(upper | lower),
            "spaces": share(np.isin(rows, (9, 10, 13, 32))),
            "control": share((rows < 32) & ~np.isin(rows, (9, 10, 13))),
            "beyond_ascii": share(rows >= 128),
        }
    return features


def _entropy(
    rows: NDArray[np.integer], counted: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Bits, and the number of different tokens, of each row."""
    owner, tokens = np.nonzero(counted)[0], rows[counted].astype(np.int64)
    if len(tokens):
        tokens -= tokens.min()
    span = int(tokens.max(initial=0)) + 1
    pairs, counts = np.unique(owner * span + tokens, return_counts=True)
    owner = pairs // span
    p = counts / counted.sum(axis=1)[owner]
    bits = np.bincount(owner, -p * np.log2(p), len(rows))
    return bits.astype(np.float64), np.bincount(owner, minlength=len(rows)).astype(np.int64)


def _by_length(values: NDArray[np.generic], length: NDArray[np.int64]) -> NDArray[np.float32]:
    with np.errstate(invalid="ignore"):
        return np.where(length > 0, values / np.maximum(length, 1), np.nan).astype(np.float32)
