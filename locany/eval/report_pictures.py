"""Sheets of the best and the worst images of a run, with what is there and what was found drawn on them."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from locany.draw import annotate, writable
from locany.errors import DataError, LocanyError
from locany.eval.benchmarks import find_benchmark
from locany.eval.example import Example, Place, Prediction
from locany.eval.metrics.profile import Profile
from locany.eval.metrics.rle import read_counts
from locany.eval.metrics.table import SCORERS
from locany.eval.predictions import by_id
from locany.eval.report_cells import Run, head_of, percent
from locany.eval.results_folder import ResultsFolder, digest_of
from locany.eval.run import choose
from locany.image import load_image
from locany.results import Detections, Provenance

TRUE, FOUND = "#009e73", "#e69f00"
_TILE_WH = (520, 400)  # pixels of an image in a sheet
_COLUMNS, _GAP, _MARGIN = 3, 22, 26
_FONT, _CAPTION_LINES = 17, 3
_INK, _SOFT, _GROUND, _TILE_GROUND, _TILE_EDGE = "#1c1f23", "#667079", "#ffffff", "#eef1f4", "#dde2e7"
_MOST_LABELS = 8  # boxes of an image that get their names written on them
_MOST_ZOOM = 3  # times as large as it is
_PART = 0.3  # of the image: where less than so much is of interest, the rest is cut away
_MOST_BYTES = 180  # of the name of a file, whose whole may have 255
_ENOUGH_TARGETS = 12  # more do not make an image more interesting

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Sheet:
    """A picture of several images.

    Attributes:
        title, words: above it.
        file: name of its file.
        jpeg: the picture.
    """

    title: str
    words: str
    file: str
    jpeg: bytes

    def data_url(self) -> str:
        """For a page that needs no other file."""
        return "data:image/jpeg;base64," + base64.b64encode(self.jpeg).decode("ascii")


@dataclass(frozen=True)
class Rated:
    """An example with its own score."""

    example: Example
    prediction: Prediction
    score: float
    num_targets: int


def sheets_of(folder: ResultsFolder, run: Run, number: int, data: Path | None = None) -> list[Sheet]:
    """The best and the worst images of a run.

    Args:
        folder: of the run.
        run: what it holds.
        number: of images in each sheet.
        data: where the benchmark's files are; None: where they were when it was asked.

    Raises:
        DataError: the files are not there any more, or are others.
    """
    rated = rate(run, examples_of(run, data), by_id(folder.predictions()))
    sheets = []
    for kind, chosen in (("best", best(rated, number)), ("worst", worst(rated, number))):
        if chosen:
            title = f"{run.title}, {run.who()}: {kind}"
            words = (
                f"By {head_of(run.headline)} of each image alone; at most one question about an image. "
                "Green, thick: what is there. Orange, thin: what was found."
            )
            name = _file_name(f"{run.benchmark} {run.who()}", kind)
            sheets.append(Sheet(title, words, name, draw_sheet(chosen, run.headline)))
    return sheets


def _file_name(about: str, kind: str) -> str:
    """Letters and digits of any script, as many as a file system takes."""
    words = re.sub(r"\W+", "-", about).strip("-").lower().encode()[:_MOST_BYTES].decode(errors="ignore")
    return f"{words}-{kind}.jpg".lstrip("-")


def examples_of(run: Run, data: Path | None) -> list[Example]:
    """The examples that a run was asked about.

    Raises:
        DataError: the benchmark's files are gone or have changed.
    """
    about = run.config.get("data", {})
    folder = data if data is not None else Path(about.get("folder", ""))
    found = find_benchmark(run.benchmark).open(folder, **about.get("options", {}))
    examples = choose(found.examples, about.get("limit"))
    if digest_of(examples) != run.config["settings"]["examples"]:
        raise DataError(f"{folder} holds other examples than were asked about; give the folder with --data")
    return examples


def rate(run: Run, examples: Sequence[Example], predictions: Mapping[str, Prediction]) -> list[Rated]:
    """Each example scored alone, in profile `fixed`."""
    scorer, rated = SCORERS[run.metrics["metric"]], []
    for example in examples:
        prediction = predictions.get(example.id, Prediction(example.id, error="no answer"))
        score = scorer([example], {example.id: prediction}, Profile.FIXED).get(run.headline)
        if isinstance(score, int | float):
            rated.append(Rated(example, prediction, float(score), len(true_boxes(example))))
    return rated


def best(rated: Sequence[Rated], number: int) -> list[Rated]:
    """The highest scores, of equal ones those with more to find; nothing to find is no picture."""
    some = [one for one in rated if one.num_targets and one.score > 0]
    return _chosen(sorted(some, key=lambda one: (-one.score, -_interest(one), one.example.id)), number)


def worst(rated: Sequence[Rated], number: int) -> list[Rated]:
    """The lowest scores, of equal ones those with more to find."""
    wrong = [one for one in rated if one.score < 1]
    return _chosen(sorted(wrong, key=lambda one: (one.score, -_interest(one), one.example.id)), number)


def _interest(one: Rated) -> int:
    return min(one.num_targets, _ENOUGH_TARGETS)


def _chosen(ordered: Sequence[Rated], number: int) -> list[Rated]:
    """The first ones, taken from the groups in turn, each image once."""
    by_group: dict[str, list[Rated]] = {}
    for one in ordered:
        by_group.setdefault(next(iter(one.example.groups.values()), ""), []).append(one)
    found: list[Rated] = []
    images: set[str] = set()
    while len(found) < number and any(by_group.values()):
        for group in by_group.values():
            while group and group[0].example.image_name in images:
                group.pop(0)
            if group and len(found) < number:
                images.add(group[0].example.image_name)
                found.append(group.pop(0))
    return found


def true_boxes(example: Example) -> list[Box]:
    """A box around everything that is there, masks aside."""
    boxes = [box for found in example.truth.boxes.values() for box in found]
    outlines = [place for found in example.truth.polygons.values() for place in found]
    boxes += [(min(p[0::2]), min(p[1::2]), max(p[0::2]), max(p[1::2])) for p in outlines]
    return boxes or [_mask_box(mask) for found in example.truth.masks.values() for mask in found]


def _mask_box(mask: Mapping[str, Any]) -> Box:
    pixels = _mask_pixels(mask)
    if not pixels.any():
        return (0.0, 0.0, 0.0, 0.0)
    ys, xs = np.nonzero(pixels)
    return (float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))


def _mask_pixels(mask: Mapping[str, Any]) -> np.ndarray:
    """[height, width] bool."""
    height, width = mask["size"]
    lengths = read_counts(mask["counts"])
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return flat.reshape(width, height).T


# -- drawing ------------------------------------------------------------------------------------------------


def draw_sheet(chosen: Sequence[Rated], headline: str) -> bytes:
    """A JPEG of tiles under a legend."""
    tiles = [draw_tile(one, headline) for one in chosen]
    columns = min(_COLUMNS, len(tiles))
    rows = [tiles[at : at + columns] for at in range(0, len(tiles), columns)]
    width = 2 * _MARGIN + columns * _TILE_WH[0] + (columns - 1) * _GAP
    top = _MARGIN + 2 * _FONT
    height = top + sum(max(tile.height for tile in row) + _GAP for row in rows) + _MARGIN - _GAP
    sheet = Image.new("RGB", (width, height), _GROUND)
    _draw_legend(ImageDraw.Draw(sheet), _MARGIN, _MARGIN)
    y = top
    for row in rows:
        for i, tile in enumerate(row):
            sheet.paste(tile, (_MARGIN + i * (_TILE_WH[0] + _GAP), y))
        y += max(tile.height for tile in row) + _GAP
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=88, optimize=True)
    return file.getvalue()


def _draw_legend(pen: ImageDraw.ImageDraw, x: int, y: int) -> None:
    for color, thick, words in ((TRUE, 4, "what is there"), (FOUND, 2, "what was found")):
        pen.rectangle((x, y, x + 30, y + _FONT), outline=color, width=thick)
        text, font = writable(words, _FONT, None)
        pen.text((x + 40, y + _FONT / 2), text, fill=_INK, font=font, anchor="lm")
        x += round(60 + font.getlength(text) + 24)


def draw_tile(one: Rated, headline: str) -> Image.Image:
    """One image with its boxes, and below it what was asked and how it went."""
    caption_height = round(_FONT * 1.35 * (_CAPTION_LINES + 1))
    tile = Image.new("RGB", (_TILE_WH[0], _TILE_WH[1] + caption_height), _GROUND)
    tile.paste(_TILE_GROUND, (0, 0, *_TILE_WH))
    try:
        pixels = load_image(one.example.image).pixels
    except LocanyError:
        picture, is_part = Image.new("RGB", (8, 8), _TILE_GROUND), False
    else:
        picture, is_part = _picture(one, pixels)
    tile.paste(picture, ((_TILE_WH[0] - picture.width) // 2, (_TILE_WH[1] - picture.height) // 2))
    pen, y = ImageDraw.Draw(tile), float(_TILE_WH[1] + _FONT)
    pen.rectangle((0, 0, _TILE_WH[0] - 1, _TILE_WH[1] - 1), outline=_TILE_EDGE)
    lines = _lines(_question(one.example), _TILE_WH[0], _CAPTION_LINES - 1)
    for text, color in (*((line, _INK) for line in lines), (_outcome(one, headline, is_part), _SOFT)):
        text, font = writable(text, _FONT, None)
        pen.text((0, y), text, fill=color, font=font, anchor="lm")
        y += 1.35 * _FONT
    return tile.crop((0, 0, tile.width, round(y)))


def _picture(one: Rated, pixels: np.ndarray) -> tuple[Image.Image, bool]:
    """The image at the size of a tile, or the part of it where something is; and whether it is a part."""
    places = [place for found in one.prediction.found.values() for place in found if _is_shown(place)]
    labels = [n for n, found in one.prediction.found.items() for place in found if _is_shown(place)]
    truth = true_boxes(one.example)
    whole = (0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0]))
    window = _window([*truth, *map(_as_box, places)], whole)
    x0, y0, x1, y1 = (round(value) for value in window)
    scale = min(_TILE_WH[0] / (x1 - x0), _TILE_WH[1] / (y1 - y0))
    size = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
    part = np.array(pixels[y0:y1, x0:x1])
    for masks in one.example.truth.masks.values():
        for mask in masks:
            inside = _mask_pixels(mask)[y0:y1, x0:x1]
            part[inside] = part[inside] // 2 + np.array(_rgb(TRUE), np.uint8) // 2
    picture = Image.fromarray(part).resize(size, Image.Resampling.LANCZOS)

    def moved(places: Sequence[Place]) -> np.ndarray:
        boxes = np.asarray([_as_box(place) for place in places], float).reshape(-1, 4)
        return np.clip((boxes - (x0, y0, x0, y0)) * scale, 0, (*size, *size))

    around = np.clip(
        moved(truth) + np.array((-1, -1, 1, 1)), 0, (*size, *size)
    )  # seen where both are the same
    there = _detections(around, [""] * len(truth), [False] * len(truth), size)
    thick = _line_width(around)
    picture = annotate(picture, there, labels=False, scores=False, colors={"": TRUE}, line_width=thick)
    found = _detections(moved(places), labels, [len(place) == 2 for place in places], size)
    named = len(labels) <= _MOST_LABELS and set(labels) != set(_asked_names(one.example)[:1])
    colors = dict.fromkeys(labels, FOUND)
    drawn = annotate(picture, found, labels=named, scores=False, colors=colors, line_width=2, font_size=15)
    return drawn, window != whole


def _is_shown(place: Place) -> bool:
    return len(place) in (2, 4) and bool(np.isfinite(place).all())


def _as_box(place: Place) -> Box:
    """A place as ordered corners; of a point both are the same."""
    x0, y0, x1, y1 = place if len(place) == 4 else (*place, *place)
    return (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def _window(boxes: Sequence[Box], whole: Box) -> Box:
    """The part of an image to show: all of it, or where the boxes are, in the shape of a tile."""
    if not boxes:
        return whole
    width, height = whole[2:]
    array = np.asarray(boxes, float)
    x0, y0 = np.clip(array[:, :2].min(axis=0), 0, (width, height))
    x1, y1 = np.clip(array[:, 2:].max(axis=0), 0, (width, height))
    shape = _TILE_WH[0] / _TILE_WH[1]
    tall = max((y1 - y0) * 1.5, (x1 - x0) * 1.5 / shape, _TILE_WH[1] / _MOST_ZOOM)
    wide = tall * shape
    if wide * tall > _PART * width * height or wide > width or tall > height:
        return whole
    left = float(np.clip((x0 + x1 - wide) / 2, 0, width - wide))
    top = float(np.clip((y0 + y1 - tall) / 2, 0, height - tall))
    return (left, top, left + wide, top + tall)


def _line_width(boxes: np.ndarray) -> int:
    """Pixels of the lines around what is there: thinner where things are small."""
    sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf)
    return int(np.clip(np.median(sides) / 6, 2, 4)) if len(boxes) else 4


def _detections(
    xyxy: np.ndarray, labels: list[str], is_point: list[bool], size: tuple[int, int]
) -> Detections:
    return Detections(
        xyxy=xyxy,
        labels=labels,
        scores=np.ones(len(labels)),
        provenance=[Provenance.PARALLEL] * len(labels),
        is_point=np.asarray(is_point, bool),
        size_wh=size,
    )


def _rgb(color: str) -> tuple[int, ...]:
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))


def _question(example: Example) -> str:
    """What was asked, in few words."""
    names = _asked_names(example)
    kind = example.queries[0].task.kind.value.replace("_", " ")
    return f"{kind}: {', '.join(names)}" if names else f"all {kind}"


def _asked_names(example: Example) -> list[str]:
    tasks = [query.task for query in example.queries]
    return [name for task in tasks for name in (task.categories or (task.phrase,)) if name]


def _outcome(one: Rated, headline: str, is_part: bool) -> str:
    prediction = one.prediction
    num_found = sum(map(len, prediction.found.values()))
    said = "failed" if prediction.error else f"{num_found} found"
    cut = ", cut" if prediction.num_truncated else ""
    part = ", a part of the image" if is_part else ""
    return f"{head_of(headline)} {percent(one.score)}: {one.num_targets} there, {said}{cut}{part}"


def _lines(text: str, width: int, most: int) -> list[str]:
    """Text in lines that fit, the last one shortened."""
    lines: list[str] = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        shown, font = writable(longer, _FONT, None)
        if font.getlength(shown) <= width:
            lines[-1] = longer
        elif len(lines) < most:
            lines.append(word)
        else:
            lines[-1] += " …"
            break
    return [_shortened(line, width) for line in lines if line]


def _shortened(line: str, width: int) -> str:
    """A line whose single word is too long."""
    while len(line) > 1:
        shown, font = writable(line, _FONT, None)
        if font.getlength(shown) <= width:
            break
        line = line[: int(len(line) * 0.9)].rstrip(" …") + "…"
    return line
