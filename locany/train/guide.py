"""Guided attention: while a box is written, one layer of the decoder should look at the object in the image.

Left to itself the decoder first learns to answer blindly (labels copied, frames well formed, everything
"not there") and for long has no reason to look (docs/log.md). The truth knows which visual tokens every box
comes from, so one layer is told. Training only: nothing of it is in the checkpoint.
"""

from __future__ import annotations

import torch
from torch import Tensor

from locany.data.collate import Batch
from locany.model.decoder import DecoderLayer
from locany.model.rope import half_turns, rotate_halves, text_angles


def guide_loss(
    layer: DecoderLayer,
    hidden: Tensor,
    mask: Tensor,
    rope_theta: float,
    batch: Batch,
    image_token: int,
    cells: Tensor,
) -> tuple[Tensor, Tensor]:
    """How much of a layer's attention misses the object, as a mean negative log, and the share that hits.

    Only the positions that write a box are looked at (`DenseTruth.writes`).

    Args:
        layer: the layer that is guided; hidden: [rows, positions, size] what it gets.
        mask: [rows, positions, positions] boolean.
        image_token: id of the visual tokens' place holder.
        cells: [visual tokens, 4] the box of each visual token's cell in bins.
    """
    truth = batch.truth
    normed = layer.attn_norm(hidden)
    q, k = (part(normed).unflatten(-1, (-1, layer.head_dim)) for part in (layer.q, layer.k))
    angles = text_angles(batch.positions, layer.head_dim, rope_theta)[:, :, None]
    cos, sin = half_turns(angles, q.dtype)
    q, k = rotate_halves(q, cos, sin), rotate_halves(k, cos, sin)
    k = k.repeat_interleave(q.shape[2] // k.shape[2], dim=2)
    at = torch.full((*batch.token_ids.shape, 4), float("nan"), device=hidden.device)  # nan touches nothing
    at[batch.token_ids == image_token] = cells
    hits = []
    for row, writes in enumerate(truth.writes.split(truth.row_writes)):
        position, number = writes[:, 1], writes[:, 2]
        box, cell = truth.bins[number][:, None], at[row][None]
        touched = ((cell[..., :2] <= box[..., 2:]) & (cell[..., 2:] >= box[..., :2])).all(-1)
        scores = torch.einsum("nhd,khd->hnk", q[row, position] * layer.head_dim**-0.5, k[row])
        attention = scores.masked_fill(~mask[row, position], float("-inf")).softmax(-1).mean(0)
        hits.append((attention.float() * touched).sum(-1))
    hit = torch.cat(hits).clamp(min=1e-6)
    if not len(hit):  # a batch without a single box
        return q.sum() * 0, hit.sum()
    return -hit.log().mean(), hit.detach().mean()
