"""Samples to the tensors of one forward: rows of packed samples and a pack of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from locany.data.encode import EncodedSample
from locany.data.streams import IGNORE
from locany.model.masks import Layout


@dataclass
class Batch:
    """One forward.

    Attributes:
        token_ids, targets, positions: [rows, positions]; padding has target IGNORE.
        layout: who may see whom.
        pixel_values: [patches, 3, patch, patch] of all images, in the order of their tokens; may be empty.
        grids: patch rows and columns of each image.
        object_image: [objects] which image each object of the dense truth is in.
        object_bins: [objects, 4].
        object_labels: names.
    """

    token_ids: Tensor
    targets: Tensor
    positions: Tensor
    layout: Layout
    pixel_values: Tensor
    grids: list[tuple[int, int]]
    object_image: Tensor
    object_bins: Tensor
    object_labels: list[str]

    def to(self, device: torch.device) -> Batch:
        return replace(
            self,
            token_ids=self.token_ids.to(device),
            targets=self.targets.to(device),
            positions=self.positions.to(device),
            layout=self.layout.to(device),
            pixel_values=self.pixel_values.to(device),
            object_image=self.object_image.to(device),
            object_bins=self.object_bins.to(device),
        )


def pack_rows(lengths: Sequence[int], row_len: int) -> list[list[int]]:
    """Which samples share a row: best fit of the longest first.

    A sample longer than `row_len` gets a row of its own. Rows keep the order of their first sample.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        fits = [r for r, free in enumerate(room) if free >= lengths[number]]
        if fits:
            best = min(fits, key=room.__getitem__)
            rows[best].append(number)
            room[best] -= lengths[number]
        else:
            rows.append([number])
            room.append(row_len - lengths[number])
    return sorted((sorted(row) for row in rows), key=lambda row: row[0])


def collate(samples: Sequence[EncodedSample], pad_id: int, row_len: int = 0, multiple: int = 1) -> Batch:
    """Pack samples into rows.

    Args:
        row_len: positions per row; 0 gives every sample its own row, which suits the CPU, where a dense mask
            over a pack costs more than the padding it saves.
        multiple: rows are padded to a multiple of this, so that few shapes occur.
    """
    rows = pack_rows([len(s.streams) for s in samples], row_len)
    order = [number for row in rows for number in row]
    width = max(sum(len(samples[i].streams) for i in row) for row in rows)
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
    for r, row in enumerate(rows):
        at = 0
        for number in row:
            streams = samples[number].streams
            span = slice(at, at + len(streams))
            for name, column in columns.items():
                column[r, span] = number if name == "sample" else getattr(streams, name)
            at = span.stop
    tensors = {name: torch.from_numpy(column) for name, column in columns.items()}
    seen = [samples[i] for i in order if samples[i].grids]
    pixels = [s.pixel_values for s in seen] or [np.zeros((0, 3, 1, 1), np.float32)]
    first_image = np.cumsum([0, *(len(s.grids) for s in seen)])  # objects are those of a sample's first image
    return Batch(
        token_ids=tensors["token_ids"],
        targets=tensors["targets"],
        positions=tensors["positions"],
        layout=Layout(tensors["sample"], tensors["branch"], tensors["index"], tensors["block"]),
        pixel_values=torch.from_numpy(np.concatenate(pixels)),
        grids=[grid for s in seen for grid in s.grids],
        object_image=torch.tensor(
            [int(first_image[i]) for i, s in enumerate(seen) for _ in s.object_labels], dtype=torch.long
        ),
        object_bins=torch.from_numpy(
            np.concatenate([s.object_bins for s in seen] or [np.zeros((0, 4), np.int64)])
        ),
        object_labels=[label for s in seen for label in s.object_labels],
    )
