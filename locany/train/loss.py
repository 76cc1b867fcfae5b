"""The loss over labelled positions: next-token and block stream, coordinates with neighbouring bins.

Where we differ from the release (spec `training` 1.7): logits exist only for labelled positions; the mean is
over all targets of a step, however its packs are spread over forwards and ranks; the two streams are reported
apart and can be weighted; a coordinate's target may be a Gaussian over its neighbours, because bin 501 is a
good answer where 500 is right, and plain cross-entropy says little of that at first. And a block may be
taught to hold one object only, see `on_own_path`. With weights 1, sigma 0 and no such rule the total of one
forward is the published pooled mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from locany.data.streams import IGNORE
from locany.model.attention import Mask
from locany.model.locate_model import LocateModel
from locany.model.masks import Layout, visible, visible_blocks
from locany.train.nll import gaussian_targets, table_nll

MOST_IN_BOX = 4  # coordinates of a block


@dataclass(frozen=True)
class Labels:
    """The n labelled positions of a batch. Found on the CPU, before the device has anything to wait for.

    Attributes:
        at: [n] places among rows * positions, ascending.
        wanted: [n] target ids; in_block: [n] whether a slot of a block is asked.
        bins: [n] the bin that is asked for, -1 where it is no coordinate.
        in_box: [n] place of a coordinate among those of its block, from 0; -1 for all other targets.
        is_null: [n] whether it is a null, which fills up a block.
        num_next_token, num_block: targets of each stream; num_null: of those of blocks, the nulls.
    """

    at: Tensor
    wanted: Tensor
    in_block: Tensor
    bins: Tensor
    in_box: Tensor
    is_null: Tensor
    num_next_token: int
    num_block: int
    num_null: int

    def weight(self, next_token: float, block: float, null: float = 1.0) -> float:
        """Sum of the weights of all targets; `null` is that of nulls among those of blocks."""
        return next_token * self.num_next_token + block * (self.num_block + (null - 1) * self.num_null)


def find_labels(targets: Tensor, block: Tensor, coord_ids: range, null: int = IGNORE) -> Labels:
    """The labelled positions of [rows, positions] targets; `block` is the layout's, `null` the id."""
    at = (targets != IGNORE).flatten().nonzero()[:, 0]
    wanted, in_block = targets.flatten()[at], block.flatten()[at] >= 0
    is_coord = (wanted >= coord_ids.start) & (wanted < coord_ids.stop)
    bins = torch.where(is_coord, wanted - coord_ids.start, -1)
    number, own_block = torch.arange(len(at), device=at.device), block.flatten()[at]
    same_block = torch.zeros_like(in_block)
    same_block[1:] = (at[1:] == at[:-1] + 1) & (own_block[1:] == own_block[:-1])
    is_slot = is_coord & in_block
    begins = torch.where(
        is_slot, torch.where(same_block, 0, number), number + 1
    )  # the box's first coordinate
    in_box = torch.where(is_slot, number - begins.cummax(0).values, -1) if len(at) else number
    is_null = (wanted == null) & in_block
    num_block, num_null = int(in_block.sum()), int(is_null.sum())
    return Labels(at, wanted, in_block, bins, in_box, is_null, len(at) - num_block, num_block, num_null)


@dataclass(frozen=True)
class StreamLoss:
    """Sums of the loss and numbers of targets of both streams.

    Attributes:
        total: what is minimised: the (weighted) pooled mean.
        next_token_sum, block_sum: unweighted sums; null_sum: of nulls, which are in the second, too.
        num_next_token, num_block: targets.
        nll: [rows, positions] loss at each position, 0 where nothing is asked.
        correct: [rows, positions] 1 where the target is the most likely token, else 0.
        block_accuracy: share of block targets that are the most likely token.
        mask: [rows, positions, positions] who saw whom; or blocks of it.
    """

    total: Tensor
    next_token_sum: Tensor
    block_sum: Tensor
    null_sum: Tensor
    num_next_token: int
    num_block: int
    nll: Tensor
    correct: Tensor
    block_accuracy: Tensor
    mask: Mask


