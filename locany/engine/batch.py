"""The tensors of one step: for every row the committed tokens that are not cached yet, then the window.

Columns are [pending tokens, right-aligned | copy of the last one, mask tokens]. Rows that have less to feed
leave columns unused; those write to the bin, and nothing reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from locany.codec.vocab import Vocab
from locany.engine.rows import RowView, Traits
from locany.model.masks import Layout, cache_layout, visible


@dataclass(frozen=True)
class StepShape:
    """What the host decides of a step; equal shapes run the same operations on tensors of equal size.

    Attributes:
        num_rows: rows of the step.
        num_real, has_window, length: see `build_step`.
        traits: what the rows use.
    """

    num_rows: int
    num_real: int
    has_window: bool
    length: int
    traits: Traits


@dataclass(frozen=True)
class StepBatch:
    """One step of n rows.

    Attributes:
        token_ids, positions, slots: [n, columns]; slots are cache slots, the bin for unused columns.
        mask: [n, columns, length] boolean.
        used: [n, columns] boolean.
        answer_index: [n, columns] which token of the answer a column predicts; 0 is the first.
        length: cache slots that are read.
        num_real: columns before the window.
    """

    token_ids: Tensor
    positions: Tensor
    slots: Tensor
    mask: Tensor
    used: Tensor
    answer_index: Tensor
    length: int
    num_real: int

    @property
    def has_window(self) -> bool:
        return self.token_ids.shape[1] > self.num_real


def build_step(
    rows: RowView, vocab: Vocab, *, num_real: int, has_window: bool, length: int, bin_slot: int
) -> StepBatch:
    """Lay out one step, without a word from the host.

    Args:
        rows: the running rows.
        num_real: columns for pending tokens; no row has more.
        has_window: whether some row decodes in parallel.
        length: cache slots to read; no text with its window is longer.
        bin_slot: where unused columns write.
    """
    device, size = rows.ints.device, vocab.block_size if has_window else 0
    end = rows.text_len[:, None]
    real = end - num_real + torch.arange(num_real, device=device)  # index in the text
    used = real >= end - rows.num_pending[:, None]
    token_ids = torch.where(used, rows.pending[:, rows.width - num_real :], vocab.pad)
    # An unused column looks like token 0 of the text: it sees one key, so that its softmax is defined.
    index = positions = torch.where(used, real, 0)
    block = torch.full_like(index, -1)
    following = real + 1
    if has_window:
        slot = torch.arange(size, device=device)
        in_use = rows.parallel[:, None].expand(-1, size)
        mask_ids = torch.full_like(slot, vocab.mask).expand(len(end), -1)
        window = torch.cat((rows.pending[:, -1:], mask_ids[:, 1:]), dim=1)
        token_ids = torch.cat((token_ids, torch.where(in_use, window, vocab.pad)), dim=1)
        positions = torch.cat((positions, torch.where(in_use, end - 1 + slot, 0)), dim=1)
        index = torch.cat((index, torch.where(in_use, end - 1, 0).expand(-1, size)), dim=1)
        block = torch.cat((block, torch.where(in_use, 0, -1)), dim=1)
        following = torch.cat((following, end + slot), dim=1)
        used = torch.cat((used, in_use), dim=1)
        real = torch.cat((real, end + slot), dim=1)
    zero = torch.zeros_like(index)
    query = Layout(sample=zero, branch=zero, index=index, block=block)
    keys = cache_layout(rows.text_len, size, length)
    return StepBatch(
        token_ids=token_ids,
        positions=positions,
        slots=torch.where(used, real, bin_slot),
        mask=visible(query, keys),
        used=used,
        answer_index=following - rows.prompt_len[:, None],
        length=length,
        num_real=num_real,
    )
