"""Two attention calls, both fused: packed images without a mask, and text with a mask."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from locany.device import cpu_has_tiles

Mask = Tensor | BlockMask  # [rows, queries, keys] boolean, or blocks of it

# Below this many folded query rows one matrix product per key-value head is faster than repeating keys
# (measured 1.6x at 6 queries on the CPU, shared design notes); above it, the mask copy costs more.
_FOLD_LIMIT = 256
# Longest key sequence for which training on the CPU holds the score matrix. Forward and backward, three plain
# steps take 0.4 to 0.8 of the fused kernel's time below, and the fused kernel 0.6 to 0.9 of theirs above
# (measured at 196 to 1,024 positions, docs/log.md). With tiles (AMX) plain products in bfloat16 stay
# ahead, 0.6 to 0.7 of the fused kernel's time up to 2,304; there the limit is one of memory, so it
# counts the scores of all heads of one row: 32 MB.
_PRODUCT_LIMIT = 448
_TILES_SCORES = 2**24 if cpu_has_tiles() else 0


@dataclass(frozen=True)
class Bias:
    """A mask as numbers to add to the scores, made once for all layers.

    Attributes:
        values: [rows, 1, queries, keys], 0 where a query may look and -inf elsewhere.
        folded: whether the queries of a group of heads lie behind one another, so that there are
            heads / kv_heads times as many.
    """

    values: Tensor
    folded: bool


def prepare_mask(mask: Mask | Bias | None, group: int, dtype: torch.dtype) -> Mask | Bias | None:
    """What `attend_text` makes of a mask in every layer, done once.

    Args:
        mask: [rows, queries, keys] boolean; anything else comes back as it is.
        group: query heads per key-value head; dtype: that of the queries.
    """
    if not isinstance(mask, Tensor):
        return mask
    values = torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, -math.inf)[:, None]
    folded = group > 1 and group * mask.shape[1] <= _FOLD_LIMIT
    return Bias(values.repeat(1, 1, group, 1) if folded else values, folded)


def activation_dtype(x: Tensor) -> torch.dtype:
    """What matrix products of `x` come out in."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def _attend(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None, *, is_causal: bool = False
) -> Tensor:
    """Scaled dot-product attention over [batch, heads, positions, head_dim], equal numbers of heads."""
    if q.device.type == "cpu" and torch.is_grad_enabled() and not is_causal:
        q, k, v = (t.to(activation_dtype(t)) for t in (q, k, v))
        tiled = q.dtype is torch.bfloat16 and q.shape[1] * q.shape[2] * k.shape[2] <= _TILES_SCORES
        if tiled or k.shape[2] <= _PRODUCT_LIMIT:
            return _three_steps(q, k, v, bias)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, is_causal=is_causal)


def _three_steps(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """Scores, softmax, sum; all in one type, since autocast would widen the scores to float32 and back."""
    with torch.autocast("cpu", enabled=False):
        q = q * q.shape[-1] ** -0.5
        if bias is None:
            return (q @ k.transpose(-1, -2)).softmax(-1) @ v
        bias = bias.expand(*q.shape[:3], -1).flatten(0, 1)
        scores = torch.baddbmm(bias, q.flatten(0, 1), k.flatten(0, 1).transpose(-1, -2))
        return (scores.softmax(-1) @ v.flatten(0, 1)).unflatten(0, q.shape[:2])


@cache
def _flex(device: str) -> Callable[..., Any]:
    """Flex attention; only compiled it passes over blocks, so on the CPU it is good for comparison alone."""
    attend: Callable[..., Any] = flex_attention
    return torch.compile(attend) if device == "cuda" else attend


@cache
def can_skip_blocks(device: torch.device) -> bool:
    """Whether flex attention can be compiled for a device, forward and backward, in bfloat16: tried once.

    torch may lack Triton there, or Triton the C compiler that it needs: then a warning says so.
    """

    # A function of its own, so that the lengths of real rows do not count as changes of this one.
    def tiny(q: Tensor, k: Tensor, v: Tensor, blocks: BlockMask) -> Tensor:
        attended: Tensor = flex_attention(q, k, v, block_mask=blocks, enable_gqa=True)
        return attended

    try:
        blocks = create_block_mask(
            lambda _row, _head, query, key: key <= query, 1, None, 128, 128, device=str(device)
        )
        with torch.enable_grad(), torch.autocast(device.type, enabled=False):
            q, k, v = (
                torch.zeros(1, heads, 128, 64, dtype=torch.bfloat16, device=device, requires_grad=True)
                for heads in (2, 1, 1)
            )
            torch.compile(tiny)(q, k, v, blocks).sum().backward()
    except Exception as error:  # a compiler fails in many ways
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        warnings.warn(
            "long rows attend under a dense mask, which takes more time and memory, because torch cannot "
            f"compile for {device} here; it needs Triton and a C compiler ({why})",
            stacklevel=2,
        )
        return False
    return True


def attend_images(q: Tensor, k: Tensor, v: Tensor, lengths: list[int]) -> Tensor:
    """Full attention inside each image of a pack.

    Runs of images with equal patch counts share one fused call; no mask, and no score matrix beyond what the
    fused kernel tiles, is ever allocated.

    Args:
        q, k, v: [patches, heads, head_dim], images one after the other.
        lengths: patches of each image.

    Returns:
        [patches, heads, head_dim].
    """
    runs = [(length, len(list(run))) for length, run in groupby(lengths)]
    # One split, not a slice per run: the gradient of a slice is a tensor as large as the whole pack.
    parts = zip(*(t.split([length * count for length, count in runs]) for t in (q, k, v)), strict=True)
    outputs = []
    for (length, count), qkv in zip(runs, parts, strict=True):
        # [count, heads, length, head_dim]
        images = (t.unflatten(0, (count, length)).transpose(1, 2) for t in qkv)
        outputs.append(_attend(*images).transpose(1, 2).flatten(0, 1))
    return torch.cat(outputs) if len(outputs) > 1 else outputs[0]


def attend_text(q: Tensor, k: Tensor, v: Tensor, mask: Mask | Bias | None) -> Tensor:
    """Grouped-query attention under a mask.

    Args:
        q: [rows, heads, queries, head_dim]; k, v: [rows, kv_heads, keys, head_dim].
        mask: [rows, queries, keys] boolean, true where a query may look, or blocks of it
            (`masks.visible_blocks`), or what `prepare_mask` made of it; None is plain causal text with as
            many keys as queries. Every query must see at least one key.

    Returns:
        [rows, heads, queries, head_dim].
    """
    rows, heads, queries, head_dim = q.shape
    kv_heads = k.shape[1]
    if isinstance(mask, BlockMask):
        return cast(Tensor, _flex(q.device.type)(q, k, v, block_mask=mask, enable_gqa=heads > kv_heads))
    group = heads // kv_heads
    bias = prepare_mask(mask, group, activation_dtype(q))
    assert bias is None or isinstance(bias, Bias)
    if bias is not None and bias.folded:
        # Query heads of one group read the same keys: lay them behind one another on the query axis.
        folded = q.reshape(rows, kv_heads, group * queries, head_dim)
        return _attend(folded, k, v, bias.values).reshape(rows, heads, queries, head_dim)
    if group > 1:
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
    if bias is None:
        return _attend(q, k, v, is_causal=True)
    return _attend(q, k, v, bias.values)
