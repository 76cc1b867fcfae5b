"""A look: one request about one part of an image; and several answers about one image as one."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from locany.image.tile import Window
from locany.results import Detections
from locany.tasks import Task


@dataclass(frozen=True)
class Look:
    """One request about a part of an image.

    Attributes:
        window: the part, whole pixels of the image.
        task: what is asked about it.
        scale: how many times larger than it is the part is shown.
    """

    window: Window
    task: Task
    scale: float = 1.0


# Yields looks, is sent what each found (in pixels of the image, in their order), returns the answer.
Looks: TypeAlias = Generator[list[Look], list[Detections], Detections]


def one_each(task: Task) -> list[Task]:
    """A question about several categories as one question for each."""
    return [dataclasses.replace(task, categories=(name,)) for name in task.categories]


def merged(parts: Sequence[Detections], task: Task, **changes: Any) -> Detections:
    """Several answers about one image as the answer to `task`; `changes` replace fields.

    `stats` count all of them (`num_requests` says how many); `finish` is how the first ended that did not
    end by itself.
    """
    joined = Detections.merge(parts)
    finishes = [part.stats.get("finish", "") for part in parts]
    stats = {
        **joined.stats,
        "finish": next((finish for finish in finishes if finish != "end"), "end"),
        "num_requests": sum(part.stats.get("num_requests", 1) for part in parts),
    }
    return dataclasses.replace(joined, **{"task": task, "stats": stats, **changes})
