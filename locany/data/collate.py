"""Samples to the tensors of one forward: rows of packed samples and a pack of images.

A row is made on its own, wherever its samples are, and rows are joined later: workers make rows, and what is
left for the process that trains is to copy arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Row:
    """The arrays of one row, numbered from 0 within it.

    Attributes:
        columns: [`COLUMNS`, positions] int64.
        pixels, grids: see `Batch`.
        bins, name, owner, reach, characters: see `BatchTruth`.
        writes: [n, 2] position and object of what writes a box.
        names: what the objects are called, each name once, in the order of their first object.
        name_ids: token ids of each name.
        num_samples: in the row.
    """

    columns: np.ndarray
    pixels: np.ndarray
    grids: tuple[tuple[int, int], ...]
    bins: np.ndarray
    name: np.ndarray
    owner: np.ndarray
    reach: np.ndarray
    characters: np.ndarray
    writes: np.ndarray
    names: tuple[str, ...]
    name_ids: tuple[tuple[int, ...], ...]
    num_samples: int

    def __len__(self) -> int:
        """Positions of both streams."""
        return self.columns.shape[1]


COLUMNS = ("token_ids", "targets", "positions", "branch", "index", "block", "sample")
_NO_PIXELS = np.zeros((0, 3, 1, 1), np.uint8)


def collate(
    rows: Sequence[Sequence[EncodedSample]], pad_id: int, *, multiple: int = 1, merge_size: int = 2
) -> Batch:
    """Lay samples side by side in rows.

    Args:
        rows: samples of each row, at least one each; the layout numbers them through all rows.
        multiple: rows are padded to a multiple of this, so that few shapes occur.
        merge_size: patches per side of a visual token.
    """
    return join_rows([make_row(row, merge_size) for row in rows], pad_id, multiple=multiple)


def make_row(samples: Sequence[EncodedSample], merge_size: int) -> Row:
    """Lay samples one behind the other.

    Args:
        merge_size: patches per side of a visual token.
    """
    numbers = np.repeat(np.arange(len(samples)), [len(sample) for sample in samples])
    columns = [
        numbers if name == "sample" else np.concatenate([getattr(s.streams, name) for s in samples])
        for name in COLUMNS
    ]
    names: dict[str, tuple[int, ...]] = {}
    parts = [_Truth(s, merge_size) for s in samples]
    writes, at, num_objects = [], 0, 0
    for sample, part in zip(samples, parts, strict=True):
        for label, ids in zip(part.labels, part.label_ids, strict=True):
            names.setdefault(label, ids)
        part.owner[part.owner >= 0] += num_objects
        writes.append(part.writes + np.asarray((at, num_objects)))
        at, num_objects = at + len(sample), num_objects + len(part.bins)
    place = {label: number for number, label in enumerate(names)}
    name = [place[label] for part in parts for label in part.labels]
    return Row(
        columns=np.stack(columns).astype(np.int64, copy=False),
        pixels=np.concatenate([s.pixels for s in samples if s.grids] or [_NO_PIXELS]),
        grids=tuple(grid for s in samples for grid in s.grids),
        bins=np.concatenate([part.bins for part in parts]),
        name=np.asarray(name, np.int64),
        owner=np.concatenate([part.owner for part in parts], axis=1),
        reach=np.concatenate([part.reach for part in parts], axis=1),
        characters=np.concatenate([part.characters for part in parts]),
        writes=np.concatenate(writes),
        names=tuple(names),
        name_ids=tuple(names.values()),
        num_samples=len(samples),
    )


class _Truth:
    """The dense truth of a sample, for all of its visual tokens: unknown where nothing is said."""

    def __init__(self, sample: EncodedSample, merge_size: int):
        truth = sample.truth
        num_tokens = sum(height * width for height, width in sample.grids) // merge_size**2
        rest = num_tokens - (0 if truth is None else len(truth.characters))
        owner = np.full((NUM_LEVELS, rest), UNKNOWN)
        reach = np.zeros((NUM_LEVELS, rest, 4), np.float32)
        characters = np.full((rest, NUM_SLOTS), NOT_KNOWN)
        if truth is None:
            self.labels: tuple[str, ...] = ()
            self.label_ids: tuple[tuple[int, ...], ...] = ()
            self.bins, self.writes = np.zeros((0, 4), np.int64), np.zeros((0, 2), np.int64)
            self.owner, self.reach, self.characters = owner, reach, characters
        else:
            self.labels, self.label_ids = truth.labels, truth.label_ids
            self.bins, self.writes = truth.bins, truth.writes
            self.owner = np.concatenate((truth.owner, owner), axis=1)  # a copy, which may be renumbered
            self.reach = np.concatenate((truth.reach, reach), axis=1)
            self.characters = np.concatenate((truth.characters, characters))


def join_rows(rows: Sequence[Row], pad_id: int, *, multiple: int = 1, pinned: bool = False) -> Batch:
    """One batch of some rows.

    Args:
        rows: at least one.
        multiple: rows are padded to a multiple of this, so that few shapes occur.
        pinned: put the pixels where a GPU can fetch them by itself.
    """
    width = -(-max(len(row) for row in rows) // multiple) * multiple
    columns = np.empty((len(COLUMNS), len(rows), width), np.int64)
    fills = {"token_ids": pad_id, "targets": IGNORE, "block": -1, "sample": -1}
    columns[:] = np.asarray([fills.get(name, 0) for name in COLUMNS])[:, None, None]
    names: dict[str, int] = {}
    name_ids: list[tuple[int, ...]] = []
    name, owner, writes = [], [], []
    num_samples = num_objects = 0
    for number, row in enumerate(rows):
        columns[:, number, : len(row)] = row.columns
        columns[-1, number, : len(row)] += num_samples
        for label, ids in zip(row.names, row.name_ids, strict=True):
            if label not in names:
                names[label] = len(names)
                name_ids.append(ids)
        name.append(np.asarray([names[label] for label in row.names], np.int64)[row.name])
        owner.append(np.where(row.owner >= 0, row.owner + num_objects, row.owner))
        written = np.empty((len(row.writes), 3), np.int64)
        written[:, 0], written[:, 1], written[:, 2] = number, row.writes[:, 0], row.writes[:, 1] + num_objects
        writes.append(written)
        num_samples += row.num_samples
        num_objects += len(row.bins)
    truth = BatchTruth(
        bins=torch.from_numpy(np.concatenate([row.bins for row in rows])),
        name=torch.from_numpy(np.concatenate(name)),
        name_ids=torch.tensor([i for ids in name_ids for i in ids], dtype=torch.long),
        name_lengths=torch.tensor([len(ids) for ids in name_ids], dtype=torch.long),
        owner=torch.from_numpy(np.concatenate(owner, axis=1)),
        reach=torch.from_numpy(np.concatenate([row.reach for row in rows], axis=1)),
        characters=torch.from_numpy(np.concatenate([row.characters for row in rows])),
        writes=torch.from_numpy(np.concatenate(writes)),
        row_writes=[len(row.writes) for row in rows],
    )
    found = dict(zip(COLUMNS, torch.from_numpy(columns), strict=True))
    return Batch(
        token_ids=found["token_ids"],
        targets=found["targets"],
        positions=found["positions"],
        layout=Layout(found["sample"], found["branch"], found["index"], found["block"]),
        pixels=_joined_pixels(rows, pinned),
        grids=[grid for row in rows for grid in row.grids],
        truth=truth,
    )


def _joined_pixels(rows: Sequence[Row], pinned: bool) -> Tensor:
    parts = [row.pixels for row in rows if len(row.pixels)] or [_NO_PIXELS]
    joined = torch.empty(sum(map(len, parts)), *parts[0].shape[1:], dtype=torch.uint8, pin_memory=pinned)
    np.concatenate(parts, out=joined.numpy())
    return joined
