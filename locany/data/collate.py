"""Samples to the tensors of one forward: rows of packed samples and a pack of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from locany.data.characters import NOT_KNOWN, NUM_SLOTS
from locany.data.encode import EncodedSample
from locany.data.streams import IGNORE
from locany.data.truth import NUM_LEVELS, UNKNOWN
from locany.image import PreprocessConfig
from locany.model.masks import Layout


@dataclass(frozen=True)
class BatchTruth:
    """The dense truth of a batch, see `data/truth.py`. Objects are numbered through all samples.

    Attributes:
        bins: [objects, 4].
        name: [objects] place of each object's name among the names.
        name_ids: token ids of all different names, one name after the other; name_lengths: tokens of each.
        owner: [levels, visual tokens] object, `NOTHING` or `UNKNOWN`.
        reach: [levels, visual tokens, 4] float32, in cells.
        characters: [visual tokens, slots], `NOT_KNOWN` where the truth is not known.
        writes: [n, 3] row, position and object of what writes a box, by row.
        row_writes: how many of them each row has.
    """

    bins: Tensor
    name: Tensor
    name_ids: Tensor
    name_lengths: Tensor
    owner: Tensor
    reach: Tensor
    characters: Tensor
    writes: Tensor
    row_writes: list[int]

    def to(self, device: torch.device) -> BatchTruth:
        moved = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "row_writes"}
        return replace(self, **{name: tensor.to(device) for name, tensor in moved.items()})


@dataclass
class Batch:
    """One forward.

    Attributes:
        token_ids, targets, positions: [rows, positions]; padding has target IGNORE.
        layout: who may see whom.
        pixels: [patches, 3, patch, patch] uint8 of all images, in the order of their tokens; may be empty.
        grids: patch rows and columns of each image.
        truth: the dense truth of all samples.
    """

    token_ids: Tensor
    targets: Tensor
    positions: Tensor
    layout: Layout
    pixels: Tensor
    grids: list[tuple[int, int]]
    truth: BatchTruth

    def pixel_values(self, config: PreprocessConfig) -> Tensor:
        """What the encoder eats, [patches, 3, patch, patch] float32: the same as `Patches.pixel_values`."""
        values = self.pixels.float() / 255
        for channel, (mean, std) in enumerate(zip(config.mean, config.std, strict=True)):
            values[:, channel].sub_(mean).div_(std)  # by numbers: a tensor of them would make a GPU wait
        return values

    def to(self, device: torch.device) -> Batch:
        return replace(
            self,
            token_ids=self.token_ids.to(device),
            targets=self.targets.to(device),
            positions=self.positions.to(device),
            layout=self.layout.to(device),
            pixels=self.pixels.to(device),
            truth=self.truth.to(device),
        )


def collate(
    rows: Sequence[Sequence[EncodedSample]], pad_id: int, *, multiple: int = 1, merge_size: int = 2
) -> Batch:
    """Lay samples side by side in rows.

    Args:
        rows: samples of each row, at least one each; the layout numbers them through all rows.
        multiple: rows are padded to a multiple of this, so that few shapes occur.
        merge_size: patches per side of a visual token.
    """
    samples = [sample for row in rows for sample in row]
    width = max(sum(len(sample) for sample in row) for row in rows)
    width = -(-width // multiple) * multiple
    columns = {
        name: np.full((len(rows), width), fill, dtype=np.int64)
        for name, fill in (
            ("token_ids", pad_id),
            ("targets", IGNORE),
            ("positions", 0),
            ("branch", 0),
            ("index", 0),
            ("block", -1),
            ("sample", -1),
        )
    }
    placed: list[tuple[EncodedSample, int, int]] = []
    for r, row in enumerate(rows):
        at = 0
        for sample in row:
            span = slice(at, at + len(sample))
            for name, column in columns.items():
                column[r, span] = len(placed) if name == "sample" else getattr(sample.streams, name)
            placed.append((sample, r, at))
            at = span.stop
    tensors = {name: torch.from_numpy(column) for name, column in columns.items()}
    pixels = [s.pixels for s in samples if s.grids] or [np.zeros((0, 3, 1, 1), np.uint8)]
    return Batch(
        token_ids=tensors["token_ids"],
        targets=tensors["targets"],
        positions=tensors["positions"],
        layout=Layout(tensors["sample"], tensors["branch"], tensors["index"], tensors["block"]),
        pixels=torch.from_numpy(np.concatenate(pixels)),
        grids=[grid for s in samples for grid in s.grids],
        truth=collate_truth(placed, len(rows), merge_size),
    )


def collate_truth(
    placed: Sequence[tuple[EncodedSample, int, int]], num_rows: int, merge_size: int
) -> BatchTruth:
    """The dense truth of samples in the order of their images.

    Args:
        placed: (sample, its row, its first position in the row).
        merge_size: patches per side of a visual token.
    """
    names: dict[str, int] = {}
    name_ids: list[tuple[int, ...]] = []
    bins, name, writes = [], [], []
    owner, reach, characters = [], [], []
    num_objects = 0
    for sample, row, position in placed:
        truth = sample.truth
        num_known = 0
        if truth is not None:
            for label, ids in zip(truth.labels, truth.label_ids, strict=True):
                if label not in names:
                    names[label] = len(names)
                    name_ids.append(ids)
                name.append(names[label])
            bins.append(truth.bins)
            owner.append(np.where(truth.owner >= 0, truth.owner + num_objects, truth.owner))
            reach.append(truth.reach)
            rows = np.full(len(truth.writes), row)
            writes.append(
                np.stack((rows, truth.writes[:, 0] + position, truth.writes[:, 1] + num_objects), axis=1)
            )
            num_objects += len(truth.bins)
            characters.append(truth.characters)
            num_known = len(truth.characters)
        num_tokens = sum(height * width for height, width in sample.grids) // merge_size**2
        rest = num_tokens - num_known
        owner.append(np.full((NUM_LEVELS, rest), UNKNOWN))
        reach.append(np.zeros((NUM_LEVELS, rest, 4), np.float32))
        characters.append(np.full((rest, NUM_SLOTS), NOT_KNOWN))
    found = np.concatenate([np.zeros((0, 3), np.int64), *writes])
    return BatchTruth(
        bins=torch.from_numpy(np.concatenate([np.zeros((0, 4), np.int64), *bins])),
        name=torch.tensor(name, dtype=torch.long),
        name_ids=torch.tensor([i for ids in name_ids for i in ids], dtype=torch.long),
        name_lengths=torch.tensor([len(ids) for ids in name_ids], dtype=torch.long),
        owner=torch.from_numpy(np.concatenate([np.zeros((NUM_LEVELS, 0), np.int64), *owner], axis=1)),
        reach=torch.from_numpy(np.concatenate([np.zeros((NUM_LEVELS, 0, 4), np.float32), *reach], axis=1)),
        characters=torch.from_numpy(np.concatenate([np.zeros((0, NUM_SLOTS), np.int64), *characters])),
        writes=torch.from_numpy(found[np.argsort(found[:, 0], kind="stable")]),
        row_writes=np.bincount(found[:, 0], minlength=num_rows).tolist(),
    )
