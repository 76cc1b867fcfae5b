"""The loss over labelled positions: next-token and block stream, coordinates with neighbouring bins.

Where we differ from the release (spec `training` 1.7): logits exist only for labelled positions; the mean is
over all targets of a step, however its packs are spread over forwards and ranks; the two streams are reported
apart and can be weighted; a coordinate's target may be a Gaussian over its neighbours, because bin 501 is a
good answer where 500 is right, and plain cross-entropy says little of that at first. With weights 1 and sigma
0 the total of one forward is the published pooled mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from locany.data.streams import IGNORE
from locany.model.attention import Mask
from locany.model.locate_model import LocateModel
from locany.model.masks import Layout, visible, visible_blocks

MAX_LOGITS = 2**26  # 256 MiB in float32; the published vocabulary has 440 positions in it, so 512 are taken


@dataclass(frozen=True)
class Labels:
    """The n labelled positions of a batch. Found on the CPU, before the device has anything to wait for.

    Attributes:
        at: [n] places among rows * positions, ascending.
        wanted: [n] target ids; in_block: [n] whether a slot of a block is asked.
        bins: [n] the bin that is asked for, -1 where it is no coordinate.
        num_next_token, num_block: targets of each stream.
    """

    at: Tensor
    wanted: Tensor
    in_block: Tensor
    bins: Tensor
    num_next_token: int
    num_block: int

    def weight(self, next_token: float, block: float) -> float:
        """Sum of the weights of all targets."""
        return next_token * self.num_next_token + block * self.num_block


def find_labels(targets: Tensor, block: Tensor, coord_ids: range) -> Labels:
    """The labelled positions of [rows, positions] targets; `block` is the layout's."""
    at = (targets != IGNORE).flatten().nonzero()[:, 0]
    wanted, in_block = targets.flatten()[at], block.flatten()[at] >= 0
    is_coord = (wanted >= coord_ids.start) & (wanted < coord_ids.stop)
    bins = torch.where(is_coord, wanted - coord_ids.start, -1)
    num_block = int(in_block.sum())
    return Labels(at, wanted, in_block, bins, len(at) - num_block, num_block)


@dataclass(frozen=True)
class StreamLoss:
    """Sums of the loss and numbers of targets of both streams.

    Attributes:
        total: what is minimised: the (weighted) pooled mean.
        next_token_sum, block_sum: unweighted sums; num_next_token, num_block: targets.
        nll: [rows, positions] loss at each position, 0 where nothing is asked.
        correct: [rows, positions] 1 where the target is the most likely token, else 0.
        block_accuracy: share of block targets that are the most likely token.
        mask: [rows, positions, positions] who saw whom; or blocks of it.
    """

    total: Tensor
    next_token_sum: Tensor
    block_sum: Tensor
    num_next_token: int
    num_block: int
    nll: Tensor
    correct: Tensor
    block_accuracy: Tensor
    mask: Mask


def pad_rows(x: Tensor, multiple: int) -> Tensor:
    """Add zero rows up to a multiple: every new shape costs the CPU new matrix kernels (docs/log.md)."""
    return torch.nn.functional.pad(x, (0, 0, 0, -len(x) % multiple))


def gaussian_nll(log_probs: Tensor, bins: Tensor, sigma: float) -> Tensor:
    """Cross-entropy against a Gaussian of width `sigma` bins around each target bin.

    Args:
        log_probs: [n, num_bins] log-probabilities of the coordinate tokens (they need not sum to 1 when other
            tokens took a share).
        bins: [n] target bins.

    Returns:
        [n]. With sigma 0 the plain negative log-probability of the target.
    """
    if sigma <= 0:
        return -log_probs.gather(1, bins[:, None])[:, 0]
    reach = max(1, round(2.5 * sigma))
    offsets = torch.arange(-reach, reach + 1, device=bins.device)
    at = bins[:, None] + offsets
    weight = torch.exp(-0.5 * (offsets / sigma) ** 2) * ((at >= 0) & (at < log_probs.shape[1]))
    weight = weight / weight.sum(1, keepdim=True)
    return -(log_probs.gather(1, at.clamp(0, log_probs.shape[1] - 1)) * weight).sum(1)


