"""Auxiliary heads on visual tokens: what is here, how far does it reach, where is that, and what is written.

They exist during training only; the published layout does not know them. What makes them useful beyond a
warm start is their basis: names are matched against the decoder's own token embeddings and box sides against
its own coordinate embeddings, so that what a visual token learns to hold is what the decoder can read. Reach
(distances from a cell to the sides of its object) and place (where the cell itself lies) are what the sides
are made of; without these two heads the sides are learnt very slowly (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from locany.data.characters import BLANK, NOT_KNOWN, NUM_CLASSES, NUM_SLOTS, SLOTS_XY
from locany.data.collate import Batch
from locany.data.truth import NUM_LEVELS, TEXTS, THINGS, UNKNOWN
from locany.model.config import LocateConfig
from locany.train.nll import gaussian_targets, table_nll


class DenseHeads(nn.Module):
    """Linear readings of a visual token of width `size`, and one of it inside the decoder.

    Each level of the dense truth, things and texts, has its own; place and characters belong to the cell.
    Characters are read a second time from the patches, before four of them become one visual token: that
    reading is learnt sooner, the other one makes the token keep it.
    """

    def __init__(self, config: LocateConfig, generator: torch.Generator):
        super().__init__()
        size, num_patches = config.text.hidden_size, config.vision.merge_size**2
        assert SLOTS_XY[0] % config.vision.merge_size == SLOTS_XY[1] % config.vision.merge_size == 0
        self.norm = nn.LayerNorm(size)
        self.present = nn.Linear(size, NUM_LEVELS)
        self.name = nn.Linear(size, NUM_LEVELS * size)
        self.reach = nn.Linear(size, NUM_LEVELS * 4)
        self.place = nn.Linear(size, 2 * size)
        self.sides = nn.Linear(size, NUM_LEVELS * 4 * size)
        self.characters = nn.Linear(size, NUM_SLOTS * NUM_CLASSES)
        self.patch_characters = nn.Linear(config.vision.hidden_size, NUM_SLOTS // num_patches * NUM_CLASSES)
        self.deep_norm = nn.LayerNorm(size)
        self.deep_sides = nn.Linear(size, NUM_LEVELS * 4 * size)
        with torch.no_grad():
            for linear in (m for m in self.modules() if isinstance(m, nn.Linear)):
                linear.weight.normal_(0, linear.in_features**-0.5, generator=generator)
                linear.bias.zero_()


# What does not weigh 1: sides hardly fall before the decoder's first layers have multiplied place and reach,
# and drown the characters, which are learnt last (docs/log.md). Names and characters are in `LossConfig`.
PLACE, SIDES = 0.5, 0.25

Readings: TypeAlias = dict[str, tuple[Tensor | float, Tensor | float]]


@dataclass(frozen=True)
class DenseLoss:
    """Losses of one batch, and how right the readings are.

    Sums over the levels of means over their cells: all known ones (present), those with an object (name,
    reach, sides); means over all cells (place), and over slots, those with a character and those without
    counting the same (characters, read from tokens and from patches).

    Attributes:
        readings: how right the readings are, (sum, number of cells or slots) each: names and overlaps of the
            boxes that reach gives, of things and texts; characters where there is one.
    """

    present: Tensor
    name: Tensor
    reach: Tensor
    place: Tensor
    sides: Tensor
    characters: Tensor
    readings: Readings

    def total(self, name: float, characters: float) -> Tensor:
        """The weighted sum; weights of two parts are the recipe's."""
        certain = self.present + name * self.name + self.reach
        return certain + PLACE * self.place + SIDES * self.sides + characters * self.characters

    def report(self, num_cells: int) -> Readings:
        """What to log of it: losses weighed by the cells of the forward, and the readings."""
        losses = {"present": self.present, "name": self.name, "reach": self.reach, "place": self.place}
        losses |= {"sides": self.sides, "characters": self.characters}
        return {n: (value.detach() * num_cells, num_cells) for n, value in losses.items()} | self.readings


