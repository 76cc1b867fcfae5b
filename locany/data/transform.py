"""Samples for their image in another frame: scaled, shifted, mirrored, with everything that has a place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from locany.data.sample import Question, Sample, Target

Axis = tuple[float, float]  # factor and shift: a coordinate v becomes factor * v + shift


def scale_sample(sample: Sample, size_wh: tuple[int, int]) -> Sample:
    """The same sample for its image at another size; the image itself is left as it is."""
    width, height = sample.size_wh
    return transform_sample(sample, (size_wh[0] / width, 0.0), (size_wh[1] / height, 0.0))


def transform_sample(sample: Sample, across: Axis, down: Axis) -> Sample:
    """The same sample with other coordinates; the image itself is left as it is.

    Args:
        sample: coordinates in pixels, x to the right and y down.
        across, down: for x and for y. A negative factor mirrors; boxes keep x0 <= x1.
    """

    def moved(target: Target) -> Target:
        box, point = target.xyxy, target.point
        if box is not None:
            x0, y0, x1, y1 = (*_moved(box[:2], across, down), *_moved(box[2:], across, down))
            if across[0] < 0:
                x0, x1 = x1, x0
            if down[0] < 0:
                y0, y1 = y1, y0
            box = (x0, y0, x1, y1)
        return replace(
            target,
            xyxy=box,
            point=None if point is None else _moved(point, across, down),
            polygon=tuple(_moved(corner, across, down) for corner in target.polygon),
            attributes=_moved_outlines(target.attributes, across, down),
        )

    return replace(
        sample,
        questions=tuple(Question(q.task, tuple(moved(t) for t in q.targets)) for q in sample.questions),
        objects=tuple(moved(target) for target in sample.objects),
    )


def can_follow(target: Target) -> bool:
    """Whether all that a target says of places is known here: other lists of numbers may be places, too."""
    known = ("parts", "segmentation")
    return not any(_has_numbers(v) for name, v in target.attributes.items() if name not in known)


def _has_numbers(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    return isinstance(value, list | tuple) and any(
        _has_numbers(item) or (isinstance(item, int | float) and not isinstance(item, bool)) for item in value
    )


def _moved(xy: tuple[float, ...], across: Axis, down: Axis) -> tuple[float, float]:
    return xy[0] * across[0] + across[1], xy[1] * down[0] + down[1]


def _moved_outlines(attributes: Mapping[str, Any], across: Axis, down: Axis) -> dict[str, Any]:
    """Attributes with the outlines that readers keep there: `parts` of LabelMe, `segmentation` of COCO.

    Run lengths count pixels of the image as it was, so they are left out.
    """
    moved = dict(attributes)
    if isinstance(moved.get("parts"), list):
        moved["parts"] = [[list(_moved((x, y), across, down)) for x, y in part] for part in moved["parts"]]
    segmentation = moved.pop("segmentation", None)
    if isinstance(segmentation, list):
        axes = (across, down)
        moved["segmentation"] = [
            [value * axes[place % 2][0] + axes[place % 2][1] for place, value in enumerate(part)]
            for part in segmentation
        ]
    if isinstance(moved.get("area"), int | float):
        moved["area"] *= abs(across[0] * down[0])
    return moved
