"""Text of one split that stands in another, wherever its rows begin."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.quality.near_texts import SHINGLE, window_hashes

TOKENS = 50


def rows_with_shared_text(
    tokens: ArrayLike,
    mask: ArrayLike | None,
    other: ArrayLike,
    other_mask: ArrayLike | None,
    length: int = TOKENS,
) -> NDArray[np.bool_]:
    """Which rows hold `length` consecutive tokens that some row of `other` holds too.

    Rows of packed text begin anywhere in a document, so that a document in both splits gives few
    rows that are alike; but of two rows that overlap by half, one holds a run of the other. The
    length of 50 tokens is that of Lee et al., "Deduplicating training data makes language models
    better" (ACL 2022). By sorting, O(tokens · log tokens).

    Args:
        tokens: integers [rows, places].
        mask: [rows, places], true where a token counts.
        other: integers [rows of the other split, places].
        other_mask: [rows of the other split, places].
    """
    length = max(length, SHINGLE)
    mine, whole = window_hashes(tokens, mask, length)
    theirs, theirs_whole = window_hashes(other, other_mask, length)
    known = np.unique(theirs[theirs_whole])
    shared: NDArray[np.bool_] = np.isin(mine, known) & whole
    return np.asarray(shared.any(axis=1))
