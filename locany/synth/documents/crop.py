"""A part of a page, cut where no word is cut."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from locany.synth.documents.blocks import ORDINALS
from locany.synth.documents.truth import Box, Line, Region, Truth, Word, plain

_LEAST_SHOWN = 0.3  # of a region's area; less than that is a scrap nobody would box
_QUOTED = re.compile(r"'(.+)'")
_COUNTED = re.compile(rf"\b({'|'.join(ORDINALS)}|\d+th|last)\b")
_NUMBERED = re.compile(r".* \d+")  # as captions number what they stand at


def crop(rng: np.random.Generator, pixels: np.ndarray, truth: Truth, side: int) -> tuple[np.ndarray, Truth]:
    """A window of the page with sides of at most `side` pixels, and what is seen in it.

    Rows and columns of the cut are moved to where they cross no word; where there is none, the page is
    kept whole
    in that direction.
    """
    height, width = pixels.shape[:2]
    x0, x1 = _span(rng, width, side, [(w.box[0], w.box[2]) for w in truth.words])
    inside = [w for w in truth.words if x0 <= w.box[0] and w.box[2] <= x1]
    y0, y1 = _span(rng, height, side, [(w.box[1], w.box[3]) for w in inside])
    window = (float(x0), float(y0), float(x1), float(y1))
    return np.ascontiguousarray(pixels[y0:y1, x0:x1]), _seen(truth, window)


def _span(
    rng: np.random.Generator, length: int, side: int, taken: Sequence[tuple[float, float]]
) -> tuple[int, int]:
    """Start and end of a stretch of at most `side` whose ends lie in no taken interval."""
    if length <= side:
        return 0, length
    free = np.ones(length + 1, bool)
    for low, high in taken:
        free[int(low) + 1 : int(np.ceil(high))] = False
    places = np.flatnonzero(free)
    wanted = int(rng.integers(0, length - side + 1))
    start = int(places[np.argmin(np.abs(places - wanted))])
    ends = places[(places > start + side // 3) & (places <= start + side)]
    return (start, int(ends[-1])) if len(ends) else (0, length)


def _seen(truth: Truth, window: Box) -> Truth:
    words: dict[int, Word] = {id(w): _moved_word(w, window) for w in truth.words if _holds(window, w.box)}
    lines = []
    for line in truth.lines:
        kept = tuple(words[id(w)] for w in line.words if id(w) in words)
        if len(kept) == len(line.words):
            lines.append(Line(line.text, _moved(line.box, window), kept))
        elif kept:
            lines.append(Line(" ".join(w.text for w in kept), _union([w.box for w in kept]), kept))
    regions = []
    scraps: set[str] = set()
    cut_names: set[str] = set()
    for region in truth.regions:
        held = [w.box for w in words.values() if region.element in w.elements]
        shown = _common(region.box, window)
        if shown is None:
            continue
        if shown != region.box:
            cut_names.update(region.names)
            is_text = region.text and region.category not in ("table", "picture", "formula")
            box = _common(_union(held), _moved(shown, window)) if is_text and held else _moved(shown, window)
            scrap = _area(shown) < _LEAST_SHOWN * _area(region.box) or (is_text and not held)
            if scrap or box is None:
                scraps |= {region.category, region.part}
                continue
            regions.append(_cut(region, box))
        else:
            regions.append(replace(region, box=_moved(region.box, window)))
    named = tuple(_renamed(regions, cut_names, [line.text for line in lines]))
    return Truth(tuple(words.values()), tuple(lines), named, truth.complete, frozenset(scraps))


def _renamed(regions: Sequence[Region], cut: set[str], lines: Sequence[str]) -> list[Region]:
    """Regions without the names that count or cite what is not, or not wholly, in the picture.

    Args:
        regions: that are seen; those that the window cuts have no names.
        cut: names of what the window cuts: who sees a piece of it may take it for what is meant.
        lines: all that can be read.
    """
    whole = {name for region in regions for name in region.names} - cut
    read = f" {plain(' '.join(lines))} {plain(''.join(lines))} "
    renamed = []
    for region in regions:
        kept = tuple(name for name in region.names if name in whole and _can_be_told(name, whole, read))
        renamed.append(replace(region, names=kept))
    return renamed


def _can_be_told(name: str, whole: set[str], read: str) -> bool:
    """Whether all that a name counts and cites is in the picture."""
    quoted = _QUOTED.search(name)
    if quoted and plain(quoted[1]) not in read:
        return False
    if quoted and " under '" in name and f"the heading {quoted[0]}" not in whole:
        return False
    if _NUMBERED.fullmatch(name) and plain(name) not in read:
        return False
    counted = _COUNTED.search(_QUOTED.sub("", name))
    if counted is None:
        return True
    if counted[1] not in ORDINALS:
        return False
    before = ORDINALS[: ORDINALS.index(counted[1])]
    return all(name[: counted.start()] + other + name[counted.end() :] in whole for other in before)


def _cut(region: Region, box: Box) -> Region:
    """A region that the window cuts: what named the whole of it, and its text, may not fit the rest."""
    return replace(region, box=box, names=(), text="")


def _moved_word(word: Word, window: Box) -> Word:
    return replace(word, box=_moved(word.box, window), rect=_moved(word.rect, window))


def _moved(box: Box, window: Box) -> Box:
    return box[0] - window[0], box[1] - window[1], box[2] - window[0], box[3] - window[1]


def _holds(window: Box, box: Box) -> bool:
    return window[0] <= box[0] and window[1] <= box[1] and box[2] <= window[2] and box[3] <= window[3]


def _common(a: Box, b: Box) -> Box | None:
    x0, y0, x1, y1 = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _union(boxes: Sequence[Box]) -> Box:
    return (
        min(b[0] for b in boxes),
        min(b[1] for b in boxes),
        max(b[2] for b in boxes),
        max(b[3] for b in boxes),
    )


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
