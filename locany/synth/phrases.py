"""Descriptions by colour, size, place, order and relation, each with all and only the things it is true of.

Every predicate has three answers: true, false, and too close to call. A phrase for which anything in the
picture is too close to call is not made, so what is asked has one answer for every reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from locany.data.sample import Target
from locany.synth.colors import COLOR_NAMES

CLEARLY_LARGER = 1.5  # side of the least large thing over that of the largest small one
_ONE_SIZE = 1.4  # largest over smallest side within "the small ones" or "the large ones"
_LARGEST = 1.2  # side of "the largest" over that of the next
CLEAR_GAP = 0.03  # of the image's longer side, between centres that are ordered
_NEAREST = 1.35  # distance of the next nearest thing over that of "the nearest"
_SIDE_ZONE = (0.44, 0.56)  # below: on the one side; above: on the other; between: too close to call
_CORNER_ZONE = (0.34, 0.5)
_MOST_ORDERED = 7  # things that "the second from the left" may be one of
_ORDINALS = ("", "second", "third", "fourth")


@dataclass(frozen=True)
class Group:
    """Things that one noun is true of: "star", "red star".

    Attributes:
        noun: how they are called.
        things: all of them.
    """

    noun: str
    things: tuple[Target, ...]


Phrase = tuple[str, tuple[Target, ...]]  # the words, and all that they are true of
_Verdict = bool | None  # None: too close to call


def describe(
    rng: np.random.Generator,
    form: str,
    things: Sequence[Target],
    size_wh: tuple[int, int],
    *,
    negative: bool,
) -> Phrase | None:
    """A phrase of a form about what is there, or None where the scene offers none.

    Args:
        rng: the only source of chance.
        form: of `FORMS`, but for "name".
        things: everything nameable in the picture.
        size_wh: of the picture in pixels.
        negative: whether the phrase is to be true of nothing, though its noun is there.
    """
    if not things:
        return None
    found = _FORMS[form](rng, things, size_wh)
    fitting = [(words, targets) for words, targets in found if bool(targets) != negative]
    return fitting[int(rng.integers(len(fitting)))] if fitting else None


def by_color(rng: np.random.Generator, things: Sequence[Target], size_wh: tuple[int, int]) -> list[Phrase]:
    """ "red star", "blue icon": each colour that is there, and one that is not."""
    name = _some_name(rng, things)
    group = tuple(t for t in things if t.label == name)
    kinds = {t.attributes.get("type") for t in things}
    if len(kinds) == 1 and rng.random() < 0.2:  # "icon", "shape": the word for everything here
        name, group = str(kinds.pop()), tuple(things)
    if any("color" not in t.attributes for t in group):
        return []
    present = list(dict.fromkeys(t.attributes["color"] for t in group))
    absent = [color for color in COLOR_NAMES if color not in present]
    elsewhere = [t.attributes["color"] for t in things if t.attributes.get("color") in absent]
    # A colour of something else in the picture is the hard negative.
    if elsewhere and rng.random() < 0.7:
        absent = elsewhere
    asked = [*present, absent[int(rng.integers(len(absent)))]] if absent else present
    return [
        (f"{color} {name}", tuple(t for t in group if t.attributes["color"] == color))
        for color in asked
        if color not in name.split()
    ]


def by_size(rng: np.random.Generator, things: Sequence[Target], size_wh: tuple[int, int]) -> list[Phrase]:
    """ "small star", "largest red star"."""
    group = _some_group(rng, things)
    sides = sorted((_side(t), i) for i, t in enumerate(group.things))
    if len(sides) < 2:
        return []
    found: list[Phrase] = []
    ratios = [b[0] / a[0] for a, b in pairwise(sides)]
    cut = int(np.argmax(ratios)) + 1
    small, large = sides[:cut], sides[cut:]
    of_one_size = all(part[-1][0] / part[0][0] <= _ONE_SIZE for part in (small, large))
    if ratios[cut - 1] >= CLEARLY_LARGER and of_one_size:
        big = ("large", "big")[int(rng.integers(2))]
        for word, part in (("small", small), (big, large)):
            chosen = {i for _, i in part}
            found.append(
                (f"{word} {group.noun}", tuple(t for i, t in enumerate(group.things) if i in chosen))
            )
    if ratios[-1] >= _LARGEST:
        word = ("largest", "biggest")[int(rng.integers(2))]
        found.append((f"{word} {group.noun}", (group.things[sides[-1][1]],)))
    if ratios[0] >= _LARGEST:
        found.append((f"smallest {group.noun}", (group.things[sides[0][1]],)))
    return found


def by_place(rng: np.random.Generator, things: Sequence[Target], size_wh: tuple[int, int]) -> list[Phrase]:
    """ "star in the top left corner", "star on the right side"."""
    group = _some_group(rng, things)
    places: list[tuple[str, Callable[[Target], _Verdict]]] = [
        ("on the left side", partial(_on_side, 0, False, _SIDE_ZONE, size_wh)),
        ("on the right side", partial(_on_side, 0, True, _SIDE_ZONE, size_wh)),
        ("in the upper half", partial(_on_side, 1, False, _SIDE_ZONE, size_wh)),
        ("in the lower half", partial(_on_side, 1, True, _SIDE_ZONE, size_wh)),
    ]
    for down, vertical in ((False, "top"), (True, "bottom")):
        for right, horizontal in ((False, "left"), (True, "right")):
            places.append(
                (f"in the {vertical} {horizontal} corner", partial(_in_corner, right, down, size_wh))
            )
    found = ((f"{group.noun} {words}", _decide(group.things, verdict)) for words, verdict in places)
    return [(words, targets) for words, targets in found if targets is not None]


def by_order(rng: np.random.Generator, things: Sequence[Target], size_wh: tuple[int, int]) -> list[Phrase]:
    """ "leftmost star", "second star from the top"."""
    group = _some_group(rng, things)
    count = len(group.things)
    if not 2 <= count <= _MOST_ORDERED:
        return []
    gap = CLEAR_GAP * max(size_wh)
    found: list[Phrase] = []
    for axis, first, last, start, end in (
        (0, "leftmost", "rightmost", "left", "right"),
        (1, "topmost", "bottommost", "top", "bottom"),
    ):
        ordered = sorted(group.things, key=lambda t: _centre(t)[axis])
        at = [_centre(t)[axis] for t in ordered]
        clear = [b - a >= gap for a, b in pairwise(at)]
        for rank in range(min(count, len(_ORDINALS))):
            before, after = rank == 0 or clear[rank - 1], rank == count - 1 or clear[rank]
            if before and after:
                words = (
                    f"{_ORDINALS[rank]} {group.noun} from the {start}" if rank else f"{first} {group.noun}"
                )
                found.append((words, (ordered[rank],)))
            back = count - 1 - rank
            before, after = back == 0 or clear[back - 1], back == count - 1 or clear[back]
            if before and after:
                words = f"{_ORDINALS[rank]} {group.noun} from the {end}" if rank else f"{last} {group.noun}"
                found.append((words, (ordered[back],)))
    return found


def by_relation(rng: np.random.Generator, things: Sequence[Target], size_wh: tuple[int, int]) -> list[Phrase]:
    """ "star left of the dog", "star nearest to the red circle"."""
    anchors = _single_groups(things)
    group = _some_group(rng, things)
    anchors = [a for a in anchors if a.things[0] not in group.things]
    if not anchors:
        return []
    anchor = anchors[int(rng.integers(len(anchors)))]
    other = anchor.things[0]
    of = f"the {anchor.noun}"
    found: list[Phrase] = []
    for words, axis, sign in (
        (("left of", "to the left of"), 0, -1),
        (("right of", "to the right of"), 0, 1),
        (("above", "over"), 1, -1),
        (("below", "under"), 1, 1),
    ):
        targets = _decide(group.things, partial(beside, anchor=other, axis=axis, sign=sign))
        if targets is not None:
            found.append((f"{group.noun} {words[int(rng.integers(2))]} {of}", targets))
    if len(group.things) >= 2:
        apart = sorted((_distance(t, other), i) for i, t in enumerate(group.things))
        if apart[1][0] >= _NEAREST * apart[0][0] and apart[1][0] - apart[0][0] >= CLEAR_GAP * max(size_wh):
            near = ("closest to", "nearest to")[int(rng.integers(2))]
            found.append((f"{group.noun} {near} {of}", (group.things[apart[0][1]],)))
    return found


def beside(thing: Target, anchor: Target, axis: int, sign: int) -> _Verdict:
    """Whether a thing lies to one side of another.

    True: their boxes are apart along the axis (0 horizontal, 1 vertical) and the way across is at most half
    the way along. False: its centre lies on the other side, or level with the anchor's. None: between.
    """
    assert thing.xyxy is not None
    assert anchor.xyxy is not None
    here, there = _centre(thing), _centre(anchor)
    along, across = (here[axis] - there[axis]) * sign, abs(here[1 - axis] - there[1 - axis])
    if along <= 0:
        return False
    low, high = (anchor, thing) if sign > 0 else (thing, anchor)
    assert low.xyxy is not None
    assert high.xyxy is not None
    apart = low.xyxy[axis + 2] <= high.xyxy[axis]
    return True if apart and across <= along / 2 else None


_FORMS: dict[str, Callable[[np.random.Generator, Sequence[Target], tuple[int, int]], list[Phrase]]] = {
    "color": by_color,
    "size": by_size,
    "place": by_place,
    "order": by_order,
    "relation": by_relation,
}
FORMS = ("name", *_FORMS)


def _some_name(rng: np.random.Generator, things: Sequence[Target]) -> str:
    names = list(dict.fromkeys(t.label for t in things))
    return names[int(rng.integers(len(names)))]


def _some_group(rng: np.random.Generator, things: Sequence[Target]) -> Group:
    """All of a name; or where their colours are known and differ, at times all of a name and colour."""
    name = _some_name(rng, things)
    group = tuple(t for t in things if t.label == name)
    colors = list(dict.fromkeys(t.attributes.get("color") for t in group))
    if None in colors or len(colors) < 2 or rng.random() < 0.5:
        return Group(name, group)
    color = colors[int(rng.integers(len(colors)))]
    return Group(f"{color} {name}", tuple(t for t in group if t.attributes["color"] == color))


def _single_groups(things: Sequence[Target]) -> list[Group]:
    """Whatever a name, or a colour and a name, singles out."""
    names = Counter(t.label for t in things)
    colored = Counter((t.attributes.get("color"), t.label) for t in things)
    unknown = {t.label for t in things if "color" not in t.attributes}
    found = []
    for thing in things:
        color = thing.attributes.get("color")
        if names[thing.label] == 1:
            found.append(Group(thing.label, (thing,)))
        elif thing.label not in unknown and colored[color, thing.label] == 1:
            found.append(Group(f"{color} {thing.label}", (thing,)))
    return found


def _decide(things: Sequence[Target], verdict: Callable[[Target], _Verdict]) -> tuple[Target, ...] | None:
    """Those a predicate is true of, or None if any is too close to call."""
    verdicts = [verdict(thing) for thing in things]
    if None in verdicts:
        return None
    return tuple(thing for thing, true in zip(things, verdicts, strict=True) if true)


def _on_side(
    axis: int, far: bool, zone: tuple[float, float], size_wh: tuple[int, int], thing: Target
) -> _Verdict:
    """Whether a centre lies towards the near end of an axis, left or top, or with `far` the other."""
    share = _centre(thing)[axis] / size_wh[axis]
    share = 1 - share if far else share
    return True if share <= zone[0] else False if share >= zone[1] else None


def _in_corner(right: bool, down: bool, size_wh: tuple[int, int], thing: Target) -> _Verdict:
    return _both(
        _on_side(0, right, _CORNER_ZONE, size_wh, thing), _on_side(1, down, _CORNER_ZONE, size_wh, thing)
    )


def _both(a: _Verdict, b: _Verdict) -> _Verdict:
    if a is False or b is False:
        return False
    return True if a and b else None


def _centre(thing: Target) -> tuple[float, float]:
    assert thing.xyxy is not None
    x0, y0, x1, y1 = thing.xyxy
    return (x0 + x1) / 2, (y0 + y1) / 2


def _side(thing: Target) -> float:
    """The side of a square as large as its box."""
    assert thing.xyxy is not None
    x0, y0, x1, y1 = thing.xyxy
    return float(np.sqrt((x1 - x0) * (y1 - y0)))


def _distance(a: Target, b: Target) -> float:
    return float(np.hypot(*np.subtract(_centre(a), _centre(b))))
