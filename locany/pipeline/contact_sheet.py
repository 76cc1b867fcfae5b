"""Many samples on one picture that a person can judge: each image with its answers, the questions below.

sheet = contact_sheet(samples, columns=4, cell=360)
sheet.save("sheet.jpg", quality=90)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw

from locany.data.sample import Question, Sample
from locany.labels import text_color
from locany.pipeline.drawing import Tags, draw_questions, question_color
from locany.pipeline.lettering import shorten, text_width, wrap, write
from locany.tasks import TaskKind
from locany.wording import counted

_GROUND, _CARD, _EDGE, _MAT = "#eceef1", "#ffffff", "#d5d9df", "#f6f7f9"
_INK, _FAINT = "#16191d", "#69717c"
_MAX_ENLARGED = 3.0


@dataclass(frozen=True)
class _Card:
    """One sample, laid out: its picture and the lines below it."""

    picture: Image.Image
    captions: tuple[tuple[str, tuple[str, ...], str, str], ...]  # kind, lines, number of targets, colour
    more: str
    height: int


@dataclass(frozen=True)
class _Measures:
    """Lengths in pixels, all from the width of a cell."""

    cell: int

    @property
    def gap(self) -> int:
        return min(max(8, self.cell // 22), 32)

    @property
    def pad(self) -> int:
        return min(max(6, self.cell // 30), 24)

    @property
    def text(self) -> int:
        return min(max(11, round(self.cell / 26)), 22)

    @property
    def line(self) -> int:
        return round(self.text * 1.36)


def contact_sheet(
    samples: Iterable[Sample],
    columns: int = 4,
    cell: int = 360,
    *,
    title: str = "",
    max_questions: int = 4,
    max_lines: int = 2,
    max_tall: float = 1.25,
    tags: Tags = "none",
) -> Image.Image:
    """An RGB picture of samples in a grid.

    Args:
        samples: shown from left to right and from top to bottom, as their heights allow.
        columns: cards in a row.
        cell: width of a card in pixels; text and lines follow it.
        title: a heading, or none.
        max_questions: drawn on one image, of different tasks where there are; the rest is counted.
        max_lines: of one caption; longer ones end in an ellipsis.
        max_tall: height of an image over the width of its card, at most; taller ones are made smaller.
        tags: what is written beside every target, see `drawing.draw_questions`.
    """
    measures = _Measures(cell)
    cards = [_lay_out(sample, measures, max_questions, max_lines, max_tall, tags) for sample in samples]
    columns = max(1, min(columns, len(cards)))
    gap = measures.gap
    head = round(2.6 * measures.text) + gap if title else 0
    bottoms = [head + gap] * columns
    places = []
    for card in cards:  # each into the column that is shortest so far: no holes, and nearly reading order
        column = bottoms.index(min(bottoms))
        places.append((gap + column * (cell + gap), bottoms[column]))
        bottoms[column] += card.height + gap
    sheet = Image.new("RGB", (columns * (cell + gap) + gap, max(bottoms)), _GROUND)
    canvas = ImageDraw.Draw(sheet)
    if title:
        size = round(1.5 * measures.text)
        heading = shorten(title, sheet.width - 2 * gap, size, bold=True)
        write(canvas, (gap, gap + 1.5 * size), heading, size, _INK, bold=True)
    for card, place in zip(cards, places, strict=True):
        _paint_card(sheet, canvas, card, place, measures)
    return sheet


def sample_picture(sample: Sample, question: int | None = None) -> Image.Image:
    """One sample at its own size, with all its questions, or with one of them."""
    if question is not None:
        sample = replace(sample, questions=(sample.questions[question],))
    return contact_sheet(
        [sample],
        columns=1,
        cell=min(max(sample.size_wh[0] + 2, 480), 2000),
        max_questions=len(sample.questions),
        max_lines=4,
        max_tall=8.0,
        tags="numbers" if len(sample.questions) > 1 else "labels",
    )


def choose_questions(questions: Sequence[Question], most: int) -> list[int]:
    """Indices of at most `most` questions: one of each task first, the rest spread over what is left."""
    if len(questions) <= most:
        return list(range(len(questions)))
    chosen: list[int] = []
    seen: set[TaskKind] = set()
    for i, question in enumerate(questions):
        if question.task.kind not in seen and len(chosen) < most:
            seen.add(question.task.kind)
            chosen.append(i)
    left = [i for i in range(len(questions)) if i not in chosen]
    room = most - len(chosen)
    chosen += [left[k * len(left) // room] for k in range(room)]
    return sorted(chosen)


def question_text(question: Question) -> str:
    """What is asked, in few words: the categories, the phrase, or what is written."""
    task = question.task
    if task.takes_categories:
        return ", ".join(task.categories)
    if task.kind is TaskKind.TEXT:
        return " · ".join(target.label for target in question.targets)
    return task.phrase


def _lay_out(
    sample: Sample,
    measures: _Measures,
    max_questions: int,
    max_lines: int,
    max_tall: float,
    tags: Tags,
) -> _Card:
    width, height = sample.size_wh
    room = measures.cell - 2
    scale = min(room / width, room * max_tall / height, _MAX_ENLARGED)
    shown = choose_questions(sample.questions, max_questions)
    questions = [sample.questions[i] for i in shown]
    colors = [question_color(i) for i in range(len(shown))]
    line_width = min(max(2, measures.cell // 170), 4)
    picture = draw_questions(
        sample.pixels(), questions, colors, scale=scale, line_width=line_width, tags=tags
    )
    captions = []
    for number, (question, color) in enumerate(zip(questions, colors, strict=True), start=1):
        kind = f"{number}  {question.task.kind.value}" if tags == "numbers" else question.task.kind.value
        count = f"×{len(question.targets)}" if question.targets else "none"
        taken = _chip_width(kind, measures) + text_width(count, measures.text) + 3 * measures.pad
        lines = wrap(question_text(question), measures.cell - taken - measures.pad, measures.text, max_lines)
        captions.append((kind, tuple(lines or [""]), count, color))
    left_out = len(sample.questions) - len(shown)
    more = f"and {counted(left_out, 'more question')}" if left_out else ""
    if not sample.questions:
        more = "no questions"
    num_lines = sum(len(lines) for _, lines, _, _ in captions) + bool(more)
    below = num_lines * measures.line + len(captions) * measures.pad // 2 + 2 * measures.pad
    return _Card(picture, tuple(captions), more, picture.height + below + 1)


def _chip_width(kind: str, measures: _Measures) -> float:
    return text_width(kind, _small(measures), bold=True) + measures.pad


def _small(measures: _Measures) -> int:
    return max(9, round(measures.text * 0.82))


def _paint_card(
    sheet: Image.Image,
    canvas: ImageDraw.ImageDraw,
    card: _Card,
    at: tuple[int, int],
    measures: _Measures,
) -> None:
    left, top = at
    cell, pad, text = measures.cell, measures.pad, measures.text
    bottom = top + card.height
    canvas.rounded_rectangle((left, top, left + cell - 1, bottom - 1), 4, fill=_CARD, outline=_EDGE)
    canvas.rectangle((left + 1, top + 1, left + cell - 2, top + card.picture.height), fill=_MAT)
    sheet.paste(card.picture, (left + (cell - card.picture.width) // 2, top + 1))
    y = top + card.picture.height + 1 + pad
    for kind, lines, count, color in card.captions:
        baseline = y + round(0.98 * text)
        chip = _chip_width(kind, measures)
        box = (left + pad, y, left + pad + chip, y + measures.line - 2)
        canvas.rounded_rectangle(box, 3, fill=color)
        small = _small(measures)
        place = (left + 1.5 * pad, baseline - round(0.06 * text))
        write(canvas, place, kind, small, text_color(color), bold=True)
        count_width = text_width(count, text)
        write(canvas, (left + cell - pad - count_width, baseline), count, text, _FAINT)
        for line in lines:
            write(canvas, (left + 2 * pad + chip, y + round(0.98 * text)), line, text, _INK)
            y += measures.line
        y += pad // 2
    if card.more:
        write(canvas, (left + pad, y + round(0.98 * text)), card.more, text, _FAINT)
