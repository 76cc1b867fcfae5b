"""The tensors of one step: for every row the committed tokens that are not cached yet, then the window.

Columns are [committed tokens, right-aligned | copy of the last token, mask tokens]. Rows that decode token
by token leave the window unused; where no row decodes in parallel the window is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from locany.codec.vocab import Vocab
from locany.engine.request import Phase, Request
from locany.model.masks import Layout, cache_layout, visible


@dataclass(frozen=True)
class StepBatch:
    """One step of n rows.

    Attributes:
        token_ids, positions, slots: [n, columns]; slots are cache slots, the bin for unused columns.
        mask: [n, columns, length] boolean.
        length: cache slots that are read.
        num_real: columns before the window.
        has_window: whether there is a window.
        read: flat numbers of the positions (row * columns + column) whose logits are read.
    """

    token_ids: Tensor
    positions: Tensor
    slots: Tensor
    mask: Tensor
    length: int
    num_real: int
    has_window: bool
    read: Tensor


def build_step(requests: Sequence[Request], vocab: Vocab, bin_slot: int, device: torch.device) -> StepBatch:
    """Lay out one step; no request may have more than `block_size` uncached tokens."""
    size = vocab.block_size
    num_real = max(r.text_len - r.cached_len for r in requests)
    has_window = any(r.phase is Phase.PARALLEL for r in requests)
    width = num_real + size * has_window
    # An unused column looks like token 0 of the text: it sees one key, so that its softmax is defined.
    token_ids = np.full((len(requests), width), vocab.pad, dtype=np.int64)
    index, positions = np.zeros_like(token_ids), np.zeros_like(token_ids)
    slots, block = np.full_like(token_ids, bin_slot), np.full_like(token_ids, -1)
    for row, request in enumerate(requests):
        end = request.text_len
        real = np.arange(request.cached_len, end)
        at = slice(num_real - len(real), num_real)
        token_ids[row, at] = [request.token_at(i) for i in range(request.cached_len, end)]
        index[row, at] = positions[row, at] = slots[row, at] = real
        if request.phase is Phase.PARALLEL:
            window = np.arange(size)
            token_ids[row, num_real:] = vocab.mask
            token_ids[row, num_real] = request.token_at(end - 1)
            index[row, num_real:] = end - 1
            positions[row, num_real:] = end - 1 + window
            slots[row, num_real:] = end + window
            block[row, num_real:] = 0
    read = torch.from_numpy(np.flatnonzero(slots != bin_slot)).to(device)
    tensors = [torch.from_numpy(a).to(device) for a in (token_ids, positions, slots, index, block)]
    zero = torch.zeros_like(tensors[0])
    query = Layout(sample=zero, branch=zero, index=tensors[3], block=tensors[4])
    text_len = torch.tensor([r.text_len for r in requests], device=device)
    length = max(r.text_len for r in requests) + size * has_window
    mask = visible(query, cache_layout(text_len, size, length))
    return StepBatch(tensors[0], tensors[1], tensors[2], mask, length, num_real, has_window, read)