def score_labels(
    model: LocateModel, hidden: Tensor, wanted: Tensor, bins: Tensor, coord_ids: range, sigma: float
) -> tuple[Tensor, Tensor]:
    """Loss of each labelled position, and 1 where the target is the most likely token, else 0.

    No more than `MAX_LOGITS` logits exist at a time: more positions are done in parts, whose logits are made
    again in the backward pass.

    Args:
        hidden: [n, size]; wanted: [n] ids; bins: [n] as in `Labels`.

    Returns:
        [n] and [n].
    """

    def score(hidden: Tensor, wanted: Tensor, bins: Tensor) -> tuple[Tensor, Tensor]:
        logits = model.decoder.logits(pad_rows(hidden, 512))[: len(wanted)]
        log_probs = torch.log_softmax(logits, dim=-1)
        nll = -log_probs.gather(1, wanted[:, None])[:, 0]
        if sigma > 0:
            soft = gaussian_nll(log_probs[:, coord_ids.start : coord_ids.stop], bins.clamp(min=0), sigma)
            nll = torch.where(bins >= 0, soft, nll)
        return nll, (logits.detach().argmax(-1) == wanted).to(nll.dtype)

    size = max(512, MAX_LOGITS // model.config.text.vocab_size)
    if len(wanted) <= size:
        return score(hidden, wanted, bins)
    parts = zip(hidden.split(size), wanted.split(size), bins.split(size), strict=True)
    scored = [checkpoint(score, *part, use_reentrant=False) for part in parts]
    return torch.cat([nll for nll, _ in scored]), torch.cat([right for _, right in scored])


def training_mask(layout: Layout, causal_block: bool, *, sparse: bool) -> Mask:
    """Who sees whom in packed rows; padding, which sees nothing and would give NaN, sees itself."""
    if sparse:
        return visible_blocks(layout, causal_block=causal_block)
    mask = visible(layout, layout, causal_block=causal_block)
    return mask | torch.eye(mask.shape[-1], dtype=torch.bool, device=mask.device)


def stream_loss(
    model: LocateModel,
    token_ids: Tensor,
    targets: Tensor,
    positions: Tensor,
    layout: Layout,
    visual_tokens: Tensor | None,
    *,
    coord_ids: range,
    sigma: float = 0.0,
    next_token_weight: float = 1.0,
    block_weight: float = 1.0,
    labels: Labels | None = None,
    pooled_over: Tensor | None = None,
    sparse: bool = False,
) -> StreamLoss:
    """Run the decoder over rows of both streams and score the labelled positions.

    Args:
        token_ids, targets, positions: [rows, positions].
        layout: [rows, positions] each; decides the mask.
        visual_tokens: in the order of the image tokens of `token_ids`.
        coord_ids: ids of the coordinate tokens.
        sigma: width of coordinate targets in bins.
        labels: of `targets`, where they have been found before.
        pooled_over: weight of all targets that the mean is over, where these rows are only some of them; then
            the totals of all rows add up to the mean.
        sparse: attend by blocks of the mask, for long rows on a GPU.
    """
    mask = training_mask(layout, model.config.text.causal_attn, sparse=sparse)
    if labels is None:
        labels = find_labels(targets, layout.block, coord_ids)
    hidden = model(token_ids, positions, mask, visual_tokens).flatten(0, 1)
    in_block = labels.in_block
    nll, right = score_labels(model, hidden[labels.at], labels.wanted, labels.bins, coord_ids, sigma)
    weight = torch.where(in_block, block_weight, next_token_weight)
    if pooled_over is None:
        pooled_over = weight.sum()
    nothing = torch.zeros(targets.numel(), dtype=nll.dtype, device=nll.device)
    kept = nll.detach()
    return StreamLoss(
        total=(nll * weight).sum() / pooled_over.clamp(min=1e-9),
        next_token_sum=(kept * ~in_block).sum(),
        block_sum=(kept * in_block).sum(),
        num_next_token=labels.num_next_token,
        num_block=labels.num_block,
        nll=nothing.index_copy(0, labels.at, kept).view_as(targets),
        correct=nothing.index_copy(0, labels.at, right).view_as(targets),
        block_accuracy=(right * in_block).sum() / max(1, labels.num_block),
        mask=mask,
    )
