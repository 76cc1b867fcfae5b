"""Augmentation: an image cropped, mirrored, scaled and recoloured by chance, its truth along with it.

Nothing is done to a sample that would make what it says untrue (`data/spoken.py`), or whose places could not
follow (`transform.can_follow`). Coordinates are pixels of the sample's image, x to the right and y down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageEnhance

from locany.data.converters.detection import INCOMPLETE
from locany.data.encode import OUTSIDE_SLACK
from locany.data.sample import Question, Sample, Target
from locany.data.spoken import can_be_cropped, can_be_mirrored, names_a_colour
from locany.data.transform import can_follow, scale_sample, transform_sample
from locany.errors import DataError
from locany.geometry import box_area, clip_boxes
from locany.tasks import TaskKind

_STREAM = 0xA06
_LEAST_VISIBLE = 0.75  # of a box that is cut: with less the box of the rest would be a guess
_LEAST_CROP = (0.5, 32)  # of a side: a share of it, and pixels
_TRIES = 4
_LEAST_BOX, _LONGEST_SIDE = 8.0, 4096  # pixels: nothing is shrunk below, or enlarged beyond
_MILD = 0.1  # change of brightness that leaves every colour its name
_MOST_SCALE, _MOST_COLOUR = 4.0, 0.5
# They ask for the one thing that a phrase singles out: without it, something else might be meant.
_OF_ONE_THING = frozenset({TaskKind.REFER, TaskKind.GUI, TaskKind.GUI_POINT})


@dataclass(frozen=True)
class AugmentConfig:
    """What may happen to the images of a data set, anew each time; by default nothing.

    Attributes:
        flip: share of samples that are mirrored, left to right.
        crop: share of samples that are cropped, to half of each side or more. Every object is then wholly in
            view or out of it; but a plain box of a category may be cut as long as 3/4 of it is left.
        scale: least and greatest factor of the image's size. No box gets narrower than 8 pixels.
        colour: brightness, contrast and saturation change by at most this share, either way; up to 0.5.
    """

    flip: float = 0.0
    crop: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    colour: float = 0.0

    def __post_init__(self) -> None:
        for name in ("flip", "crop"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(
                    f"AugmentConfig.{name} is a share of the samples from 0 to 1, got {getattr(self, name)}"
                )
        is_pair = isinstance(self.scale, tuple | list) and len(self.scale) == 2
        if not is_pair or not 0 < self.scale[0] <= self.scale[1] <= _MOST_SCALE:
            raise DataError(
                "AugmentConfig.scale is two factors, the least and the greatest, above 0 and up to "
                f"{_MOST_SCALE:g}, got {self.scale}"
            )
        if not 0 <= self.colour <= _MOST_COLOUR:
            raise DataError(f"AugmentConfig.colour is a share from 0 to {_MOST_COLOUR:g}, got {self.colour}")


def augment_rng(seed: int, index: int, time: int) -> np.random.Generator:
    """The chance of one sample's image the `time`-th time; another one than that of its questions."""
    return np.random.default_rng((_STREAM, seed, index, time))


def augment(sample: Sample, config: AugmentConfig, rng: np.random.Generator) -> Sample:
    """The sample with another image and the truth of that; the same object where nothing is changed.

    Args:
        sample: as it is read.
        config: what may happen.
        rng: see `augment_rng`.

    Raises:
        ImageError, DataError: the image cannot be read, see `ImageRef.load`.
    """
    # Drawn whether they are needed or not: what one setting changes is not the chance of another.
    crop_draw, flip_draw, scale_draw = rng.random(3)
    colour_draws = rng.uniform(-1, 1, 3)
    low, high = config.scale
    factor = low * (high / low) ** scale_draw
    done = sample
    if (crop_draw < config.crop or flip_draw < config.flip or factor != 1) and _can_move(sample):
        if crop_draw < config.crop and can_be_cropped(sample):
            done = _cropped(done, rng)
        if flip_draw < config.flip and can_be_mirrored(sample):
            done = _mirrored(done)
        done = _scaled(done, factor)
    if config.colour:
        done = _recoloured(done, config.colour, colour_draws, mildly=names_a_colour(sample))
    return done


