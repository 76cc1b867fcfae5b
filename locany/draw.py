"""Paint `Detections` on an image.

Sizes of lines and text follow the size of the image, colours follow the labels (see
`notebook.label_colors`), and everything painted stays inside the image.
"""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from locany.errors import ImageError, RequestError
from locany.image import load_image
from locany.labels import fitting_line, label_colors, place_tag, text_color
from locany.numeric import check_flags, plain_number
from locany.results import Detection, Detections

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Pillow's own font knows ASCII and little else. For other characters we try fonts that systems have, by
# file name, in Pillow's font folders; the first that knows all characters of a label writes it.
SYSTEM_FONTS = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf", "Arial Unicode.ttf", "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf", "wqy-zenhei.ttc", "PingFang.ttc", "Hiragino Sans GB.ttc", "msyh.ttc",
    "malgun.ttf", "Nirmala.ttf", "NotoSansDevanagari-Regular.ttf", "NotoSansBengali-Regular.ttf",
    "NotoSansTamil-Regular.ttf", "leelawui.ttf", "Loma.ttf", "Thonburi.ttc", "NotoSansHebrew-Regular.ttf",
    "NotoSansArabic-Regular.ttf", "NotoSansArmenian-Regular.ttf", "NotoSansGeorgian-Regular.ttf",
)  # fmt: skip


_MOST_PIXELS = 1000  # of a line or letter


class HasPixels(Protocol):
    """A loaded image: `pixels` is [height, width, 3] uint8 RGB, upright."""

    @property
    def pixels(self) -> np.ndarray: ...


def annotate(
    image: Image.Image | np.ndarray | HasPixels | Detections | str | os.PathLike[str] | bytes | None,
    detections: Detections | None = None,
    *,
    labels: bool = True,
    scores: bool = True,
    absent: bool = False,
    colors: Mapping[str, str] | None = None,
    line_width: int | None = None,
    font_size: int | None = None,
    font: str | os.PathLike[str] | None = None,
    exif: bool = True,
) -> Image.Image:
    """A new picture with every detection on it.

    Args:
        image: the image that was asked about: its path, its bytes, a PIL image or an array as `load_image`
            takes them, an object with `pixels`, or None for `detections.image`. It is painted on as the model
            saw it. `annotate(found)` is short for `annotate(None, found)`.
        detections: what to paint; boxes as frames, points as discs.
        labels: whether to write labels.
        scores: whether to write scores.
        absent: whether to add a strip below the image that names what is not there.
        colors: by label, '#rrggbb' or a name such as 'red'; labels that are missing here get theirs from the
            palette.
        line_width: pixels; None for a width that suits the image.
        font_size: pixels; None for a size that suits the image.
        font: a TrueType file for all text; None for Pillow's font, or a system font where it lacks a letter.
        exif: whether the rotation that an image notes is applied; as it was when asking.

    Returns:
        An RGB image of the size of `image`; taller when `absent` adds a strip.

    Raises:
        RequestError: the image has another size than the one the detections are about, there is none, it
            cannot be painted on, a colour or size is none, the font cannot be opened, or an argument is of a
            wrong type.
    """
    if isinstance(image, Detections):
        if detections is not None:
            raise RequestError("the image is given as Detections; give it itself, or annotate(found) alone")
        image, detections = None, image
    if not isinstance(detections, Detections):
        raise RequestError(
            f"detections is of type {type(detections).__name__}, expected Detections, the answer as a whole; "
            "of one detection found[i] give found[[i]]"
        )
    check_flags(labels=labels, scores=scores, absent=absent, exif=exif)
    if colors is not None and not isinstance(colors, Mapping):
        raise RequestError(f"colors is {colors!r}, expected colours by label such as {{'cat': 'red'}}")
    if font is not None and not isinstance(font, str | os.PathLike):
        raise RequestError(f"font is {font!r}, expected the path of a TrueType file")
    picture = _upright_rgb(image if image is not None else detections.image, exif)
    if picture.size != detections.size_wh:
        raise RequestError(
            f"the detections are about an image of {detections.size_wh} pixels, but this one has "
            f"{picture.size}; draw on the original"
        )
    scale = float(np.sqrt(picture.width * picture.height))
    line_width = _size("line_width", line_width, max(2, round(scale / 400)))
    font_size = _size("font_size", font_size, max(10, round(scale / 60)))
    chosen = {label: _hex_color(label, color) for label, color in (colors or {}).items()}
    palette = {**label_colors(detections.labels), **chosen}

    # "RGBA" on an RGB image makes Pillow blend translucent colours.
    canvas = ImageDraw.Draw(picture, "RGBA")
    by_size = detections.sort("area")  # a small box inside a large one is painted over it
    for det in by_size:
        if det.is_point:
            _paint_point(picture, det, palette[det.label], _radius(font_size))
        else:
            _paint_box(canvas, picture.size, det, palette[det.label], line_width)
    if labels or scores:
        _paint_tags(canvas, picture.size, by_size, palette, labels, scores, line_width, font_size, font)
    return (
        _with_strip(picture, detections.absent, font_size, font) if absent and detections.absent else picture
    )


