"""One record of supervision: an image, questions about it, and their exact answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from locany.errors import DataError
from locany.image import load_image
from locany.tasks import Task


@dataclass(frozen=True)
class ImageRef:
    """An image that is not decoded yet.

    Attributes:
        source: a file, or the encoded bytes.
        size_wh: (width, height) in pixels of the upright image; what coordinates are relative to.
    """

    source: Path | bytes = field(repr=False)
    size_wh: tuple[int, int]

    def load(self) -> np.ndarray:
        """[height, width, 3] uint8 RGB, read-only.

        Raises:
            ImageError: the image cannot be read.
            DataError: it has another size than its coordinates are relative to.
        """
        image = load_image(self.source)
        if image.size_wh != self.size_wh:
            raise DataError(
                f"the image {image.name} is {image.size_wh[0]} x {image.size_wh[1]}, but its record says "
                f"{self.size_wh[0]} x {self.size_wh[1]}; correct the record, its boxes would be misplaced"
            )
        return image.pixels


@dataclass(frozen=True)
class Target:
    """One thing to be found.

    Attributes:
        label: the category or phrase it answers, or the transcription for scene text.
        xyxy: box in pixels of the sample's image (x0, y0, x1, y1), or None when only the point is known.
        point: (x, y) in pixels, or None; point tasks fall back to the centre of the box.
        polygon: corners (x, y) of the outline in pixels, in order around it; empty if not known.
        text: what is written there, or None; for scene text the same as the label.
        attributes: what else is known, such as role, color or template; values that JSON can hold.
    """

    label: str
    xyxy: tuple[float, float, float, float] | None = None
    point: tuple[float, float] | None = None
    polygon: tuple[tuple[float, float], ...] = ()
    text: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Question:
    """One task with its targets. A category or phrase without a target is a negative."""

    task: Task
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True)
class Sample:
    """An image with independent questions about it.

    Attributes:
        image: [height, width, 3] uint8 RGB, or a reference to it.
        questions: each is asked alone; none sees the others.
        objects: everything in the image that has an exact box, asked for or not; the dense truth for
            auxiliary losses and evaluation.
        provenance: how the sample was made (renderer, seed, version; or file and line), enough to make or
            find it again; values that JSON can hold.
    """

    image: np.ndarray | ImageRef
    questions: tuple[Question, ...]
    objects: tuple[Target, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        if isinstance(self.image, ImageRef):
            return self.image.size_wh
        height, width = self.image.shape[:2]
        return width, height

    def pixels(self) -> np.ndarray:
        """[height, width, 3] uint8 RGB; decoded at every call if the image is a reference."""
        return self.image.load() if isinstance(self.image, ImageRef) else self.image


def place_of(provenance: Mapping[str, Any]) -> str:
    """Where a sample is from, for messages: file and line or record, or engine and seed."""
    if "renderer" in provenance:
        return f"{provenance['renderer']} {provenance.get('seed', '')}".strip()
    file = str(provenance.get("file", "a sample"))
    if "line" in provenance:
        return f"{file}:{provenance['line']}"
    known = (
        (name, provenance[name]) for name in ("image_id", "image", "key", "records") if name in provenance
    )
    name, value = next(known, ("", ""))
    return f"{file}, {name} {value}" if name else file