def score_labels(
    model: LocateModel, hidden: Tensor, labels: Labels, weight: Tensor, coord_ids: range, sigma: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The weighted sum of the losses of labelled positions, and of each its loss and whether it is right.

    Args:
        hidden: [n, size]; weight: [n].

    Returns:
        The sum, [n], and [n]: 1 where no token is likelier than the target, else 0.
    """
    near, share = gaussian_targets(labels.bins.clamp(min=0), sigma, len(coord_ids))
    is_coord = (labels.bins >= 0)[:, None]
    alone = torch.zeros_like(share)
    alone[:, 0] = 1
    at = torch.where(is_coord, near + coord_ids.start, labels.wanted[:, None])
    share = torch.where(is_coord, share, alone)
    return table_nll(hidden, model.decoder.embed.weight, labels.wanted, at, share, weight)


@torch.no_grad()
def on_own_path(hidden: Tensor, labels: Labels, coords: Tensor, reach: int) -> Tensor:
    """Targets but for the coordinates of objects that the model would not have chosen itself: [n] boolean.

    All slots of a block are decoded at once. Where it is open which of several objects comes next, each slot
    learns all of them, and the box that is decoded is the left of one with the top of another. Token by token
    there is no such box, because each coordinate knows the ones before it. So a slot is asked only where the
    most likely bins of the slots before it, in the same block, are no further than `reach` from the truth: it
    learns what goes with what would have been chosen before it. The first coordinate of a box, and all that
    is no coordinate of a block, is always asked.

    Args:
        hidden: [n, size] of the labelled positions.
        coords: [bins, size] embeddings of the coordinate tokens.
        reach: bins.
    """
    asked = labels.in_box >= 0
    at = asked.nonzero()[:, 0]
    chosen = (hidden[at].to(coords.dtype) @ coords.T).float().argmax(-1)
    near = torch.ones_like(asked)
    near[at] = (chosen - labels.bins[at]).abs() <= reach
    path = torch.ones_like(asked)
    for place in range(1, MOST_IN_BOX):
        before = torch.cat((path[:1], (path & near)[:-1]))
        path = torch.where(labels.in_box == place, before, path)
    return path


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
    null_weight: float = 1.0,
    path_reach: int = 0,
    labels: Labels | None = None,
    image_at: Tensor | None = None,
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
        null_weight: times that of blocks, for the nulls that `labels` knows.
        path_reach: of `on_own_path`, in bins; 0 asks for every coordinate. What is not asked counts in
            the mean all the same.
        labels: of `targets`, where they have been found before.
        image_at: places of image tokens, where they have been found before (`LocateModel.embed`).
        pooled_over: weight of all targets that the mean is over, where these rows are only some of them; then
            the totals of all rows add up to the mean.
        sparse: attend by blocks of the mask, for long rows on a GPU.
    """
    mask = training_mask(layout, model.config.text.causal_attn, sparse=sparse)
    if labels is None:
        labels = find_labels(targets, layout.block, coord_ids)
    hidden = model(token_ids, positions, mask, visual_tokens, image_at=image_at).flatten(0, 1)
    in_block = labels.in_block
    weight = torch.where(in_block, block_weight, next_token_weight)
    if null_weight != 1:
        weight = torch.where(labels.is_null, block_weight * null_weight, weight)
    if pooled_over is None:
        pooled_over = weight.sum()
    asked = hidden[labels.at]
    if path_reach:
        coords = model.decoder.embed.weight[coord_ids.start : coord_ids.stop]
        weight = weight * on_own_path(asked, labels, coords, path_reach)
    total, nll, right = score_labels(model, asked, labels, weight, coord_ids, sigma)
    nothing = torch.zeros(targets.numel(), device=nll.device)
    return StreamLoss(
        total=total / pooled_over.clamp(min=1e-9),
        next_token_sum=(nll * ~in_block).sum(),
        block_sum=(nll * in_block).sum(),
        null_sum=(nll * labels.is_null).sum(),
        num_next_token=labels.num_next_token,
        num_block=labels.num_block,
        nll=nothing.index_copy(0, labels.at, nll).view_as(targets),
        correct=nothing.index_copy(0, labels.at, right).view_as(targets),
        block_accuracy=(right * in_block).sum() / max(1, labels.num_block),
        mask=mask,
    )
