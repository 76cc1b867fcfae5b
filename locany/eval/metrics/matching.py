"""How many pairs there are at each threshold: by the one matcher, or greedily as published."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from locany.geometry import match


def num_matched(similarity: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Most pairs, one to one, at each threshold; [T] int64. Does not depend on any order.

    Args:
        similarity: [found, true].
        thresholds: T ascending least similarities, inclusive.
    """
    limits = np.asarray(thresholds, dtype=np.float64)
    if similarity.shape == (1, 1):
        return (similarity[0, 0] >= limits).astype(np.int64)
    allowed = similarity[None] >= limits[:, None, None]
    num_allowed = allowed.sum(axis=(1, 2))
    num_rows, num_cols = allowed.any(axis=2).sum(axis=1), allowed.any(axis=1).sum(axis=1)
    # Where every row has at most one choice, each column that is chosen makes one pair, and vice versa.
    pairs = np.where(num_allowed == num_rows, num_cols, num_rows)
    for i in np.flatnonzero((num_allowed > num_rows) & (num_allowed > num_cols)):
        same = i > 0 and num_allowed[i] == num_allowed[i - 1]  # then the very same pairs are allowed
        pairs[i] = pairs[i - 1] if same else len(match(similarity, limits[i]))
    return pairs


def num_matched_greedily(similarity: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Published: each true place in turn takes the most similar found place that is still free; [T] int64.

    Arguments as in `num_matched`.
    """
    limits = np.asarray(thresholds, dtype=np.float64)
    free = np.ones((len(limits), len(similarity)), dtype=bool)
    pairs = np.zeros(len(limits), dtype=np.int64)
    rows = np.arange(len(limits))
    if not similarity.size:
        return pairs
    for column in similarity.T:
        left = np.where(free, column, -1.0)
        best = left.argmax(axis=1)
        taken = left[rows, best] >= limits
        free[rows[taken], best[taken]] = False
        pairs += taken
    return pairs
