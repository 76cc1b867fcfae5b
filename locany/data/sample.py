"""One record of supervision: an image, a question about it, and the exact answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from locany.tasks import Task


@dataclass(frozen=True)
class Target:
    """One thing to be found.

    Attributes:
        label: the category or phrase it answers, or the transcription for scene text.
        xyxy: box in pixels of the sample's image (x0, y0, x1, y1), or None when only the point is known.
        point: (x, y) in pixels, or None; point tasks fall back to the centre of the box.
    """

    label: str
    xyxy: tuple[float, float, float, float] | None = None
    point: tuple[float, float] | None = None


@dataclass(frozen=True)
class Question:
    """One task with its targets. A category or phrase without a target is a negative."""

    task: Task
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True)
class Sample:
    """An image with one or more independent questions about it.

    Attributes:
        image: [height, width, 3] uint8 RGB.
        questions: each is asked alone; none sees the others.
        objects: everything drawn that has an exact box, asked for or not; the dense truth for
            auxiliary losses and evaluation.
        provenance: how the sample was made (renderer, seed, version), enough to make it again.
    """

    image: np.ndarray
    questions: tuple[Question, ...]
    objects: tuple[Target, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