def _can_move(sample: Sample) -> bool:
    """Whether every target has a place that is one, and all that it says of places can follow.

    What is faulty stays as it is: writing its answer tells what is wrong.
    """
    width, height = sample.size_wh
    for target in _all_targets(sample):
        places = _places(target)
        if not places or not can_follow(target) or not np.isfinite(places).all():
            return False
        (x0, y0), (x1, y1) = np.min(places, axis=0), np.max(places, axis=0)
        if min(x0, y0) < -OUTSIDE_SLACK or x1 > width + OUTSIDE_SLACK or y1 > height + OUTSIDE_SLACK:
            return False
        if target.xyxy is not None and (target.xyxy[0] > target.xyxy[2] or target.xyxy[1] > target.xyxy[3]):
            return False
    return True


def _all_targets(sample: Sample) -> list[Target]:
    return [*sample.objects, *(target for question in sample.questions for target in question.targets)]


def _places(target: Target) -> list[tuple[float, ...]]:
    """Every (x, y) of a target; outlines in its attributes lie within its box."""
    corners = () if target.xyxy is None else (target.xyxy[:2], target.xyxy[2:])
    return [*corners, *(() if target.point is None else (target.point,)), *target.polygon]


def _extents(targets: list[Target], size_wh: tuple[int, int]) -> np.ndarray:
    """[targets, 4] float64: the boxes around all places of each target, within the image."""
    found = [(*np.min(_places(t), axis=0), *np.max(_places(t), axis=0)) for t in targets]
    return clip_boxes(np.asarray(found, np.float64).reshape(-1, 4), size_wh)


# -- crop -------------------------------------------------------------------------------------------------


def _cropped(sample: Sample, rng: np.random.Generator) -> Sample:
    """The sample in a window of its image; as it is where no window is found."""
    window = _find_window(sample, rng)
    if window is None:
        return sample
    x0, y0, x1, y1 = window.tolist()

    def visible(targets: tuple[Target, ...]) -> tuple[Target, ...]:
        out = _is_outside(_extents(list(targets), sample.size_wh), window)
        return tuple(target for target, is_out in zip(targets, out, strict=True) if not is_out)

    questions = [Question(q.task, visible(q.targets)) for q in sample.questions]
    left = [
        after
        for before, after in zip(sample.questions, questions, strict=True)
        if after.targets or not before.targets or before.task.kind not in _OF_ONE_THING
    ]
    pixels = np.ascontiguousarray(sample.pixels()[y0:y1, x0:x1])
    seen = replace(sample, image=pixels, questions=tuple(left), objects=visible(sample.objects))
    return _clipped(transform_sample(seen, (1.0, -float(x0)), (1.0, -float(y0))))


def _find_window(sample: Sample, rng: np.random.Generator) -> np.ndarray | None:
    """A window (x0, y0, x1, y1) of whole pixels, smaller than the image, that every target permits.

    Where the sample asks for anything, something of it is inside.
    """
    size = np.asarray(sample.size_wh)
    targets = _all_targets(sample)
    boxes, (may_cut, must) = _extents(targets, sample.size_wh), _demands(sample, targets)
    asked = np.arange(len(targets)) >= len(sample.objects)
    for _ in range(_TRIES):
        share, pixels = _LEAST_CROP
        side = np.maximum((size * rng.uniform(share, 1, 2)).round(), np.minimum(size, pixels))
        corner = (rng.random(2) * (size - side + 1)).astype(np.int64)
        window = _grown(np.concatenate((corner, corner + side)), boxes, may_cut, must)
        shows_some = not asked.any() or not _is_outside(boxes[asked], window).all()
        if shows_some and (window[2:] - window[:2] < size).any():
            return window.astype(np.int64)
    return None


def _demands(sample: Sample, targets: list[Target]) -> tuple[np.ndarray, np.ndarray]:
    """[targets] bool each: what may be cut, and what must stay in view.

    Only plain boxes of categories are cut: of an outline, of what a phrase describes, and of a text the rest
    would be another thing. What must stay: a point, for nobody knows how far its thing reaches; and
    categories of which some instances have no box, or they would count as absent.
    """
    incomplete = set(sample.provenance.get(INCOMPLETE, ()))
    described = {id(t) for q in sample.questions if not q.task.takes_categories for t in q.targets}
    may_cut = [
        id(t) not in described
        and not t.polygon
        and t.point is None
        and t.text is None
        and {"parts", "segmentation", "area"}.isdisjoint(t.attributes)
        for t in targets
    ]
    must = [t.xyxy is None or t.label in incomplete for t in targets]
    return np.asarray(may_cut, bool), np.asarray(must, bool)


