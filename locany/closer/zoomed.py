"""A second look: a crop around what was found, shown larger, asked again.

A finding keeps its place unless the second look confirms it: in the crop, with the same label, a box with an
IoU of at least `SAME_THING` with the first one that the crop's edge does not cut; or a point that is nearer
than `POINT_REACH`. Then place and score (of text, the transcription, too) are those of the second look. What
the second look finds besides is not used: it may be the neighbour that another crop shows whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from locany.closer.join import EDGE_REACH
from locany.closer.looks import Look, Looks, merged, one_each
from locany.geometry import iou_matrix, match
from locany.image.config import PreprocessConfig
from locany.image.tile import Window, cut_sides, unshrunk_side, window_size
from locany.results import Detections
from locany.tasks import Task, TaskKind

MARGIN = 1.0  # of the finding's longer side, around it
MIN_CROP = 84  # pixels: a crop is at least so wide and high, for there must be something to see around it
MAX_SIDE = 448  # pixels: no crop is shown larger
MAX_SCALE = 4.0  # more only makes pixels larger
MAX_ALONE = 8  # findings that get a crop each; of more, those near each other share crops
SAME_THING = 0.3  # least IoU of the second look with the first
POINT_REACH = 0.1  # of the crop's longer side
_MOST_OF_IT = 0.8  # of both sides of the image: a larger crop is no closer look


@dataclass(frozen=True)
class _Crop:
    window: Window
    members: tuple[int, ...]  # findings inside


def look_again(found: Detections, task: Task, cutting: PreprocessConfig, *, one_by_one: bool) -> Looks:
    """Plan the second look at an answer.

    Args:
        found: the first answer.
        task: the question. Of categories, a crop is only asked for those found in it.
        cutting: how the checkpoint cuts images.
        one_by_one: ask for each category alone.
    """
    crops = crops_around(found, min(unshrunk_side(cutting), MAX_SIDE))
    asked = [
        (crop, asked_task)
        for crop in crops
        for asked_task in _tasks(task, [found.labels[i] for i in crop.members], one_by_one)
    ]
    if not asked:
        return found
    shown = min(unshrunk_side(cutting), MAX_SIDE)
    answers = yield [Look(crop.window, again, _scale(crop.window, shown)) for crop, again in asked]
    xyxy, scores = found.xyxy.copy(), found.scores.copy()
    labels, provenance = list(found.labels), list(found.provenance)
    for (crop, again), answer in zip(asked, answers, strict=True):
        for i, j in _confirmed(found, crop, again, answer):
            xyxy[i], scores[i], provenance[i] = answer.xyxy[j], answer.scores[j], answer.provenance[j]
            if task.kind is TaskKind.TEXT:
                labels[i] = answer.labels[j]
    # A second look adds nothing, so nothing is missing where one was cut.
    facts = merged([found, *(replace(answer, truncated=False) for answer in answers)], task)
    return replace(
        found,
        xyxy=xyxy,
        scores=scores,
        labels=labels,
        provenance=provenance,
        truncated=facts.truncated,
        dropped=facts.dropped,
        answer=facts.answer,
        stats=facts.stats,
    )


def crops_around(found: Detections, side: int) -> list[_Crop]:
    """Where to look again. Findings that share a crop fit into a square of `side` with their margins."""
    windows = [_around(found, i, side) for i in range(len(found))]
    width, height = found.size_wh
    closer = [
        i
        for i, window in enumerate(windows)
        if min(window_size(window)[0] / width, window_size(window)[1] / height) < _MOST_OF_IT
    ]
    if len(closer) <= MAX_ALONE:
        return [_Crop(windows[i], (i,)) for i in closer]
    crops: list[_Crop] = []
    for i in sorted(closer, key=lambda i: (windows[i][1] // side, windows[i][0], i)):
        for k, crop in enumerate(crops):
            union = _union(crop.window, windows[i])
            if max(window_size(union)) <= side:
                crops[k] = _Crop(union, (*crop.members, i))
                break
        else:
            crops.append(_Crop(windows[i], (i,)))
    return crops


def _around(found: Detections, index: int, side: int) -> Window:
    """A square around a finding with its margin, moved into the image and cut to it."""
    box = found.xyxy[index].astype(np.float64)
    centre = (box[:2] + box[2:]) / 2
    longer = float((box[2:] - box[:2]).max())
    wanted = side / 2 if found.is_point[index] else max(longer * (1 + 2 * MARGIN), MIN_CROP)
    ends = []
    for middle, length in zip(centre, found.size_wh, strict=True):
        extent = min(int(np.ceil(wanted)), length)
        start = int(np.clip(round(middle - extent / 2), 0, length - extent))
        ends.append((start, start + extent))
    (x0, x1), (y0, y1) = ends
    return (x0, y0, x1, y1)


def _union(a: Window, b: Window) -> Window:
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))


def _scale(window: Window, shown: int) -> float:
    return float(np.clip(shown / max(window_size(window)), 1.0, MAX_SCALE))


def _tasks(task: Task, labels: Sequence[str], one_by_one: bool) -> list[Task]:
    """What to ask in a crop that shows findings with these labels; nothing where none was asked for."""
    if not task.takes_categories:
        return [task]
    there = tuple(name for name in task.categories if name in labels)
    if not there:
        return []
    again = replace(task, categories=there)
    return one_each(again) if one_by_one else [again]


def _confirmed(found: Detections, crop: _Crop, task: Task, answer: Detections) -> list[tuple[int, int]]:
    """(finding, item of the second look) for what the second look confirms."""
    pairs: list[tuple[int, int]] = []
    is_cut = np.asarray(cut_sides(answer.xyxy, crop.window, found.size_wh, EDGE_REACH).any(axis=1))
    for is_point in (False, True):
        rows = [i for i in crop.members if found.is_point[i] == is_point]
        cols = [j for j in range(len(answer)) if answer.is_point[j] == is_point]
        if not rows or not cols:
            continue
        if is_point:
            distance = np.linalg.norm(found.points[rows][:, None] - answer.points[cols][None], axis=-1)
            similarity, threshold = -distance, -POINT_REACH * max(window_size(crop.window))
        else:
            similarity, threshold = iou_matrix(found.xyxy[rows], answer.xyxy[cols]), SAME_THING
            similarity[:, is_cut[cols]] = np.nan
        if task.kind is not TaskKind.TEXT:
            same = [[found.labels[i] == answer.labels[j] for j in cols] for i in rows]
            similarity = np.where(same, similarity, np.nan)
        pairs += [(rows[i], cols[j]) for i, j in match(similarity, threshold)]
    return pairs
