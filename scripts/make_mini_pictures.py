"""What the small model gets right and wrong, as pictures chosen by rule: docs/mini/.

    python scripts/make_mini_pictures.py --data data/held_out [--model DIR] [--mode hybrid]

Of the first 60 images of a set, each with one question about something that is there, drawn by chance from a
fixed seed: the six with the best and the six with the worst F1, in the order of the set where they are equal.
Shown is half of the image or more, around truth and answer. Of the pages of others all, with every control
that is asked for, at the smaller size. Truth is a green frame around the thing, the answer a magenta frame or
point.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from evaluate_mini import PAGES, read_pages
from PIL import Image, ImageDraw

import locany
from locany.data.sample import Question
from locany.data.shard_folder import ShardFolder
from locany.draw import annotate
from locany.eval.detection import Counts, count
from locany.eval.scorecard import STREAM, Asked, ask, choose_questions
from locany.pipeline.contact_sheet import question_text
from locany.pipeline.lettering import shorten, text_width, wrap, write
from locany.results import Detections, Provenance
from locany.tasks import TaskKind

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "mini"
SETS = ("icons", "scene_text", "documents_small", "gui_small")
FIRST, SHOWN = 60, 6
TRUTH, ANSWER = "#12a150", "#e0007a"
GROUND, CARD, INK, RIGHT, WRONG = "#eceef1", "#ffffff", "#16191d", "#0b7a3b", "#b3261e"
GAP, PAD, TEXT = 12, 8, 15


@dataclass(frozen=True)
class Card:
    """One picture of a sheet: what is painted, a line of small print, and the question."""

    picture: Image.Image
    caption: str
    verdict: str
    good: bool


def one_question_each(asked: Sequence[Asked]) -> list[Asked]:
    """One question of every image about what is there, by chance but always the same."""
    by_image: dict[int, list[Asked]] = {}
    for one in asked:
        if one.question.targets:
            by_image.setdefault(one.number, []).append(one)
    chosen = []
    for number, group in by_image.items():
        rng = np.random.default_rng((STREAM, FIRST, number))
        chosen.append(group[int(rng.integers(len(group)))])
    return chosen


def frames(xyxy: np.ndarray, size_wh: tuple[int, int], is_point: np.ndarray | None = None) -> Detections:
    """Boxes or points of a picture as detections of one label, to be painted in one colour."""
    num = len(xyxy)
    return Detections(
        xyxy=xyxy,
        labels=["one"] * num,
        scores=np.ones(num),
        provenance=[Provenance.SEQUENTIAL] * num,
        size_wh=size_wh,
        is_point=np.zeros(num, dtype=bool) if is_point is None else is_point,
    )


def window_of(question: Question, answer: Detections) -> tuple[int, int, int, int]:
    """What is shown of an image, pixels: half its sides where truth and answer lie within that, else more."""
    boxes = np.concatenate([np.asarray([t.xyxy for t in question.targets], float), answer.xyxy])
    corners: list[tuple[int, int]] = []
    for axis, length in enumerate(answer.size_wh):
        low, high = boxes[:, axis].min() - 16, boxes[:, axis + 2].max() + 16
        side = min(max(high - low, length / 2), length)
        start = round(min(max((low + high - side) / 2, 0), length - side))
        corners.append((start, min(round(start + side), length)))
    return corners[0][0], corners[1][0], corners[0][1], corners[1][1]


def paint(pixels: np.ndarray, question: Question, answer: Detections, width: int, most: int) -> Image.Image:
    """The image, at most `width` x `most`, with the truth below the answer; see `window_of`."""
    left, top, right, bottom = window_of(question, answer)
    pixels = pixels[top:bottom, left:right]
    truth = np.asarray([t.xyxy for t in question.targets], float).reshape(-1, 4) - [left, top] * 2
    given = answer.xyxy - np.asarray([left, top] * 2, np.float32)
    scale = min(width / pixels.shape[1], most / pixels.shape[0])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    picture = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    for found, color in (
        (frames(truth * scale + [-2, -2, 2, 2], size), TRUTH),
        (frames(given * scale, size, answer.is_point), ANSWER),
    ):
        picture = annotate(picture, found, labels=False, scores=False, colors={"one": color}, line_width=2)
    return picture


def verdict(answer: Detections, counts: Counts) -> str:
    """In few words what came back."""
    return f"{counts.num_matched} of {counts.num_targets} right, {len(answer)} given"


def sheet(groups: Sequence[tuple[str, Sequence[Card]]], columns: int, cell: int) -> Image.Image:
    """Cards in rows below headings."""
    rows = [
        (title if i == 0 else "", cards[i : i + columns])
        for title, cards in groups
        for i in range(0, max(len(cards), 1), columns)
    ]
    below = 3 * round(1.4 * TEXT) + 2 * PAD
    heights = [
        (round(2.6 * TEXT) if title else 0) + max((c.picture.height for c in cards), default=0) + below + GAP
        for title, cards in rows
    ]
    result = Image.new("RGB", (columns * (cell + GAP) + GAP, sum(heights) + GAP), GROUND)
    canvas = ImageDraw.Draw(result)
    y = GAP
    for (title, cards), height in zip(rows, heights, strict=True):
        top = y
        if title:
            write(canvas, (GAP, top + 1.5 * TEXT), title, round(1.3 * TEXT), INK, bold=True)
            top += round(2.6 * TEXT)
        for column, card in enumerate(cards):
            paint_card(result, canvas, card, (GAP + column * (cell + GAP), top), cell, y + height - GAP)
        y += height
    return result


def paint_card(
    result: Image.Image, canvas: ImageDraw.ImageDraw, card: Card, at: tuple[int, int], cell: int, bottom: int
) -> None:
    left, top = at
    canvas.rectangle((left, top, left + cell - 1, bottom - 1), fill=CARD)
    result.paste(card.picture, (left + (cell - card.picture.width) // 2, top))
    y = bottom - 3 * round(1.4 * TEXT) - PAD + TEXT
    color = RIGHT if card.good else WRONG
    room = cell - 2 * PAD
    write(
        canvas, (left + PAD, y), shorten(card.verdict, room, TEXT - 1, bold=True), TEXT - 1, color, bold=True
    )
    for line in wrap(card.caption, room, TEXT, 2):
        y += round(1.4 * TEXT)
        write(canvas, (left + PAD, y), line, TEXT, INK)


def set_sheet(locator: locany.Locator, asked: Sequence[Asked], mode: str, max_tokens: int) -> Image.Image:
    """Best and worst of a set."""
    chosen = one_question_each(asked)[:FIRST]
    answers = ask(locator, chosen, mode, max_new_tokens=max_tokens)
    judged = []
    for one, answer in answers.pairs():
        plain = one.question.task.kind is not TaskKind.TEXT
        judged.append((one, answer, count(one.question, answer, labels=plain)))
    best = sorted(judged, key=lambda item: -item[2].f1)[:SHOWN]
    worst = sorted(judged, key=lambda item: item[2].f1)[:SHOWN]
    cell = 270
    groups = []
    for name, items in (("best", best), ("worst", worst)):
        cards = [
            Card(
                paint(one.sample.pixels(), one.question, answer, cell, round(1.1 * cell)),
                f"{one.question.task.kind.value}: {question_text(one.question)}",
                verdict(answer, counts),
                counts.f1 >= 0.5,
            )
            for one, answer, counts in items
        ]
        groups.append((f"{chosen[0].set}: the {len(cards)} {name} of the first {len(chosen)}", cards))
    return sheet(groups, SHOWN, cell)


def pages_sheet(locator: locany.Locator, mode: str, max_tokens: int) -> Image.Image:
    """Every page of others with all its controls and the point that was given for each."""
    cards, cell = [], 460
    for sample in read_pages(PAGES):
        if sample.size_wh[0] > 1000:  # shown at the smaller size only; both are counted
            continue
        asked = [a for a in choose_questions([sample], most=100) if a.question.task.expects_points]
        answers = ask(locator, asked, mode, max_new_tokens=max_tokens)
        scale = cell / sample.size_wh[0]
        size = (cell, round(sample.size_wh[1] * scale))
        picture = Image.fromarray(sample.pixels()).resize(size, Image.Resampling.LANCZOS)
        missed, hits = [], 0
        for number, (one, answer) in enumerate(answers.pairs(), start=1):
            hit = bool(count(one.question, answer).num_hits)
            hits += hit
            missed += [] if hit else [f"{number} {one.question.task.phrase}"]
            paint_control(picture, one.question, answer, scale, str(number), hit)
        cards.append(
            Card(
                picture,
                f"not found: {', '.join(missed)}" if missed else "all found",
                f"{sample.provenance['source']}: {hits} of {len(asked)} controls",
                2 * hits >= len(asked),
            )
        )
    return sheet([("pages of others: frames are the controls, discs where the model points", cards)], 3, cell)


def paint_control(
    picture: Image.Image, question: Question, answer: Detections, scale: float, number: str, hit: bool
) -> None:
    """The frame of a control with its number, and the same number where the model points."""
    canvas = ImageDraw.Draw(picture)
    color = RIGHT if hit else WRONG
    (target,) = question.targets
    assert target.xyxy is not None
    x0, y0, x1, y1 = (value * scale for value in target.xyxy)
    canvas.rectangle((x0 - 1, y0 - 1, x1, y1), outline=color, width=2)
    write(canvas, (x1 + 2, y0 + 8), number, 11, color, bold=True)
    for x, y in answer.points[:1] * scale:
        canvas.ellipse((x - 7, y - 7, x + 7, y + 7), fill=ANSWER, outline="#ffffff")
        write(canvas, (x - text_width(number, 10, bold=True) / 2, y + 4), number, 10, "#ffffff", bold=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="bundled", help="a folder, or bundled")
    parser.add_argument("--mode", default="hybrid")
    parser.add_argument("--max-tokens", type=int, default=1024)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    locator = locany.load(None if options.model == "bundled" else options.model)
    asked = choose_questions(ShardFolder(options.data), most=2, sets=SETS)
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in SETS:
        picture = set_sheet(locator, [a for a in asked if a.set == name], options.mode, options.max_tokens)
        save(picture, options.folder / f"{name}.jpg")
    save(pages_sheet(locator, options.mode, options.max_tokens), options.folder / "pages.jpg")


def save(picture: Image.Image, path: Path) -> None:
    picture.save(path, quality=72, optimize=True)
    print(path.name, picture.size, f"{path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
