"""Guided attention: while a box is written, one layer of the decoder should look at the object in the image.

Left to itself the decoder first learns to answer blindly (labels copied, frames well formed, everything
"not there") and for long has no reason to look (docs/log.md). The truth knows which visual tokens every box
comes from, so one layer is told. Training only: nothing of it is in the checkpoint.
"""

from __future__ import annotations

import torch
from torch import Tensor

from locany.data.collate import Batch
from locany.data.truth import NOTHING
from locany.model.decoder import DecoderLayer
from locany.model.rope import rotate_halves, text_angles


def guide_loss(
    layer: DecoderLayer, hidden: Tensor, mask: Tensor, rope_theta: float, batch: Batch, image_token: int
) -> tuple[Tensor, Tensor]:
    """How much of a layer's attention misses the object, as a mean negative log, and the share that hits.

    Only the positions that write a box are looked at (`DenseTruth.writes`).

    Args:
        layer: the layer that is guided; hidden: [rows, positions, size] what it gets.
        mask: [rows, positions, positions] boolean.
        image_token: id of the visual tokens' place holder.
    """
    truth = batch.truth
    normed = layer.attn_norm(hidden)
    q, k = (part(normed).unflatten(-1, (-1, layer.head_dim)) for part in (layer.q, layer.k))
    angles = text_angles(batch.positions, layer.head_dim, rope_theta)[:, :, None]
    cos, sin = angles.cos().to(q.dtype), angles.sin().to(q.dtype)
    q, k = rotate_halves(q, cos, sin), rotate_halves(k, cos, sin)
    k = k.repeat_interleave(q.shape[2] // k.shape[2], dim=2)
    # owner of every position: the object behind it where it is a visual token, else nothing
    owner = torch.full(batch.token_ids.shape, NOTHING, device=hidden.device)
    owner[batch.token_ids == image_token] = truth.owner
    hits = []
    for row, writes in enumerate(truth.writes.split(truth.row_writes)):
        position, number = writes[:, 1], writes[:, 2]
        own = owner[row][None] == number[:, None]
        scores = torch.einsum("nhd,khd->hnk", q[row, position] * layer.head_dim**-0.5, k[row])
        attention = scores.masked_fill(~mask[row, position], float("-inf")).softmax(-1).mean(0)
        hit = (attention.float() * own).sum(-1)
        hits.append(hit[own.any(-1)])  # an object that others hide in every cell cannot be looked at
    hit = torch.cat(hits).clamp(min=1e-6)
    if not len(hit):  # a batch without a single box
        return q.sum() * 0, hit.sum()
    return -hit.log().mean(), hit.detach().mean()