def _grown(window: np.ndarray, boxes: np.ndarray, may_cut: np.ndarray, must: np.ndarray) -> np.ndarray:
    """A window of whole pixels around this one that leaves every box in view, out of it, or cut as it may be.

    Args:
        boxes: [targets, 4]; may_cut, must: see `_demands`.
    """
    while True:
        low, high = np.maximum(boxes[:, :2], window[:2]), np.minimum(boxes[:, 2:], window[2:])
        left = box_area(np.concatenate((low, high), axis=1))
        cut = may_cut & (left >= _LEAST_VISIBLE * box_area(boxes))
        right = _is_inside(boxes, window) | (~must & (_is_outside(boxes, window) | cut))
        if right.all():
            return window
        low, high = boxes[~right, :2].min(axis=0), boxes[~right, 2:].max(axis=0)
        window = np.concatenate(
            (np.minimum(window[:2], np.floor(low)), np.maximum(window[2:], np.ceil(high)))
        )


def _is_inside(boxes: np.ndarray, window: np.ndarray) -> np.ndarray:
    within = (boxes[:, :2] >= window[:2]) & (boxes[:, 2:] <= window[2:])
    return np.asarray(within.all(axis=1))


def _is_outside(boxes: np.ndarray, window: np.ndarray) -> np.ndarray:
    """[targets] bool: nothing of the box is in the window; a point or line on its edge is inside."""
    apart = (boxes[:, 2:] <= window[:2]) | (boxes[:, :2] >= window[2:])
    return np.asarray(apart.any(axis=1)) & ~_is_inside(boxes, window)


def _clipped(sample: Sample) -> Sample:
    """Boxes and points cut to the image: what the window cuts, and what stuck out by a pixel."""

    def clipped(target: Target) -> Target:
        box, point = target.xyxy, target.point
        if box is not None:
            x0, y0, x1, y1 = clip_boxes(box, sample.size_wh).tolist()
            box = (x0, y0, x1, y1)
        if point is not None:
            x, y = np.clip(point, 0.0, sample.size_wh).tolist()
            point = (x, y)
        return replace(target, xyxy=box, point=point)

    questions = tuple(Question(q.task, tuple(clipped(t) for t in q.targets)) for q in sample.questions)
    return replace(sample, questions=questions, objects=tuple(clipped(t) for t in sample.objects))


# -- the whole image --------------------------------------------------------------------------------------


def _mirrored(sample: Sample) -> Sample:
    pixels = np.ascontiguousarray(sample.pixels()[:, ::-1])
    return replace(transform_sample(sample, (-1.0, float(pixels.shape[1])), (1.0, 0.0)), image=pixels)


def _scaled(sample: Sample, factor: float) -> Sample:
    """The sample at another size: as near to the factor as its smallest box and its longer side permit."""
    width, height = sample.size_wh
    boxes = [target.xyxy for target in _all_targets(sample) if target.xyxy is not None]
    smallest = min((min(x1 - x0, y1 - y0) for x0, y0, x1, y1 in boxes), default=math.inf)
    if factor < 1:
        factor = max(factor, min(1.0, _LEAST_BOX / smallest if smallest > 0 else 1.0))
    else:
        factor = min(factor, max(1.0, _LONGEST_SIDE / max(width, height)))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if size == (width, height):
        return sample
    picture = Image.fromarray(sample.pixels()).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    # Clipped: what stuck out by a pixel would stick out by more.
    return _clipped(replace(scale_sample(sample, size), image=np.asarray(picture)))


def _recoloured(sample: Sample, strength: float, draws: np.ndarray, *, mildly: bool) -> Sample:
    """Another brightness, contrast and saturation; `mildly`, a little of the first alone.

    Args:
        draws: three from -1 to 1.
    """
    brightness, contrast, saturation = (1 + strength * draws).tolist()
    picture = Image.fromarray(sample.pixels())
    if mildly:
        brightness = 1 + min(strength, _MILD) * float(draws[0])
    picture = ImageEnhance.Brightness(picture).enhance(brightness)
    if not mildly:
        picture = ImageEnhance.Contrast(picture).enhance(contrast)
        picture = ImageEnhance.Color(picture).enhance(saturation)
    return replace(sample, image=np.asarray(picture))
