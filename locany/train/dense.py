"""Auxiliary heads on visual tokens: what is here, how far does it reach, and where is that.

They exist during training only; the published layout does not know them. What makes them useful beyond a
warm start is their basis: names are matched against the decoder's own token embeddings and box sides against
its own coordinate embeddings, so that what a visual token learns to hold is what the decoder can read. Reach
(distances from a cell to the sides of its object) and place (where the cell itself lies) are what the sides
are made of; without these two heads the sides are learnt very slowly (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from locany.data.collate import Batch
from locany.data.truth import UNKNOWN
from locany.train.loss import pad_rows


class DenseHeads(nn.Module):
    """Five linear readings of a visual token of width `size`, and one of it inside the decoder."""

    def __init__(self, size: int, generator: torch.Generator):
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.present = nn.Linear(size, 1)
        self.name = nn.Linear(size, size)
        self.reach = nn.Linear(size, 4)
        self.place = nn.Linear(size, 2 * size)
        self.sides = nn.Linear(size, 4 * size)
        self.deep_norm = nn.LayerNorm(size)
        self.deep_sides = nn.Linear(size, 4 * size)
        with torch.no_grad():
            for linear in (
                self.present,
                self.name,
                self.reach,
                self.place,
                self.sides,
                self.deep_sides,
            ):
                linear.weight.normal_(0, size**-0.5, generator=generator)
                linear.bias.zero_()


@dataclass(frozen=True)
class DenseLoss:
    """Means over all cells (present, place) and over cells with an object (the others).

    `name_accuracy` is how often the name is right, `iou` the mean overlap of the box that reach gives.
    """

    present: Tensor
    name: Tensor
    reach: Tensor
    place: Tensor
    sides: Tensor
    name_accuracy: Tensor
    iou: Tensor

    @property
    def total(self) -> Tensor:
        return self.present + self.name + self.reach + self.place + self.sides

    def report(self) -> dict[str, Tensor]:
        """What to log."""
        return {
            "present": self.present.detach(),
            "name": self.name.detach(),
            "name_acc": self.name_accuracy,
            "iou": self.iou.detach(),
            "place": self.place.detach(),
            "sides": self.sides.detach(),
        }


def cell_places(grids: list[tuple[int, int]], merge_size: int, max_bin: int) -> Tensor:
    """Bins of the centre of every visual token: [visual tokens, 2], x then y."""
    places = []
    for height, width in grids:
        rows, columns = height // merge_size, width // merge_size
        y, x = (torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns
        place = torch.stack((x[None].expand(rows, -1), y[:, None].expand(-1, columns)), dim=-1)
        places.append((place.flatten(0, 1) * max_bin).round().long())
    return torch.cat(places)


def mean_embeddings(embed: Tensor, ids: Tensor, lengths: Tensor) -> Tensor:
    """Mean embedding of each name: [names, size].

    Args:
        embed: [vocabulary, size].
        ids: tokens of all names, one name after the other; lengths: tokens of each.
    """
    owner = torch.repeat_interleave(torch.arange(len(lengths), device=ids.device), lengths)
    sums = torch.zeros(len(lengths), embed.shape[1], dtype=embed.dtype, device=embed.device)
    return sums.index_add(0, owner, embed[ids]) / lengths.clamp(min=1)[:, None]


def dense_loss(
    heads: DenseHeads,
    visual_tokens: Tensor,
    batch: Batch,
    embed: Tensor,
    coord_ids: range,
    coord_nll: Callable[[Tensor, Tensor], Tensor],
    merge_size: int,
) -> DenseLoss:
    """The five losses.

    Args:
        visual_tokens: [tokens, size] of all images.
        embed: [vocabulary, size], the decoder's; coord_ids: the coordinate tokens in it.
        coord_nll: (logits [n, bins], bins [n]) to the loss per row, shared with the main loss.
        merge_size: patches per side of a visual token.
    """
    truth = batch.truth
    coords = embed[coord_ids.start : coord_ids.stop]
    x = heads.norm(visual_tokens)
    present, known = truth.owner >= 0, truth.owner != UNKNOWN
    present_loss = F.binary_cross_entropy_with_logits(
        heads.present(x).float()[known, 0], present[known].float()
    )
    objects = truth.owner[present]
    # A name is told from all names of the batch: new words need no list, and a batch has many.
    names = mean_embeddings(embed, truth.name_ids, truth.name_lengths)
    directions = F.normalize(names.float(), dim=-1)
    said = F.normalize(heads.name(x)[present].float(), dim=-1) * x.shape[-1] ** 0.5
    name_logits = (pad_rows(said, 256) @ directions.T)[: len(said)]
    labels = truth.name[objects]
    reach_loss, iou = _reach_loss(heads.reach(x)[present].float(), truth.reach[present])
    side_loss = coord_loss(heads.sides(x)[present], truth.bins[objects], coords, coord_nll)
    places = cell_places(batch.grids, merge_size, len(coords) - 1).to(x.device)
    return DenseLoss(
        present=present_loss,
        name=F.cross_entropy(name_logits, labels),
        reach=reach_loss,
        place=coord_loss(heads.place(x), places, coords, coord_nll),
        sides=side_loss,
        name_accuracy=(name_logits.argmax(-1) == labels).float().mean(),
        iou=iou,
    )


def coord_loss(
    raw: Tensor, bins: Tensor, coord_embeddings: Tensor, coord_nll: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Mean loss of directions among the coordinate embeddings.

    Args:
        raw: [n, k * size], k directions each; bins: [n, k] what they should point at.
    """
    directions = F.normalize(raw.unflatten(-1, (bins.shape[1], -1)).float(), dim=-1)
    directions = directions * coord_embeddings.shape[1] ** 0.5
    directions = directions.flatten(0, 1)
    logits = (pad_rows(directions, 512) @ coord_embeddings.float().T)[: len(directions)]
    return coord_nll(logits, bins.flatten()).mean()


def deep_side_loss(
    heads: DenseHeads,
    hidden: Tensor,
    batch: Batch,
    coord_embeddings: Tensor,
    coord_nll: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """The sides again, read from the visual tokens after some layers of the decoder.

    Sides are place plus reach, and adding angles is multiplying Fourier features: the decoder's gated MLP
    can multiply, a linear reading of the encoder's output cannot.

    Args:
        hidden: [visual tokens, size].
    """
    present = batch.truth.owner >= 0
    raw = heads.deep_sides(heads.deep_norm(hidden))[present]
    bins = batch.truth.bins[batch.truth.owner[present]]
    return coord_loss(raw, bins, coord_embeddings, coord_nll)


def _reach_loss(raw: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Distances from one point to four sides: smooth L1 plus 1 - IoU of the two boxes, and the mean IoU.

    Args:
        raw: [n, 4] before the softplus that keeps distances positive; target: [n, 4] in cells.
    """
    predicted, target = F.softplus(raw), target.clamp(min=0.05)
    overlap = torch.minimum(predicted, target)
    intersection = (overlap[:, 0] + overlap[:, 2]) * (overlap[:, 1] + overlap[:, 3])
    area = [(box[:, 0] + box[:, 2]) * (box[:, 1] + box[:, 3]) for box in (predicted, target)]
    iou = intersection / (area[0] + area[1] - intersection)
    return F.smooth_l1_loss(predicted, target) + (1 - iou).mean(), iou.mean()
