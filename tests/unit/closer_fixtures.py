"""A locator that sees everything: exact answers to any look at a picture whose content is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from locany.closer import CloserConfig, Look, Search
from locany.geometry import to_bins
from locany.image import PreprocessConfig
from locany.image.tile import from_window_bins, window_size
from locany.results import Detections, Provenance
from locany.tasks import Task

MINI = PreprocessConfig(in_token_limit=256)


@dataclass
class Oracle:
    """Answers looks with what a window shows of the things that are there, to the nearest bin.

    Attributes:
        size_wh: of the picture.
        things: (label, box in pixels), in the order in which answers name them.
        least: pixels: what shows less, in width or height, is not seen.
        looks: what was asked.
    """

    size_wh: tuple[int, int]
    things: Sequence[tuple[str, tuple[float, float, float, float]]]
    least: float = 0.0
    looks: list[Look] = field(default_factory=list)

    def see(self, look: Look) -> Detections:
        """The exact answer to one look."""
        self.looks.append(look)
        asked = look.task.categories or ((look.task.phrase,) if look.task.phrase else None)
        x0, y0, x1, y1 = look.window
        found: list[tuple[str, np.ndarray, float]] = []
        for number, (label, box) in enumerate(self.things):
            seen = np.clip(np.asarray(box, np.float64), [x0, y0, x0, y0], [x1, y1, x1, y1])
            if (asked is None or label in asked) and (seen[2:] - seen[:2] > self.least).all():
                bins = to_bins(seen - [x0, y0, x0, y0], window_size(look.window))
                if look.task.expects_points:
                    bins = np.tile((bins[:2] + bins[2:]) // 2, 2)
                found.append((label, from_window_bins(bins, look.window), 0.9 - number / 1000))
        names = [label for label, _, _ in found]
        return Detections(
            xyxy=np.array([place for _, place, _ in found]).reshape(-1, 4),
            labels=names,
            scores=np.array([score for _, _, score in found]),
            provenance=[Provenance.PARALLEL] * len(found),
            size_wh=self.size_wh,
            is_point=np.full(len(found), look.task.expects_points),
            absent=tuple(name for name in asked or () if name not in names),
            stats={"finish": "end", "num_requests": 1, "num_tokens": 5, "seconds": 0.1},
            task=look.task,
        )

    def answer(self, task: Task, max_boxes: int = 0, **options: object) -> Detections:
        """The answer to a question, however closely one looks."""
        config = CloserConfig(**options)  # type: ignore[arg-type]
        search = Search(task, self.size_wh, config, MINI, max_boxes)
        while search.answer is None:
            # The last look first: the order of answers must not matter.
            number, look = search.waiting.pop()
            search.tell(number, self.see(look))
        assert not search.waiting
        return search.answer
