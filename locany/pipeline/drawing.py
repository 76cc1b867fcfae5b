"""Questions with their exact answers, drawn on the image: a colour per question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from locany.data.sample import Question, Target
from locany.labels import PALETTE, text_color
from locany.pipeline.lettering import shorten, text_width, write

Tags = Literal["labels", "numbers", "none"]

_OVERSAMPLE = 3  # Pillow's slanted lines and discs have jagged edges
_CASING = (0, 0, 0, 120)  # around lines, so that they show on any ground
_FILL_OPACITY = 40  # of 255, inside an outline


def question_color(index: int) -> str:
    """'#rrggbb' of question number `index` of a sample."""
    return PALETTE[index % len(PALETTE)]


def draw_questions(
    pixels: np.ndarray,
    questions: Sequence[Question],
    colors: Sequence[str],
    *,
    scale: float = 1.0,
    line_width: int | None = None,
    tags: Tags = "labels",
) -> Image.Image:
    """The image with every target of some questions on it.

    Args:
        pixels: [height, width, 3] uint8 RGB.
        questions: whose targets to draw: points for point tasks, else the outline where one is known, or the
            box.
        colors: '#rrggbb' for each question.
        scale: size of the picture over the size of the image.
        line_width: pixels of the picture; None for a width that suits its size.
        tags: written beside every target: its label, the number of its question (from 1), or nothing.
    """
    picture = Image.fromarray(pixels)
    if scale != 1.0:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    width = line_width or max(2, round((picture.width * picture.height) ** 0.5 / 400))
    drawn = [
        (target, question.task.expects_points, color, str(number) if tags == "numbers" else target.label)
        for number, (question, color) in enumerate(zip(questions, colors, strict=True), start=1)
        for target in question.targets
    ]
    drawn.sort(key=lambda item: -_area(item[0]))  # small ones last, so that they stay in sight
    framed: Counter[tuple[float, ...]] = Counter()  # boxes that several questions have lie around each other
    for target, as_point, color, _ in drawn:
        if as_point or (target.xyxy is None and not target.polygon):
            _paint_point(picture, target, color, scale, 2 * width)
        elif target.polygon:
            _paint_outline(picture, target.polygon, color, scale, width)
        else:
            assert target.xyxy is not None
            _paint_box(picture, target.xyxy, color, scale, width, (width + 1) * framed[target.xyxy])
            framed[target.xyxy] += 1
    if tags != "none":
        _write_tags(picture, drawn, scale)
    return picture


def _area(target: Target) -> float:
    if target.xyxy is None:
        return 0.0
    x0, y0, x1, y1 = target.xyxy
    return (x1 - x0) * (y1 - y0)


def _paint_box(
    picture: Image.Image, xyxy: Sequence[float], color: str, scale: float, width: int, away: int
) -> None:
    """A frame along the box, `away` pixels further out."""
    canvas = ImageDraw.Draw(picture, "RGBA")
    x0, y0, x1, y1 = (value * scale for value in xyxy)
    grow = width + away  # the line runs outside: small print stays readable
    left, top = max(0, round(x0 - grow)), max(0, round(y0 - grow))
    right = min(picture.width - 1, max(left, round(x1 + grow) - 1))
    bottom = min(picture.height - 1, max(top, round(y1 + grow) - 1))
    if left > picture.width - 1 or top > picture.height - 1:
        return
    canvas.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_CASING)
    canvas.rectangle((left, top, right, bottom), outline=color, width=width)
    if min(right - left, bottom - top) > 12 * width:
        inner = (left + width, top + width, right - width, bottom - width)
        canvas.rectangle(inner, outline=_CASING)


def _paint_outline(
    picture: Image.Image, polygon: Sequence[tuple[float, float]], color: str, scale: float, width: int
) -> None:
    corners = np.asarray(polygon, float) * scale
    low = np.floor(corners.min(axis=0)).astype(int) - 2 * width
    high = np.ceil(corners.max(axis=0)).astype(int) + 2 * width
    low, high = np.maximum(low, 0), np.minimum(high, picture.size)
    if (high <= low).any():
        return
    size = tuple(((high - low) * _OVERSAMPLE).tolist())
    layer = Image.new("RGBA", size)
    canvas = ImageDraw.Draw(layer)
    path = [tuple(corner) for corner in ((corners - low) * _OVERSAMPLE).tolist()]
    canvas.polygon(path, fill=(*_rgb(color), _FILL_OPACITY))
    for paint, line in (((0, 0, 0, 255), width + 2), ((*_rgb(color), 255), width)):
        canvas.line([*path, path[0], path[1]], fill=paint, width=line * _OVERSAMPLE, joint="curve")
    layer = layer.resize(tuple((high - low).tolist()), Image.Resampling.BOX)
    picture.paste(layer, tuple(low.tolist()), layer)


def _paint_point(picture: Image.Image, target: Target, color: str, scale: float, radius: int) -> None:
    """A disc with a white ring and a dark halo, centred on the point."""
    x, y = point_of(target)
    reach = round(radius * 1.7) + 1
    side = 2 * reach + 1
    layer = Image.new("RGBA", (side * _OVERSAMPLE, side * _OVERSAMPLE))
    canvas = ImageDraw.Draw(layer)
    middle = layer.width / 2
    for grow, paint in ((1.7, (0, 0, 0, 130)), (1.45, (255, 255, 255, 255)), (1.0, (*_rgb(color), 255))):
        r = radius * grow * _OVERSAMPLE
        canvas.ellipse((middle - r, middle - r, middle + r, middle + r), fill=paint)
    layer = layer.resize((side, side), Image.Resampling.BOX)
    picture.paste(layer, (int(x * scale) - reach, int(y * scale) - reach), layer)


def point_of(target: Target) -> tuple[float, float]:
    """A target's point, or else the centre of its box or outline, in pixels of the image."""
    if target.point is not None:
        return target.point
    if target.xyxy is not None:
        x0, y0, x1, y1 = target.xyxy
        return (x0 + x1) / 2, (y0 + y1) / 2
    xs, ys = zip(*target.polygon, strict=True)
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def _write_tags(picture: Image.Image, drawn: Sequence[tuple[Target, bool, str, str]], scale: float) -> None:
    size = min(max(10, round((picture.width * picture.height) ** 0.5 / 100)), 18)
    canvas = ImageDraw.Draw(picture)
    pad = max(2, size // 4)
    taken: list[tuple[float, float, float, float]] = []
    for target, as_point, color, tag in drawn:
        text = shorten(tag, picture.width / 3, size)
        if not text:
            continue
        wide, high = text_width(text, size) + 2 * pad, size + 2 * pad
        if as_point or target.xyxy is None:
            x, y = (value * scale for value in point_of(target))
            corners = [
                (x + size, y - high / 2),
                (x - size - wide, y - high / 2),
                (x, y + size),
                (x, y - 2 * size),
            ]
        else:
            x0, y0, x1, y1 = (value * scale for value in target.xyxy)
            corners = [(x0, y0 - high), (x0, y0), (x0, y1), (x1 - wide, y0 - high), (x1, y0), (x1 - wide, y1)]
        room_x, room_y = max(0.0, picture.width - wide), max(0.0, picture.height - high)
        places = [(min(max(0.0, x), room_x), min(max(0.0, y), room_y)) for x, y in corners]
        places += [(places[0][0] + (wide + 1) * i, places[0][1]) for i in range(1, 4)]
        left, top = min(places, key=lambda at: _covered((*at, at[0] + wide, at[1] + high), taken))
        taken.append((left, top, left + wide, top + high))
        canvas.rectangle(taken[-1], fill=color)
        write(canvas, (left + pad, top + high - 1.5 * pad), text, size, text_color(color))


def _covered(
    tag: tuple[float, float, float, float], taken: Sequence[tuple[float, float, float, float]]
) -> float:
    """Square pixels that a tag would hide of other tags."""
    return sum(
        max(0.0, min(tag[2], other[2]) - max(tag[0], other[0]))
        * max(0.0, min(tag[3], other[3]) - max(tag[1], other[1]))
        for other in taken
    )


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