def cell_boxes(grids: list[tuple[int, int]], merge_size: int, max_bin: int) -> Tensor:
    """The box of every visual token's cell in bins: [visual tokens, 4] float."""
    boxes = []
    for height, width in grids:
        rows, columns = height // merge_size, width // merge_size
        y, x = torch.meshgrid(torch.arange(rows) / rows, torch.arange(columns) / columns, indexing="ij")
        boxes.append(torch.stack((x, y, x + 1 / columns, y + 1 / rows), dim=-1).flatten(0, 1) * max_bin)
    return torch.cat(boxes)


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
    cell_patches: Tensor,
    batch: Batch,
    embed: Tensor,
    coord_ids: range,
    sigma: float,
    merge_size: int,
    coord_cells: int,
) -> DenseLoss:
    """The losses of everything that is read from the encoder's output.

    Args:
        visual_tokens: [tokens, size] of all images.
        cell_patches: [tokens, merged size], what the encoder put out for the patches of each, row by row.
        embed: [vocabulary, size], the decoder's; coord_ids: the coordinate tokens in it.
        sigma: width of coordinate targets in bins.
        merge_size: patches per side of a visual token.
        coord_cells: as in `coord_loss`.
    """
    truth = batch.truth
    coords = embed[coord_ids.start : coord_ids.stop]
    x = heads.norm(visual_tokens)
    cells = cell_boxes(batch.grids, merge_size, len(coords) - 1).to(x.device)
    places = ((cells[:, :2] + cells[:, 2:]) / 2).round().long()
    names = mean_embeddings(embed, truth.name_ids, truth.name_lengths)
    present, name, reach, sides = [], [], [], []
    readings: Readings = {}
    for level, called in ((THINGS, "thing"), (TEXTS, "text")):
        owner = truth.owner[level]
        here, known = owner >= 0, owner != UNKNOWN
        objects, at = owner[here], x[here]
        logits = heads.present(x)[known, level].float()
        present.append(
            mean_of(F.binary_cross_entropy_with_logits(logits, here[known].float(), reduction="none"))
        )
        loss, right = _name_loss(_own(heads.name, at, level), truth.name[objects], names)
        name.append(loss)
        loss, overlap = _reach_loss(_own(heads.reach, at, level).float(), truth.reach[level][here])
        reach.append(loss)
        bins, read = truth.bins[objects], partial(_own, heads.sides, level=level)
        sides.append(coord_loss(read, at, bins, coords, sigma, coord_cells))
        readings[f"{called}_acc"] = (right, len(at))
        readings[f"{called}_iou"] = (overlap, len(at))
    by_patch = patch_characters(heads, cell_patches, merge_size)
    in_patches, patch_right, count = _character_loss(by_patch, truth.characters)
    in_tokens, right, count = _character_loss(heads.characters(x), truth.characters)
    return DenseLoss(
        present=torch.stack(present).sum(),
        name=torch.stack(name).sum(),
        reach=torch.stack(reach).sum(),
        place=coord_loss(heads.place, x, places, coords, sigma, coord_cells),
        sides=torch.stack(sides).sum(),
        characters=in_tokens + in_patches,
        readings=readings | {"char_acc": (right, count), "patch_char_acc": (patch_right, count)},
    )