def _size(name: str, given: int | None, suitable: int) -> int:
    value = plain_number(suitable if given is None else given)
    if value is None or not math.isfinite(value) or not 1 <= round(value) <= _MOST_PIXELS:
        raise RequestError(f"{name} is {given!r}, expected pixels from 1 to {_MOST_PIXELS}, or None")
    return round(value)


def _hex_color(label: str, color: str) -> str:
    try:
        red, green, blue = ImageColor.getrgb(color)[:3]
    except (ValueError, AttributeError, TypeError) as error:
        raise RequestError(
            f"the colour of {label!r} is {color!r}, expected '#rrggbb' or a name such as 'red'"
        ) from error
    return f"#{red:02x}{green:02x}{blue:02x}"


def _upright_rgb(
    image: Image.Image | np.ndarray | HasPixels | str | os.PathLike[str] | bytes | None, exif: bool = True
) -> Image.Image:
    """A copy to paint on, with the pixels that the model saw."""
    if image is None:
        raise RequestError("there is no image to draw on; pass the one that was asked about")
    opened = isinstance(image, Image.Image | str | os.PathLike | bytes)
    source: Any = image if opened else np.asarray(getattr(image, "pixels", image))
    try:
        return Image.fromarray(load_image(source, exif=exif).pixels).copy()
    except ImageError as error:
        raise RequestError(f"this image cannot be drawn on: {error}") from error


def _frame(xyxy: tuple[float, float, float, float], size_wh: tuple[int, int], grow: int) -> list[int]:
    """First and last pixel (x0, y0, x1, y1) of a box grown by `grow`, moved inside the image."""
    width, height = size_wh
    x0, y0, x1, y1 = (int(np.floor(value + 0.5)) for value in xyxy)
    left, top = min(max(x0 - grow, 0), width - 1), min(max(y0 - grow, 0), height - 1)
    right, bottom = min(max(x1 - 1 + grow, left), width - 1), min(max(y1 - 1 + grow, top), height - 1)
    return [left, top, right, bottom]


