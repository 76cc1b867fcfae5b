"""Images that come twice, exactly or nearly: fingerprints made by a step, compared over the whole build.

Workers make fingerprints; which item is a duplicate is decided afterwards, in the order of the recipe, so the
first one stays whatever the number of workers. Nearly the same means a picture saved again, or at another
size: perceptual hashes find candidates, and small grey thumbnails decide, since two pages of one layout, or
two small things on plain ground, have nearly equal hashes. Memory: about a kilobyte for each sample kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from PIL import Image

from locany.data.record import sample_to_json
from locany.data.sample import Sample
from locany.errors import DataError
from locany.pipeline.steps import Item, Step

_SIDE = 16  # of the perceptual hash, which has _SIDE * _SIDE bits
_STEP = 2  # grey levels of 255 that count as a difference: compression moves flat ground by less
_SAME = 4  # grey levels by which a cell of the thumbnail may differ


@dataclass(frozen=True)
class Deduplicate(Step):
    """Keep the first of all items with the same image, over the whole build.

    Attributes:
        max_distance: bits of 256 in which perceptual hashes (difference hash of 16 x 16) may differ between
            images that count as the same; 0 to 15, or None to compare pixels exactly.
        by: "image": one sample per image; "sample": the questions have to be equal, too, for data sets that
            ask about an image in several records.
    """

    max_distance: int | None = 4
    by: Literal["image", "sample"] = "image"

    def __post_init__(self) -> None:
        if self.max_distance is not None and not 0 <= self.max_distance <= 15:
            raise DataError(f"Deduplicate.max_distance is 0 to 15, or None, got {self.max_distance}")
        if self.by not in ("image", "sample"):
            raise DataError(f'Deduplicate.by is "image" or "sample", got {self.by!r}')

    def apply(self, item: Item) -> Item:
        return replace(item, fingerprint=self.fingerprint(item.sample))

    def fingerprint(self, sample: Sample) -> str:
        """What is compared, in hex digits: the questions (or nothing), the pixels, hash and thumbnail."""
        pixels = np.ascontiguousarray(sample.pixels())
        exact = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
        asked = ""
        if self.by == "sample":
            questions = sample_to_json(sample)["questions"]
            asked = hashlib.sha256(json.dumps(questions, sort_keys=True).encode()).hexdigest()[:32]
        return f"{asked}:{exact}:{difference_hash(pixels):064x}:{_thumbnail(pixels, _SIDE).tobytes().hex()}"

    def find(self, fingerprints: Sequence[str]) -> dict[int, int]:
        """For the index of each duplicate, the index of the item that stays in its place."""
        exactly: dict[str, int] = {}
        nearly = _Neighbours(self.max_distance) if self.max_distance is not None else None
        found: dict[int, int] = {}
        for index, fingerprint in enumerate(fingerprints):
            asked, exact, perceptual, thumbnail = fingerprint.split(":")
            look = (asked, int(perceptual, 16), bytes.fromhex(thumbnail))
            same = exactly.get(asked + exact)
            if same is None and nearly is not None:
                same = nearly.find(*look)
            if same is not None:
                found[index] = same
                continue
            exactly[asked + exact] = index
            if nearly is not None:
                nearly.add(index, *look)
        return found


class _Neighbours:
    """Images by their hash, so that those within a small distance are found without comparing with all."""

    def __init__(self, max_distance: int):
        self._max_distance = max_distance
        self._by_band: dict[tuple[str, int, int], list[int]] = {}
        self._looks: dict[int, tuple[int, bytes]] = {}

    def add(self, index: int, asked: str, bits: int, thumbnail: bytes) -> None:
        self._looks[index] = (bits, thumbnail)
        for key in self._keys(asked, bits):
            self._by_band.setdefault(key, []).append(index)

    def find(self, asked: str, bits: int, thumbnail: bytes) -> int | None:
        """The first image that looks the same."""
        candidates = {other for key in self._keys(asked, bits) for other in self._by_band.get(key, ())}
        for index in sorted(candidates):
            other_bits, other = self._looks[index]
            if (other_bits ^ bits).bit_count() <= self._max_distance and _far(other, thumbnail) <= _SAME:
                return index
        return None

    def _keys(self, asked: str, bits: int) -> list[tuple[str, int, int]]:
        """Bands of bits, one more than `max_distance`: hashes as close as that agree in one of them."""
        count = self._max_distance + 1
        edges = [_SIDE * _SIDE * i // count for i in range(count + 1)]
        spans = pairwise(edges)
        return [(asked, low, (bits >> low) & ((1 << (high - low)) - 1)) for low, high in spans]


def difference_hash(pixels: np.ndarray) -> int:
    """256 bits: where the image, shrunk to 17 x 16 grey pixels, gets brighter from left to right.

    Args:
        pixels: [height, width, 3] uint8 RGB.
    """
    small = _thumbnail(pixels, _SIDE + 1).astype(np.int16)
    brighter = (small[:, 1:] - small[:, :-1]) > _STEP
    return int.from_bytes(np.packbits(brighter).tobytes(), "big")


def _thumbnail(pixels: np.ndarray, columns: int) -> np.ndarray:
    """[16, columns] uint8 grey: the means of the cells of a grid."""
    grey = Image.fromarray(pixels).convert("L").resize((columns, _SIDE), Image.Resampling.BOX)
    return np.asarray(grey)


def _far(a: bytes, b: bytes) -> int:
    """The largest difference of two thumbnails in grey levels."""
    first, second = np.frombuffer(a, np.uint8), np.frombuffer(b, np.uint8)
    return int(np.abs(first.astype(np.int16) - second).max())