def _name_loss(said: Tensor, labels: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
    """Loss of names told from all names of the batch, and how many are right.

    New words need no list, and a batch has many.

    Args:
        said: [n, size]; labels: [n] places among the names; names: [names, size].
    """
    said = F.normalize(said.float(), dim=-1) * said.shape[-1] ** 0.5
    logits = (pad_rows(said, 256) @ F.normalize(names.float(), dim=-1).T)[: len(said)]
    if not len(said):
        return logits.sum(), logits.sum().detach()
    return F.cross_entropy(logits, labels), (logits.argmax(-1) == labels).sum()


def _own(linear: nn.Linear, x: Tensor, level: int) -> Tensor:
    """The part of a reading that belongs to a level."""
    size = linear.out_features // NUM_LEVELS
    span = slice(level * size, (level + 1) * size)
    return F.linear(pad_rows(x, 256), linear.weight[span], linear.bias[span])[: len(x)]


def pad_rows(x: Tensor, multiple: int) -> Tensor:
    """Add zero rows up to a multiple: every new shape costs the CPU new matrix kernels (docs/log.md)."""
    return F.pad(x, (0, 0, 0, -len(x) % multiple))


def mean_of(values: Tensor) -> Tensor:
    """The mean, and 0 where there is nothing."""
    return values.sum() / max(1, len(values))


def patch_characters(heads: DenseHeads, cell_patches: Tensor, merge_size: int) -> Tensor:
    """Characters as the patches of each cell tell them: [visual tokens, slots * classes]."""
    linear = heads.patch_characters
    patches = cell_patches.unflatten(-1, (merge_size**2, linear.in_features))
    # Slots lie row by row: rows of patches, rows inside one, columns of patches, columns inside one.
    inside = (SLOTS_XY[1] // merge_size, SLOTS_XY[0] // merge_size)
    found = linear(patches).unflatten(1, (merge_size, merge_size)).unflatten(-1, (*inside, NUM_CLASSES))
    return found.transpose(2, 3).flatten(1)


def _character_loss(raw: Tensor, classes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, how many slots with a character are right, and their number.

    Slots with a character and those without count the same, as there are many more of the latter.

    Args:
        raw: [visual tokens, slots * classes]; classes: [visual tokens, slots].
    """
    logits, classes = raw.float().view(-1, NUM_CLASSES), classes.flatten()
    written, blank = classes > BLANK, classes == BLANK
    loss = F.cross_entropy(logits, classes, ignore_index=NOT_KNOWN, reduction="none")
    right = (logits.argmax(-1) == classes)[written].sum()
    return mean_of(loss[written]) + mean_of(loss[blank]), right, written.sum()


def coord_loss(
    read: Callable[[Tensor], Tensor],
    x: Tensor,
    bins: Tensor,
    coord_embeddings: Tensor,
    sigma: float,
    most: int,
) -> Tensor:
    """Mean loss of directions among the coordinate embeddings.

    Neighbouring cells say nearly the same, and each costs as much as a token of an answer, so of more than
    `most` cells as many are asked, by chance.

    Args:
        read: from [n, size] to [n, k * size], k directions each.
        x: [n, size] cells; bins: [n, k] what they should point at.
        most: cells.
    """
    if len(x) > most:
        chosen = torch.randperm(len(x))[:most].to(x.device)
        x, bins = x[chosen], bins[chosen]
    if not len(x):
        return (read(x).sum() + coord_embeddings.sum()) * 0
    directions = F.normalize(read(x).unflatten(-1, (bins.shape[1], -1)).float(), dim=-1)
    directions = directions * coord_embeddings.shape[1] ** 0.5
    wanted = bins.flatten()
    at, share = gaussian_targets(wanted, sigma, len(coord_embeddings))
    equal = torch.full((len(wanted),), 1 / len(wanted), device=x.device)
    return table_nll(directions.flatten(0, 1), coord_embeddings, wanted, at, share, equal)[0]


def deep_side_loss(
    heads: DenseHeads,
    hidden: Tensor,
    batch: Batch,
    coord_embeddings: Tensor,
    sigma: float,
    coord_cells: int,
) -> Tensor:
    """The sides again, read from the visual tokens after some layers of the decoder.

    Sides are place plus reach, and adding angles is multiplying Fourier features: the decoder's gated MLP
    can multiply, a linear reading of the encoder's output cannot.

    Args:
        hidden: [visual tokens, size].
        coord_cells: as in `coord_loss`.
    """
    x, losses = heads.deep_norm(hidden), []
    for level, owner in enumerate(batch.truth.owner):
        here = owner >= 0
        read = partial(_own, heads.deep_sides, level=level)
        bins = batch.truth.bins[owner[here]]
        losses.append(coord_loss(read, x[here], bins, coord_embeddings, sigma, coord_cells))
    return torch.stack(losses).sum()


def _reach_loss(raw: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Distances from one point to four sides: smooth L1 plus 1 - IoU of both boxes; and the sum of IoUs.

    Args:
        raw: [n, 4] before the softplus that keeps distances positive; target: [n, 4] in cells.
    """
    predicted, target = F.softplus(raw), target.clamp(min=0.05)
    overlap = torch.minimum(predicted, target)
    intersection = (overlap[:, 0] + overlap[:, 2]) * (overlap[:, 1] + overlap[:, 3])
    area = [(box[:, 0] + box[:, 2]) * (box[:, 1] + box[:, 3]) for box in (predicted, target)]
    iou = intersection / (area[0] + area[1] - intersection)
    far = F.smooth_l1_loss(predicted, target, reduction="none").mean(dim=1)
    return mean_of(far + 1 - iou), iou.detach().sum()
