"""Guided attention: while a box is written, one layer of the decoder should look at the object in the image.

Left to itself the decoder first learns to answer blindly (labels copied, frames well formed, everything
"not there") and for long has no reason to look (docs/log.md). The truth knows which visual tokens every box
comes from, so one layer is told. Training only: nothing of it is in the checkpoint.
"""

from __future__ import annotations

import torch
from torch import Tensor

from locany.codec.vocab import Vocab
from locany.data.collate import Batch
from locany.model.decoder import DecoderLayer
from locany.model.rope import rotate_halves, text_angles


def box_queries(batch: Batch, vocab: Vocab) -> tuple[Tensor, Tensor, Tensor]:
    """Every position that writes a part of a box or point, and the object that it writes about.

    Both streams count: the slots of a block up to the last coordinate, and in the next-token stream the
    frame's opening up to the last but one coordinate. Rows hold one sample each.

    Returns:
        row, position, object: [n] each; object is a number into `batch.object_bins`.
    """
    objects: dict[int, list[tuple[int, list[int]]]] = {}
    for number, (image, bins) in enumerate(
        zip(batch.object_image.tolist(), batch.object_bins.tolist(), strict=True)
    ):
        objects.setdefault(image, []).append((number, bins))
    found: list[tuple[int, int, int]] = []
    targets, blocks = batch.targets.tolist(), batch.layout.block.tolist()
    for row, (wanted, block) in enumerate(zip(targets, blocks, strict=True)):
        for start, token in enumerate(wanted):
            if token != vocab.box:
                continue
            bins = []
            for following in wanted[start + 1 : start + 5]:
                if not vocab.is_coord(following):
                    break
                bins.append(vocab.bin_of(following))
            written = _object_of(bins, objects.get(row, []))
            if written is None:
                continue
            # A block's slot s predicts its own target; the text position before <box> predicts <box>.
            first = start if block[start] >= 0 else start + 1
            last = start + len(bins)
            found += [(row, position, written) for position in range(first, last + 1)]
    columns = torch.tensor(found, dtype=torch.long).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]


def _object_of(bins: list[int], objects: list[tuple[int, list[int]]]) -> int | None:
    """The object with these sides, or around this point."""
    for number, sides in objects:
        if len(bins) == 4 and bins == sides:
            return number
        if len(bins) == 2:
            centre = ((sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2)
            if max(abs(bins[0] - centre[0]), abs(bins[1] - centre[1])) <= 2:
                return number
    return None


def guide_loss(
    layer: DecoderLayer,
    hidden: Tensor,
    mask: Tensor,
    rope_theta: float,
    batch: Batch,
    owner: Tensor,
    vocab: Vocab,
) -> tuple[Tensor, Tensor]:
    """How much of a layer's attention misses the object, as a mean negative log, and the share that hits.

    Args:
        layer: the layer that is guided; hidden: [rows, positions, size] what it gets.
        mask: [rows, positions, positions] boolean.
        owner: [visual tokens] object of each, -1 for none (`dense.cell_objects`).
    """
    normed = layer.attn_norm(hidden)
    q, k = (part(normed).unflatten(-1, (-1, layer.head_dim)).transpose(1, 2) for part in (layer.q, layer.k))
    angles = text_angles(batch.positions, layer.head_dim, rope_theta)[:, None]
    cos, sin = angles.cos().to(q.dtype), angles.sin().to(q.dtype)
    q, k = rotate_halves(q, cos, sin), rotate_halves(k, cos, sin)
    k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)
    scores = (q * layer.head_dim**-0.5) @ k.transpose(-1, -2)
    attention = scores.masked_fill(~mask[:, None], float("-inf")).softmax(-1).mean(1)

    row, position, number = (t.to(hidden.device) for t in box_queries(batch, vocab))
    key_position = (batch.token_ids == vocab.image_token).nonzero()[:, 1]
    own = torch.zeros(len(batch.object_bins), mask.shape[-1], device=hidden.device)
    owned = owner >= 0
    own[owner[owned], key_position[owned]] = 1
    hit = (attention[row, position].float() * own[number]).sum(-1)
    seen = own[number].any(-1)  # an object that others hide in every cell cannot be looked at
    hit = hit[seen].clamp(min=1e-6)
    if not len(hit):  # a batch without a single box
        return scores.sum() * 0, hit.sum()
    return -hit.log().mean(), hit.detach().mean()
