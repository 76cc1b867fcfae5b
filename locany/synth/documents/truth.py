"""From what the page says about itself to exact boxes: words, lines, regions and parts, in pixels.

One convention for every box: it is tight to the ink. For a word that is the extent of the pixels that its
glyphs darken visibly (a fifth of the way from the ground's colour to the text's), and one pixel of air; the
boxes of lines, paragraphs and lists are unions of word boxes; those of pictures, formulas, tables and
form fields reach as
far as anything differs from the ground around them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from locany.synth.documents.ink import Looks, drawn_extent, ink_extent

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels


@dataclass(frozen=True)
class Word:
    """A word, or in scripts without spaces a run between pauses. `box` is the ink's, `rect` the font's."""

    text: str
    box: Box
    rect: Box
    block: int
    elements: tuple[int, ...]
    size: float  # of the font, pixels


@dataclass(frozen=True)
class Line:
    """Words on one line of one block, in reading order."""

    text: str
    box: Box
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Region:
    """An area with a meaning: of a layout category, or a part such as a total amount, or both.

    Attributes:
        category: of the layout, such as "section header"; empty for parts that are no region of their own.
        part: what it is beyond that, such as "total amount" or "author"; may be empty.
        names: phrases that its template gave it, each meant to fit nothing else on the page.
        box: tight.
        text: its lines, joined; empty for pictures.
        element: number of the element it comes from; regions that a column break splits share it.
        inside: elements around it, innermost first.
    """

    category: str
    part: str
    names: tuple[str, ...]
    box: Box
    text: str
    element: int
    inside: tuple[int, ...]


@dataclass(frozen=True)
class Truth:
    """Everything on a page.

    Attributes:
        words, lines, regions: in reading order.
        complete: every text that is seen is among the words.
        scraps: categories and parts of which so little is seen that they have no box; best not asked for.
    """

    words: tuple[Word, ...]
    lines: tuple[Line, ...]
    regions: tuple[Region, ...]
    complete: bool
    scraps: frozenset[str] = frozenset()


def read_truth(facts: Mapping[str, Any], pixels: np.ndarray, scale: float, space: str, *, rtl: bool) -> Truth:
    """Boxes of a rendered page.

    Args:
        facts: what `page_script.FACTS` returned.
        pixels: [height, width, 3] uint8, the page as rendered.
        scale: pixels per CSS pixel.
        space: what joins words, " " or "".
        rtl: lines run from right to left.
    """
    words, complete = _words(facts, pixels, scale)
    lines = _lines(words, space, rtl=rtl)
    regions = _regions(facts, pixels, scale, lines, space)
    has_formula = any(region.category == "formula" for region in regions)
    return Truth(tuple(words), tuple(lines), tuple(regions), complete and not has_formula)


def _words(facts: Mapping[str, Any], pixels: np.ndarray, scale: float) -> tuple[list[Word], bool]:
    looks = Looks(facts["looks"])
    gray = looks.gray(pixels)
    chains = facts["chains"]
    complete = True
    found: list[Word] = []
    for text, block, chain, look, glued, *edges in facts["words"]:
        rect, ink = edges[:4], edges[4:]
        clip = chains[chain]["clip"]
        if ink[0] < clip[0] or ink[1] < clip[1] or ink[2] > clip[2] or ink[3] > clip[3]:
            if min(rect[2], clip[2]) > max(rect[0], clip[0]) and min(ink[3], clip[3]) > max(ink[1], clip[1]):
                complete = False  # a piece of it is seen
            continue
        box = ink_extent(gray, tuple(edge * scale for edge in ink), looks.tones(look))
        area = (rect[0] * scale, rect[1] * scale, rect[2] * scale, rect[3] * scale)
        word = Word(text, box, area, block, tuple(chains[chain]["elements"]), looks.size(look) * scale)
        if glued and found and found[-1].block == block and _share_line(found[-1].rect, area):
            before = found.pop()
            word = Word(
                before.text + text, _union([before.box, box]), _union([before.rect, area]), *_tail(before)
            )
        found.append(word)
    return found, complete


def _tail(word: Word) -> tuple[int, tuple[int, ...], float]:
    return word.block, word.elements, word.size


def _lines(words: Sequence[Word], space: str, *, rtl: bool) -> list[Line]:
    groups: list[list[Word]] = []
    for word in words:
        before = groups[-1][-1] if groups else None
        if (
            before is None
            or before.block != word.block
            or not _share_line(before.rect, word.rect)
            or (not rtl and word.rect[0] < before.rect[0])
        ):
            groups.append([word])
        else:
            groups[-1].append(word)
    return [
        Line(space.join(word.text for word in group), _union([word.box for word in group]), tuple(group))
        for group in groups
    ]


def _regions(
    facts: Mapping[str, Any], pixels: np.ndarray, scale: float, lines: Sequence[Line], space: str
) -> list[Region]:
    lines_of: dict[int, list[Line]] = {}
    for line in lines:
        for element in dict.fromkeys(e for word in line.words for e in word.elements):
            lines_of.setdefault(element, []).append(line)
    regions = []
    for number, element in enumerate(facts["elements"]):
        rects = _fragments(element["rects"]) if element["category"] else [_union(element["rects"])]
        for rect in rects if element["rects"] else []:
            area = _scaled(rect, scale)
            held, text = [], []
            for line in lines_of.get(number, []):
                own = [w for w in line.words if number in w.elements and _holds(area, w.box)]
                if own:
                    held += [w.box for w in own]
                    text.append(space.join(w.text for w in own))
            for *edges, ground in element["ink"]:
                shown = _common(edges, element["clip"])
                if (
                    shown
                    and _holds(rect, shown)
                    and (extent := drawn_extent(pixels, _scaled(shown, scale), ground))
                ):
                    held.append(extent)
            if held:
                names = tuple(name for name in element["names"].split("|") if name)
                names = names if len(rects) == 1 else ()
                box = _inside(_union(held), pixels.shape)
                about = (element["category"], element["part"], names)
                regions.append(Region(*about, box, joined(text, space), number, tuple(element["parents"])))
    return regions


def joined(lines: Sequence[str], space: str) -> str:
    """Lines as one text; a word that a line end breaks is whole again."""
    text = ""
    for line in lines:
        if text.endswith("-") and line[:1].islower():
            text = text[:-1] + line
        else:
            text += space * bool(text) + line
    return text


def _fragments(rects: Sequence[Sequence[float]]) -> list[Box]:
    """Rects of a block: one for each column it is broken over; those of one column belong together."""
    groups: list[Box] = []
    for rect in rects:
        if rect[2] - rect[0] <= 0 or rect[3] - rect[1] <= 0:
            continue
        last = groups[-1] if groups else None
        if last and min(last[2], rect[2]) - max(last[0], rect[0]) > 0.5 * min(
            last[2] - last[0], rect[2] - rect[0]
        ):
            groups[-1] = _union([last, rect])
        else:
            groups.append(_union([rect]))
    return groups


def _share_line(a: Sequence[float], b: Sequence[float]) -> bool:
    return min(a[3], b[3]) - max(a[1], b[1]) > 0.5 * min(a[3] - a[1], b[3] - b[1])


def _holds(area: Sequence[float], box: Sequence[float]) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return area[0] - 2 <= x <= area[2] + 2 and area[1] - 2 <= y <= area[3] + 2


def _union(boxes: Sequence[Sequence[float]]) -> Box:
    return (
        (
            min(b[0] for b in boxes),
            min(b[1] for b in boxes),
            max(b[2] for b in boxes),
            max(b[3] for b in boxes),
        )
        if boxes
        else (0.0, 0.0, 0.0, 0.0)
    )


def _common(a: Sequence[float] | None, b: Sequence[float]) -> Box | None:
    if a is None:
        return None
    x0, y0, x1, y1 = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _scaled(box: Sequence[float], scale: float) -> Box:
    return box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale


def _inside(box: Box, shape: Sequence[int]) -> Box:
    return max(0.0, box[0]), max(0.0, box[1]), min(float(shape[1]), box[2]), min(float(shape[0]), box[3])


_WORD = re.compile(r"\w+")


def plain(text: str) -> str:
    """A text for comparing: lower case, only letters and digits, single spaces."""
    return " ".join(_WORD.findall(text.lower()))
