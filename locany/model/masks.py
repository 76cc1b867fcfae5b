"""Who may look at whom: the one definition, used in training, prefill and decoding (spec `training` 1.5).

Every position carries four integers (a `Layout`); whether a query sees a key follows from them alone:

* `sample`: positions of different samples never see each other; -1 is padding, which nothing sees.
* `branch`: 0 is shared context; other branches see it and themselves, never each other. One image with
  several independent questions is one sample with one branch per question.
* `index`: where a real token stands in its own text. The slots of a block all carry the index of their
  anchor, the real token whose copy is slot 0.
* `block`: -1 for a real token, else the number of the block that the slot belongs to.

Real tokens see real tokens up to themselves. A slot sees the real tokens *before* its anchor (the copy in
slot 0 replaces the anchor) and all slots of its own block. Nothing else.

In training the blocks lie behind the text; at inference the window of the current step is one block and the
KV cache holds the real tokens. Same predicate, same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask


@dataclass(frozen=True)
class Layout:
    """Integers per position, each of shape [rows, positions]; see the module's text."""

    sample: Tensor
    branch: Tensor
    index: Tensor
    block: Tensor

    def __getitem__(self, key: object) -> Layout:
        return Layout(self.sample[key], self.branch[key], self.index[key], self.block[key])  # type: ignore[index]

    def to(self, device: torch.device | str) -> Layout:
        return Layout(*(t.to(device) for t in (self.sample, self.branch, self.index, self.block)))


def visible(query: Layout, key: Layout, *, causal_block: bool = False) -> Tensor:
    """Boolean [rows, queries, keys]: may the query see the key?

    Args:
        causal_block: slots of a block see only earlier slots of it (`causal_attn`); they are then taken to
            lie in slot order. The release sees all of its block.
    """
    order = None
    if causal_block:
        num_queries, num_keys = query.index.shape[-1], key.index.shape[-1]
        order = torch.ones(num_queries, num_keys, dtype=torch.bool, device=key.index.device)
        order = order.tril(num_keys - num_queries)
    return sees(query[..., :, None], key[..., None, :], order)


def sees(query: Layout, key: Layout, not_later: Tensor | None = None) -> Tensor:
    """Whether queries see keys, of layouts that broadcast against each other.

    Args:
        not_later: whether the key lies at or before the query, where that matters inside a block.
    """
    together = (query.sample == key.sample) & (key.sample >= 0)
    together = together & ((key.branch == 0) | (key.branch == query.branch))
    real_key, real_query = key.block < 0, query.block < 0
    before = key.index < query.index
    real = real_key & (before | (real_query & (key.index == query.index)))
    own_block = ~real_key & (key.block == query.block) & (key.branch == query.branch)
    if not_later is not None:
        own_block = own_block & not_later
    return together & (real | own_block)


def visible_blocks(layout: Layout, *, causal_block: bool = False) -> BlockMask:
    """`visible` of rows against themselves for flex attention, which passes over what nobody sees.

    No [positions, positions] tensor is held. Padding sees itself, so that every query sees something.
    """

    def seen(row: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        not_later = key <= query if causal_block else None
        return sees(layout[row, query], layout[row, key], not_later) | (query == key)

    rows, length = layout.sample.shape
    device = layout.sample.device
    return _block_finder(device.type)(seen, rows, None, length, length, device=str(device))


@cache
def _block_finder(device: str) -> Callable[..., BlockMask]:
    """Compiled, the blocks are found without the dense mask; that needs the compiler of a GPU."""
    return torch.compile(create_block_mask) if device == "cuda" else create_block_mask


def text_layout(num_rows: int, num_tokens: int, device: torch.device | str = "cpu") -> Layout:
    """Plain causal text: `num_rows` rows of `num_tokens` real tokens."""
    index = torch.arange(num_tokens, device=device).expand(num_rows, num_tokens)
    zero = torch.zeros_like(index)
    return Layout(sample=zero, branch=zero, index=index, block=zero - 1)


def cache_layout(text_len: Tensor, block_size: int, capacity: int) -> Layout:
    """The keys of one decode step: cache slot j holds real token j, the window lies behind the text.

    Args:
        text_len: [rows] number of real tokens of each row, those fed in this step included.
        block_size: slots of the window, in cache slots text_len .. text_len + block_size - 1.
        capacity: cache slots per row; those behind the window are padding.

    Returns:
        Layout of shape [rows, capacity].
    """
    slot = torch.arange(capacity, device=text_len.device).expand(len(text_len), capacity)
    end = text_len[:, None]
    in_window = (slot >= end) & (slot < end + block_size)
    return Layout(
        sample=torch.where(slot < end + block_size, 0, -1),
        branch=torch.zeros_like(slot),
        index=torch.where(in_window, end - 1, slot),
        block=torch.where(in_window, 0, -1),
    )
