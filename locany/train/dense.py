"""Auxiliary heads on visual tokens: is something here, what is it called, where is its box.

They exist during training only; the published layout does not know them. What makes them useful beyond a warm
start is their basis: names are matched against the decoder's own token embeddings and box sides against its
own coordinate embeddings, so that what a visual token learns to hold is what the decoder can read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from locany.data.collate import Batch


class DenseHeads(nn.Module):
    """Three linear readings of a visual token of width `size`."""

    def __init__(self, size: int, generator: torch.Generator):
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.present = nn.Linear(size, 1)
        self.name = nn.Linear(size, size)
        self.sides = nn.Linear(size, 4 * size)
        with torch.no_grad():
            for linear in (self.present, self.name, self.sides):
                linear.weight.normal_(0, size**-0.5, generator=generator)
                linear.bias.zero_()


@dataclass(frozen=True)
class DenseLoss:
    """Means over cells (present) and over cells with an object (name, sides), and how often the name is right."""

    present: Tensor
    name: Tensor
    sides: Tensor
    name_accuracy: Tensor

    @property
    def total(self) -> Tensor:
        return self.present + self.name + self.sides


def cell_objects(batch: Batch, max_bin: int, merge_size: int) -> Tensor:
    """Which object each visual token belongs to: [visual tokens], -1 for none.

    A cell belongs to the last (topmost) object whose box holds the cell's centre; an object that holds no
    centre takes the cell of its own centre.
    """
    owners, start = [], 0
    image_of = batch.object_image.tolist()
    boxes = batch.object_bins.float() / max_bin
    for number, (height, width) in enumerate(batch.grids):
        rows, columns = height // merge_size, width // merge_size
        owner = torch.full((rows, columns), -1, dtype=torch.long)
        y, x = (torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns
        while start < len(image_of) and image_of[start] == number:
            x1, y1, x2, y2 = boxes[start].tolist()
            inside = ((y >= y1) & (y <= y2))[:, None] & ((x >= x1) & (x <= x2))[None]
            if not inside.any():
                at = min(int((y1 + y2) / 2 * rows), rows - 1), min(int((x1 + x2) / 2 * columns), columns - 1)
                inside[at] = True
            owner[inside] = start
            start += 1
        owners.append(owner.flatten())
    return torch.cat(owners)


def dense_loss(
    heads: DenseHeads,
    visual_tokens: Tensor,
    owner: Tensor,
    batch: Batch,
    *,
    name_embeddings: Tensor,
    name_index: Callable[[str], int],
    coord_embeddings: Tensor,
    coord_nll: Callable[[Tensor, Tensor], Tensor],
) -> DenseLoss:
    """The three losses.

    Args:
        visual_tokens: [tokens, size] of all images.
        owner: [tokens] from `cell_objects`.
        name_embeddings: [names, size]; name_index: place of a label in it.
        coord_embeddings: [bins, size].
        coord_nll: (logits [n, bins], bins [n]) to the loss per row, shared with the main loss.
    """
    x = heads.norm(visual_tokens)
    present = owner >= 0
    present_loss = F.binary_cross_entropy_with_logits(heads.present(x).float()[:, 0], present.float())
    owned, objects = x[present], owner[present]
    labels = torch.tensor([name_index(label) for label in batch.object_labels], device=x.device)[objects]
    scale = x.shape[-1] ** 0.5
    names = F.normalize(heads.name(owned).float(), dim=-1) * scale
    name_logits = names @ F.normalize(name_embeddings.float(), dim=-1).T
    name_loss = F.cross_entropy(name_logits, labels)
    sides = F.normalize(heads.sides(owned).unflatten(-1, (4, -1)).float(), dim=-1) * scale
    side_logits = sides.flatten(0, 1) @ coord_embeddings.float().T
    side_loss = coord_nll(side_logits, batch.object_bins[objects].flatten()).mean()
    accuracy = (name_logits.argmax(-1) == labels).float().mean()
    return DenseLoss(present_loss, name_loss, side_loss, accuracy)