def _paint_box(
    canvas: ImageDraw.ImageDraw, size_wh: tuple[int, int], det: Detection, color: str, line_width: int
) -> None:
    grow = line_width // 2  # the line runs along the edge, half outside
    casing = max(1, line_width // 3)  # a dark rim, so that the line shows on any ground
    outer = _frame(det.xyxy, size_wh, grow + casing)
    canvas.rectangle(outer, outline=(0, 0, 0, 110), width=line_width + 2 * casing)
    canvas.rectangle(_frame(det.xyxy, size_wh, grow), outline=color, width=line_width)


def _radius(font_size: int) -> int:
    """Of a point's disc, pixels; ring and halo go to 1.7 times as far."""
    return max(3, round(font_size * 0.3))


def _paint_point(picture: Image.Image, det: Detection, color: str, radius: int) -> None:
    """A disc with a white ring and a dark halo, centred on the point."""
    column = min(max(int(det.point[0]), 0), picture.width - 1)
    row = min(max(int(det.point[1]), 0), picture.height - 1)
    for grow, paint, opacity in ((0.7, "#000000", 110), (0.45, "#ffffff", 255), (0.0, color, 255)):
        mask = _disc(round(radius * (1 + grow)), opacity)
        left, top = column - mask.width // 2, row - mask.height // 2
        picture.paste(paint, (left, top, left + mask.width, top + mask.height), mask)


@lru_cache(maxsize=64)
def _disc(radius: int, opacity: int) -> Image.Image:
    """An anti-aliased disc as a mask; Pillow's own ellipses have jagged edges."""
    side, oversample = 2 * radius + 1, 4
    mask = Image.new("L", (side * oversample, side * oversample))
    ImageDraw.Draw(mask).ellipse((0, 0, mask.width - 1, mask.height - 1), fill=opacity)
    return mask.resize((side, side), Image.Resampling.BOX)


def _paint_tags(
    canvas: ImageDraw.ImageDraw,
    size_wh: tuple[int, int],
    detections: Detections,
    colors: Mapping[str, str],
    labels: bool,
    scores: bool,
    line_width: int,
    font_size: int,
    font: str | os.PathLike[str] | None,
) -> None:
    pad = max(2, round(font_size * 0.25))
    reach = [round(_radius(font_size) * 1.7) + 1 if det.is_point else line_width // 2 for det in detections]
    frames = np.array([_frame(d.xyxy, size_wh, r) for d, r in zip(detections, reach, strict=True)], float)
    frames = np.add(frames.reshape(-1, 4), [0, 0, 1, 1])
    taken = np.zeros((0, 4))
    for i in reversed(range(len(detections))):  # small ones first: they have the fewest good places
        det = detections[i]
        room = min(max(frames[i, 2] - frames[i, 0], 0.4 * size_wh[0], 8 * font_size), size_wh[0]) - 2 * pad
        score = f"{det.score:.2f}" if scores else ""
        text, writer = _fit(det.label if labels else "", score, room, font_size, font)
        tag_wh = (round(writer.getlength(text)) + 2 * pad, round(font_size * 1.3))
        place = place_tag(frames, i, det.is_point, taken, tag_wh, size_wh)
        taken = np.vstack([taken, place])
        left, top, right, bottom = (int(value) for value in place)
        color = colors[det.label]
        canvas.rectangle((left, top, right - 1, bottom - 1), fill=color)
        middle = ((left + right) / 2, (top + bottom) / 2)
        canvas.text(middle, text, fill=text_color(color), font=writer, anchor="mm")


def _fit(
    label: str, score: str, room: float, font_size: int, font: str | os.PathLike[str] | None
) -> tuple[str, Font]:
    """Label and score as one line of at most `room` pixels, the label shortened where it must be."""
    text, writer = writable(" ".join(label.split()), font_size, font)
    return fitting_line(text, score, room, writer.getlength), writer


def writable(text: str, font_size: int, font: str | os.PathLike[str] | None) -> tuple[str, Font]:
    """The text and a font for it; letters that no font has lose their accents, or show as empty boxes."""
    if font is not None:
        try:
            return text, ImageFont.truetype(font, font_size)
        except OSError as error:
            raise RequestError(f"cannot open the font {os.fspath(font)!r}: {error}") from error
    for name in ("", *SYSTEM_FONTS):
        candidate = _open_font(name, font_size)
        if candidate is not None and all(_has_glyph(name, char) for char in set(text)):
            return text, candidate
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    known = {name: sum(_has_glyph(name, char) for char in plain) for name in ("", *SYSTEM_FONTS)}
    best = _open_font(max(known, key=lambda name: known[name]), font_size)
    assert best is not None, "a font that cannot be opened has no glyphs"
    return plain, best


@lru_cache(maxsize=256)
def _open_font(name: str, size: int) -> Font | None:
    """A system font by file name, Pillow's own for the empty name, None where there is none."""
    try:
        return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)
    except OSError:  # not on this system
        return None


@lru_cache(maxsize=16384)
def _has_glyph(name: str, char: str) -> bool:
    """Whether the font draws the character otherwise than it draws a code point that never has a glyph."""
    font = _open_font(name, 20)
    if font is None:
        return False
    if char.isspace() or char.isascii():
        return True
    return bytes(font.getmask(char)) != bytes(font.getmask("\uffff"))


def _with_strip(
    picture: Image.Image, absent: tuple[str, ...], font_size: int, font: str | os.PathLike[str] | None
) -> Image.Image:
    """The picture with a dark strip below it that lists what is not there, in as many lines as needed."""
    pad = max(2, round(font_size * 0.4))
    room, names = picture.width - 2 * pad, list(absent)
    lines = [f"not there: {names[0]}"]
    for name in names[1:]:
        longer = f"{lines[-1]}, {name}"
        text, writer = writable(longer, font_size, font)
        if writer.getlength(text) > room:
            lines[-1] += ","
            lines.append(name)
        else:
            lines[-1] = longer
    line_height = round(font_size * 1.3)
    strip = line_height * len(lines) + 2 * pad
    taller = Image.new("RGB", (picture.width, picture.height + strip), "#222222")
    taller.paste(picture, (0, 0))
    canvas = ImageDraw.Draw(taller)
    for i, line in enumerate(lines):
        text, writer = _fit(line, "", room, font_size, font)
        middle = picture.height + pad + (i + 0.5) * line_height
        canvas.text((pad, middle), text, fill="#eeeeee", font=writer, anchor="lm")
    return taller
