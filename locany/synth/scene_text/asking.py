"""Questions about written words: all text, a given text, a word to point at, a line by its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from locany.data.sample import Question, Target
from locany.synth import lexicon
from locany.synth.scene_text.config import SceneTextConfig
from locany.synth.scene_text.stage import Sign, Written, outline
from locany.tasks import Task, TaskKind

_LARGER = 1.3  # how much taller the letters of the largest text must be than any other's


@dataclass(frozen=True)
class Row:
    """A line of a sign in the image, its words in logical order, with the language it is in."""

    words: tuple[Written, ...]
    language: str

    @property
    def texts(self) -> tuple[str, ...]:
        """Its words' transcriptions."""
        return tuple(written.word.text for written in self.words)

    @property
    def ink(self) -> float:
        """Height in the image of what is drawn, across the line: of capitals more than of small letters."""
        return max(_across(written)[0] for written in self.words)

    @property
    def letters(self) -> float:
        """Height in the image of its letters, as the font counts it: the same for all words of that size."""
        return max(written.word.tall * _across(written)[1] for written in self.words)


@dataclass(frozen=True)
class Page:
    """All text of an image: its lines and the signs that they stand on."""

    rows: tuple[Row, ...]
    signs: tuple[Sign, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """Every word, as often as it occurs."""
        return tuple(text for row in self.rows for text in row.texts)


def page_of(words: Sequence[Written], signs: Sequence[Sign]) -> Page:
    """Words grouped into lines."""
    rows = []
    for (sign, _), group in groupby(words, key=lambda w: (w.sign, w.word.line)):
        rows.append(Row(tuple(group), signs[sign].wording.lines[0].language))
    return Page(tuple(rows), tuple(signs))


def objects(page: Page, level: str) -> tuple[Target, ...]:
    """Every word or every line as a target. `level` is "word" or "line"."""
    found = []
    for number, row in enumerate(page.rows):
        parts = [row.words] if level == "line" else [(word,) for word in row.words]
        for part in parts:
            first = part[0]
            attributes = {
                "line": number,
                "sign": first.sign,
                "script": first.word.script,
                "font": first.word.face.name,
            }
            target = _target(part, " ".join(written.word.text for written in part))
            found.append(replace(target, attributes=attributes))
    return tuple(found)


def find(page: Page, phrase: str) -> tuple[Target, ...]:
    """Every place where a text of one or more words stands within a line."""
    wanted = tuple(phrase.split(" "))
    found = []
    for row in page.rows:
        i = 0
        while i + len(wanted) <= len(row.words):
            if row.texts[i : i + len(wanted)] == wanted:
                found.append(_target(row.words[i : i + len(wanted)], phrase))
                i += len(wanted)
            else:
                i += 1
    return tuple(found)


def ask(rng: np.random.Generator, page: Page, config: SceneTextConfig) -> tuple[Question, ...]:
    """Draw questions, no two alike; fewer than `config.num_questions` where the page offers no more."""
    kinds = [kind for kind, _ in config.weights]
    share = np.cumsum([weight for _, weight in config.weights])
    everything = Question(Task.text(), objects(page, config.level))
    asked: dict[Task, Question] = {}
    for _ in range(4 * config.num_questions):
        if len(asked) == config.num_questions:
            break
        kind = kinds[min(int(np.searchsorted(share, rng.random() * share[-1], "right")), len(kinds) - 1)]
        question = everything if kind is TaskKind.TEXT else _one(rng, page, config, kind)
        if question is not None:
            asked.setdefault(question.task, question)
    return tuple(asked.values())


def _one(rng: np.random.Generator, page: Page, config: SceneTextConfig, kind: TaskKind) -> Question | None:
    if kind is TaskKind.REFER:
        return _refer(rng, page)
    assert kind in (TaskKind.FIND_TEXT, TaskKind.POINT), f"no question is made for {kind}"
    if not page.rows:
        return None
    absent = rng.random() < config.negative_rate
    if kind is TaskKind.POINT:
        word = _absent_word(rng, page) if absent else _present_word(rng, page)
        if word is None:
            return None
        phrase = f'the word "{word}"'
        targets = tuple(replace(t, label=phrase) for t in find(page, word))
        return Question(Task.point(phrase), targets)
    text = _absent_word(rng, page) if absent else _present_text(rng, page)
    return None if text is None else Question(Task.find_text(text), find(page, text))


def _present_word(rng: np.random.Generator, page: Page) -> str | None:
    """A word that is written, unless it is also written in another case or within another word."""
    clear = [text for text in dict.fromkeys(page.texts) if _is_clear(page, text)]
    clear = [text for text in clear if any(c.isalnum() for c in text)] or clear
    return clear[int(rng.integers(len(clear)))] if clear else None


def _present_text(rng: np.random.Generator, page: Page) -> str | None:
    """A word, or a line of several."""
    several = [row for row in page.rows if len(row.words) > 1]
    if not several or rng.random() < 0.5:
        return _present_word(rng, page)
    text = " ".join(several[int(rng.integers(len(several)))].texts)
    return text if _is_clear(page, text) else None


def _is_clear(page: Page, text: str) -> bool:
    """Whether a text stands only where it is found: not in another case, not as a part of other words."""
    wanted = text.casefold()
    lines = (" ".join(row.texts).casefold() for row in page.rows)
    return sum(line.count(wanted) for line in lines) == len(find(page, text))


def _absent_word(rng: np.random.Generator, page: Page) -> str | None:
    """A word that is not written, and not part of one that is; half of the time like one that is."""
    row = page.rows[int(rng.integers(len(page.rows)))]
    present = [text.casefold() for text in page.texts]
    words = lexicon.vocabulary(row.language)
    for _ in range(16):
        shown = row.texts[int(rng.integers(len(row.texts)))]
        if rng.random() < 0.5:
            word = lexicon.lookalike(rng, shown, row.language)
        else:
            word = words[int(rng.integers(len(words)))]
            word = lexicon.cased(word, row.language, "upper" if shown.isupper() else "as is")
        if not any(word.casefold() in text for text in present):
            return word
    return None


def _refer(rng: np.random.Generator, page: Page) -> Question | None:
    """A line told by its size or place, or the text of a sign told by its colour; None if none is clear."""
    clear: list[tuple[str, tuple[Written, ...]]] = []
    if len(page.rows) > 1:
        largest, *others = sorted(page.rows, key=lambda row: row.letters, reverse=True)
        if largest.letters >= _LARGER * others[0].letters and largest.ink > max(row.ink for row in others):
            clear.append(("the largest text", largest.words))
        boxes = [_box(row.words) for row in page.rows]
        for phrase, side, other, way in (
            ("the topmost text", 3, 1, 1),
            ("the lowest text", 1, 3, -1),
            ("the leftmost text", 2, 0, 1),
            ("the rightmost text", 0, 2, -1),
        ):
            best = min(range(len(boxes)), key=lambda i: way * boxes[i][side])
            rest = [way * box[other] for i, box in enumerate(boxes) if i != best]
            if way * boxes[best][side] < min(rest):  # wholly before all others
                clear.append((phrase, page.rows[best].words))
    for i, sign in enumerate(page.signs):
        others_may_be = {name for other in page.signs if other is not sign for name in other.may_be}
        if sign.body_color and sign.body_color not in others_may_be:
            words = tuple(w for row in page.rows for w in row.words if w.sign == i)
            clear.append((f"the text on the {sign.body_color} sign", words))
    if not clear:
        return None
    phrase, words = clear[int(rng.integers(len(clear)))]
    text = " ".join(written.word.text for written in words)
    target = Target(phrase, _box(words), text=text)
    return Question(Task.refer(phrase), (target,))


def _target(words: Sequence[Written], text: str) -> Target:
    """Neighbouring words of a line as one target."""
    polygon = words[0].polygon
    if len(words) > 1:
        warp = words[0].warp
        polygon = outline(
            warp, _around([written.ink for written in words]), per_side=2 if warp.bend is None else 7
        )
    middle = len(polygon) // 4  # of the upper edge; the lower one runs back
    upper, lower = polygon[middle], polygon[-1 - middle]
    if len(polygon) == 4:
        point = (sum(x for x, _ in polygon) / 4, sum(y for _, y in polygon) / 4)
    else:
        point = ((upper[0] + lower[0]) / 2, (upper[1] + lower[1]) / 2)
    return Target(text, _box(words), (round(point[0], 2), round(point[1], 2)), polygon, text)


def _box(words: Sequence[Written]) -> tuple[float, float, float, float]:
    return _around([written.xyxy for written in words])


def _around(boxes: Sequence[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    """The box that holds all boxes."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return float(min(x0)), float(min(y0)), float(max(x1)), float(max(y1))


def _across(written: Written) -> tuple[float, float]:
    """Extent in the image across the line that a word stands in, and image pixels per flat one that way.

    Both ends count, since one may be farther from the camera. A column is as wide as its letters are tall.
    """
    x0, y0, x1, y1 = written.ink
    polygon = written.polygon
    half = len(polygon) // 2  # the upper edge, then back along the lower one
    if written.word.downwards:
        sides, flat = ((polygon[0], polygon[half - 1]), (polygon[half], polygon[-1])), x1 - x0
    else:
        sides, flat = ((polygon[0], polygon[-1]), (polygon[half - 1], polygon[half])), y1 - y0
    length = sum(_length(*side) for side in sides) / 2
    return length, length / flat


def _length(a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))
