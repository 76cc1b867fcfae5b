"""The loss over labelled positions: next-token and block stream, coordinates with neighbouring bins.

Where we differ from the release (spec `training` 1.7): logits exist only for labelled positions; the two
streams are reported apart and can be weighted; a coordinate's target may be a Gaussian over its neighbours,
because bin 501 is a good answer where 500 is right, and plain cross-entropy says little of that at first.
With weights 1 and sigma 0 the total is the published pooled mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from locany.data.streams import IGNORE
from locany.model.locate_model import LocateModel
from locany.model.masks import Layout, visible


@dataclass(frozen=True)
class StreamLoss:
    """Sums of the loss and numbers of targets of both streams.

    Attributes:
        total: what is minimised: the (weighted) pooled mean.
        next_token_sum, block_sum: unweighted sums; num_next_token, num_block: targets.
        nll: [rows, positions] loss at each position, 0 where nothing is asked.
        block_accuracy: share of block targets that are the most likely token.
        mask: [rows, positions, positions] who saw whom.
    """

    total: Tensor
    next_token_sum: Tensor
    block_sum: Tensor
    num_next_token: int
    num_block: int
    nll: Tensor
    block_accuracy: Tensor
    mask: Tensor


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
) -> StreamLoss:
    """Run the decoder over rows of both streams and score the labelled positions.

    Args:
        token_ids, targets, positions: [rows, positions].
        layout: [rows, positions] each; decides the mask.
        visual_tokens: in the order of the image tokens of `token_ids`.
        coord_ids: ids of the coordinate tokens.
        sigma: width of coordinate targets in bins.
    """
    mask = visible(layout, layout, causal_block=model.config.text.causal_attn)
    # Padding sees nothing; a row of the mask without any key would give NaN, so let it see itself.
    mask |= torch.eye(mask.shape[-1], dtype=torch.bool, device=mask.device)
    hidden = model(token_ids, positions, mask, visual_tokens)
    labelled = targets != IGNORE
    wanted, in_block = targets[labelled], layout.block[labelled] >= 0
    logits = model.decoder.logits(pad_rows(hidden[labelled], 512))[: int(labelled.sum())]
    log_probs = torch.log_softmax(logits, dim=-1)
    nll = -log_probs.gather(1, wanted[:, None])[:, 0]
    if sigma > 0:
        is_coord = (wanted >= coord_ids.start) & (wanted < coord_ids.stop)
        coords = log_probs[is_coord, coord_ids.start : coord_ids.stop]
        soft = gaussian_nll(coords, wanted[is_coord] - coord_ids.start, sigma)
        nll = nll.masked_scatter(is_coord, soft)
    weight = torch.where(in_block, block_weight, next_token_weight)
    per_position = torch.zeros(targets.shape, dtype=nll.dtype, device=nll.device)
    per_position[labelled] = nll.detach()
    correct = (logits.detach().argmax(-1) == wanted) & in_block
    return StreamLoss(
        total=(nll * weight).sum() / weight.sum().clamp(min=1e-9),
        next_token_sum=nll.detach()[~in_block].sum(),
        block_sum=nll.detach()[in_block].sum(),
        num_next_token=int((~in_block).sum()),
        num_block=int(in_block.sum()),
        nll=per_position,
        block_accuracy=correct.sum() / in_block.sum().clamp(min=1),
        mask=mask,
    )
