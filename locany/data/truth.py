"""The dense truth of a sample: what stands at every visual token, and what every written box is about.

Auxiliary losses learn from it (`train/dense.py`, `train/guide.py`). It is made here, with the sample, so that
a training step finds arrays and no loop over objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from locany.codec.places import read_place
from locany.codec.vocab import Vocab
from locany.data.sample import Target
from locany.data.streams import IGNORE, Streams

NOTHING = -1  # owner of a visual token where no object is
UNKNOWN = -2  # owner of a visual token of an image of which the truth is not known
THINGS, TEXTS = 0, 1  # the two levels: a paragraph or a button, and the words and lines written on it
NUM_LEVELS = 2
_MOST_TOKENS = 4 * 4 + 3  # of a box: as digits, with commas


@dataclass(frozen=True)
class DenseTruth:
    """What is known of a sample's first image.

    Attributes:
        bins: [objects, 4] int64.
        labels: their names.
        label_ids: token ids of each name.
        owner: [levels, visual tokens] number of the thing, and of the text, that stands there, or `NOTHING`;
            `UNKNOWN` on a level of which the sample has no object.
        reach: [levels, visual tokens, 4] float32, from the centre of the token's cell to the left, upper,
            right and lower side of its object, in cells; 0 where there is none.
        characters: [visual tokens, slots] int64, what is written there, see `data/characters.py`; `NOT_KNOWN`
            in a sample without texts.
        writes: [n, 2] int64, a position of the streams that writes a part of a box or point, and the number
            of the object that it writes about.
    """

    bins: np.ndarray
    labels: tuple[str, ...]
    label_ids: tuple[tuple[int, ...], ...]
    owner: np.ndarray
    reach: np.ndarray
    characters: np.ndarray
    writes: np.ndarray


def is_text(target: Target) -> bool:
    """Whether an object is a word or a line, and not a thing that says something, such as a button."""
    level = target.attributes.get("level")
    if level is not None:
        return level in ("word", "line")
    return target.text is not None and (
        target.label == target.text or target.attributes.get("role") == "text"
    )


def name_of(target: Target) -> str:
    """What an object is called by who asks for it: what a text says, else its own name, else its kind."""
    if is_text(target):
        return target.text or target.label
    return str(target.attributes.get("name") or target.label)


def cell_objects(
    bins: np.ndarray,
    grid_hw: tuple[int, int],
    merge_size: int,
    max_bin: int,
    numbers: Sequence[int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Owner and reach of every visual token of an image, on one level; see `DenseTruth`.

    A cell belongs to the last (topmost) object whose box holds the cell's centre; an object that holds no
    centre takes the cell of its own centre.

    Args:
        bins: [objects, 4].
        grid_hw: rows and columns of patches.
        merge_size: patches per side of a visual token.
        numbers: of the objects of the level; None for all.
    """
    rows, columns = grid_hw[0] // merge_size, grid_hw[1] // merge_size
    owner = np.full((rows, columns), NOTHING, np.int64)
    boxes = bins / max_bin * np.asarray([columns, rows, columns, rows], np.float64)  # in cells
    for number in range(len(boxes)) if numbers is None else numbers:
        x0, y0, x1, y1 = boxes[number].tolist()
        # Cell i has its centre at i + 0.5; the box holds the centres from first up to and without stop.
        first_x, stop_x = _held(x0, x1, columns)
        first_y, stop_y = _held(y0, y1, rows)
        if first_x < stop_x and first_y < stop_y:
            owner[first_y:stop_y, first_x:stop_x] = number
        else:
            owner[min(int((y0 + y1) / 2), rows - 1), min(int((x0 + x1) / 2), columns - 1)] = number
    owners = owner.ravel()
    reach = np.zeros((len(owners), 4), np.float32)
    at = np.flatnonzero(owners >= 0)
    centre = np.stack((at % columns, at // columns), axis=1) + 0.5
    own = boxes.reshape(-1, 4)[owners[at]]
    reach[at] = np.concatenate((centre - own[:, :2], own[:, 2:] - centre), axis=1)
    return owners, reach


def _held(low: float, high: float, count: int) -> tuple[int, int]:
    first = max(0, int(np.ceil(low - 0.5)))
    return first, min(count, int(np.floor(high - 0.5)) + 1)


def written_objects(streams: Streams, bins: np.ndarray, vocab: Vocab) -> np.ndarray:
    """Which positions write about which object, see `DenseTruth.writes`.

    Both streams count: the slots of a block up to the last coordinate, and in the next-token stream the
    frame's opening up to the last but one coordinate. A box is about the object with the same bins, a point
    about the first one with this centre, give or take two bins, else about the smallest one that holds it.
    """
    by_bins = {tuple(box): number for number, box in reversed(list(enumerate(bins.tolist())))}
    centres = (bins[:, :2] + bins[:, 2:]) / 2
    found: list[tuple[int, int]] = []
    targets = streams.targets
    for start in np.flatnonzero(targets == vocab.box).tolist():
        tokens = _inside(targets[start + 1 : start + 1 + _MOST_TOKENS].tolist(), vocab)
        written = read_place(vocab, tokens) or ()
        number = by_bins.get(written)
        if len(written) == 2 and len(bins):
            number = _pointed_at(np.asarray(written), bins, centres)
        if number is not None:
            # A block's slot s predicts its own target; the text position before <box> predicts <box>.
            first = start if streams.block[start] >= 0 else start + 1
            found += [(position, number) for position in range(first, start + len(tokens) + 1)]
    return np.asarray(found, np.int64).reshape(-1, 2)


def _pointed_at(point: np.ndarray, bins: np.ndarray, centres: np.ndarray) -> int | None:
    near = np.flatnonzero(np.abs(centres - point).max(axis=1) <= 2)
    if len(near):
        return int(near[0])
    holding = np.flatnonzero(((bins[:, :2] <= point) & (point <= bins[:, 2:])).all(axis=1))
    sides = (bins[holding, 2:] - bins[holding, :2]).prod(axis=1)
    return int(holding[sides.argmin()]) if len(holding) else None


def _inside(tokens: Sequence[int], vocab: Vocab) -> list[int]:
    """What stands before the end of a frame."""
    return list(takewhile(lambda token: token not in (vocab.box_end, vocab.null, IGNORE), tokens))
