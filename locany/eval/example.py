"""The nouns of a benchmark: an example with its queries and its truth, and what a model predicted for it.

An example is the unit of the published metrics: one image with names, asked in one or several queries whose
answers are put together before they are scored. Coordinates are pixels of the upright image, conventions as
in `geometry`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from locany.tasks import Task

Box = tuple[float, float, float, float]
Place = tuple[float, ...]  # 4 numbers are a box, 2 a point, 6 and more a polygon; anything else is malformed


@dataclass(frozen=True)
class Query:
    """One question that is put to a model for an example.

    Attributes:
        task: the question.
        name: what its answers are filed under; empty for the label that each answer gives.
    """

    task: Task
    name: str = ""


@dataclass(frozen=True)
class Truth:
    """What is in the image, by name. A name without a place is one that is known to be absent.

    Attributes:
        boxes: by category, expression or transcription.
        masks: regions in place of boxes, as COCO run lengths {"counts": str, "size": [height, width]}.
        polygons: outlines in place of boxes, flat (x, y, x, y, ...).
        crowd: boxes of groups that were not taken apart; what lies in one counts neither for nor against.
        partial: names of which there may be more than was annotated (LVIS).
    """

    boxes: Mapping[str, tuple[Box, ...]] = field(default_factory=dict)
    masks: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    polygons: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)
    crowd: Mapping[str, tuple[Box, ...]] = field(default_factory=dict)
    partial: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Example:
    """One image of a benchmark with what is asked of it.

    Attributes:
        id: unique within the benchmark and the same each time it is read.
        image: file, encoded bytes, or [height, width, 3] uint8 RGB.
        image_name: for people, and what predictions of other models are found by.
        queries: at least one.
        truth: what should come back.
        groups: what results are also reported by, such as {"source": "Dev", "type": "text"}.
    """

    id: str
    image: Path | bytes | np.ndarray = field(repr=False)
    image_name: str
    queries: tuple[Query, ...]
    truth: Truth
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Prediction:
    """What a model said of one example, the answers of all its queries put together.

    Attributes:
        id: of the example.
        found: places by name, in the order in which they were given.
        scores: 0..1 beside `found`; empty where the model gives none.
        absent: names of which the model said that there are none.
        size_wh: (width, height) of the image in pixels; None where it is not known.
        seconds: from the question to the answer, shared evenly where several were answered side by side.
        seconds_loading: how many of them went into reading and resizing the image.
        num_tokens, num_steps: of all answers; a step is one forward of the decoder.
        num_truncated: answers that a limit cut.
        num_malformed: boxes that were written and could not be read.
        error: why there is no answer; empty where there is one. A failed example counts as nothing found.
        answer: the model's text, special tokens included.
    """

    id: str
    found: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    size_wh: tuple[int, int] | None = None
    seconds: float = 0.0
    seconds_loading: float = 0.0
    num_tokens: int = 0
    num_steps: int = 0
    num_truncated: int = 0
    num_malformed: int = 0
    error: str = ""
    answer: str = ""
