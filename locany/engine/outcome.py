"""What a step brought, as it comes to the host: one tensor, and what is read off it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

_NUMBERS = 6  # integers per row


@dataclass(frozen=True)
class Outcome:
    """What a step brought, on the host, one line per row.

    Attributes:
        tokens: [rows, width], of which the first `count` are committed.
        kind: [rows] index into KINDS of a parallel block, -1 otherwise.
        num_drafts, num_accepted: [rows] drafts that were checked, and those that stood.
        next_drafts, next_parallel: [rows] drafts that the coming step feeds, whether it reads the window.
        scores, means: [rows, width] for each pending token, what sequential decoding thinks of the token
            that follows it: probability (coordinates: mass within reach) and mean bin (coordinates only).
        block_scores, block_means: [rows, width] the same of `tokens`, as the block saw them; NaN elsewhere.
    """

    tokens: np.ndarray
    count: np.ndarray
    kind: np.ndarray
    num_drafts: np.ndarray
    num_accepted: np.ndarray
    next_drafts: np.ndarray
    next_parallel: np.ndarray
    scores: np.ndarray
    means: np.ndarray
    block_scores: np.ndarray
    block_means: np.ndarray

    @classmethod
    def unpack(cls, packed: Tensor, width: int) -> Outcome:
        """From the tensor that `decide` returns; integers below 2 ** 24 are exact in float32."""
        array = packed.cpu().numpy()
        numbers, tables = array[:, :_NUMBERS].astype(np.int64), array[:, _NUMBERS:].reshape(-1, 5, width)
        tokens = tables[:, 0].astype(np.int64)
        return cls(tokens, *numbers.T, *np.moveaxis(tables[:, 1:], 1, 0))
