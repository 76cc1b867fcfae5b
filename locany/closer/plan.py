"""From a question and its options to looks, and back to one answer."""

from __future__ import annotations

import dataclasses
from collections import deque

import numpy as np

from locany.closer.config import CloserConfig
from locany.closer.join import join
from locany.closer.looks import Look, Looks, merged, one_each
from locany.closer.zoomed import look_again
from locany.image.config import PreprocessConfig
from locany.image.patchify import can_be_seen
from locany.image.tile import Window, auto_grid, tile_windows, whole
from locany.results import Detections
from locany.tasks import Task, TaskKind

_SINGLE = frozenset({TaskKind.REFER, TaskKind.GUI, TaskKind.GUI_POINT})  # questions about one thing


class Search:
    """One question on its way: what is still to be looked at, and at last its answer.

    Attributes:
        waiting: (number of the look, look) that nobody has taken yet; the next round begins when all looks
            of this one are answered.
        answer: None until everything is answered.
    """

    def __init__(
        self,
        task: Task,
        size_wh: tuple[int, int],
        config: CloserConfig,
        cutting: PreprocessConfig,
        max_boxes: int = 0,
    ):
        """Plan a question.

        Args:
            task: the question.
            size_wh: (width, height) of the image, pixels.
            config: how closely to look.
            cutting: how the checkpoint cuts images: what it sees without shrinking.
            max_boxes: most boxes and points of the answer; 0 for no limit.

        Raises:
            RequestError: the options do not fit the task or the image.
        """
        config.check(task)
        self._looks = _plan(task, size_wh, config, cutting, max_boxes)
        self.answer: Detections | None = None
        self.waiting: deque[tuple[int, Look]] = deque()
        self._begin(next(self._looks))

    def _begin(self, looks: list[Look]) -> None:
        assert looks, "a round has at least one look"
        self.waiting.extend(enumerate(looks))
        self._found: list[Detections | None] = [None] * len(looks)

    def tell(self, number: int, found: Detections) -> None:
        """What look `number` of this round found, in pixels of the image."""
        assert self._found[number] is None, "a look is answered once"
        self._found[number] = found
        parts = [part for part in self._found if part is not None]
        if len(parts) < len(self._found):
            return
        try:
            self._begin(self._looks.send(parts))
        except StopIteration as stop:
            self.answer = stop.value


def _plan(
    task: Task, size_wh: tuple[int, int], config: CloserConfig, cutting: PreprocessConfig, max_boxes: int
) -> Looks:
    windows = _windows(size_wh, config, cutting)
    tasks = one_each(task) if config.parallel_categories else [task]
    parts = yield [Look(window, part) for window in windows for part in tasks]
    if len(parts) == 1:
        found = parts[0]
    else:
        by_task = [join(parts[k :: len(tasks)], windows, one) for k, one in enumerate(tasks)]
        found = merged(by_task, task)
    if task.kind in _SINGLE and len(windows) > 1:
        found = found.top(1)
    if config.zoom:
        found = yield from look_again(found, task, cutting, one_by_one=config.parallel_categories)
    return _limited(found, max_boxes)


def _windows(size_wh: tuple[int, int], config: CloserConfig, cutting: PreprocessConfig) -> list[Window]:
    if config.tiles is None:
        return [whole(size_wh)]
    grid = auto_grid(size_wh, config.overlap, cutting) if isinstance(config.tiles, str) else config.tiles
    windows = tile_windows(size_wh, grid, config.overlap, multiple=cutting.cell_size)
    # An image of many screens may be too long to be looked at in one piece.
    also_whole = config.whole_image and len(windows) > 1 and can_be_seen(size_wh, cutting)
    return [*windows, whole(size_wh)] if also_whole else windows


def _limited(found: Detections, max_boxes: int) -> Detections:
    """The best `max_boxes` in their order: several looks may each have found so many.

    Of a category that loses all, the answer says nothing.
    """
    if not max_boxes or len(found) <= max_boxes:
        return found
    best = np.sort(np.argsort(-found.scores, kind="stable")[:max_boxes])
    kept = found[best]
    asked = found.task.categories if found.task else ()
    unanswered = (*found.unanswered, *(set(found.labels) - set(kept.labels)))
    in_order = tuple(name for name in asked if name in unanswered)
    stats = {**found.stats, "finish": "max_boxes"}
    return dataclasses.replace(kept, truncated=True, unanswered=in_order, stats=stats)
