"""What an element of a screen can be called, such that only it is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from locany.synth.gui.actions import actions
from locany.synth.gui.html import Element
from locany.synth.gui.truth import Box, Line, Thing, Truth
from locany.synth.gui.wording import (
    CLICKED,
    DRAWN_BESIDES,
    NOUNS,
    NUMBERED,
    ORDINALS,
    STATED,
    TYPED,
    confusable,
    family,
    icon_called,
    labelled,
    looks_alike,
    plain,
    same_family,
    third_person,
    with_article,
)

_SILENT = frozenset({"icon", "other day"})  # seen, but nothing that one would ask for
_SIDES = {
    "left of": ("left of",),
    "right of": ("right of", "next to"),
    "above": ("above",),
    "under": ("under", "below"),
}
_ITEMS = frozenset(
    {"the item", "the file", "the message", "this"}
)  # what an action may do to an item of a list


@dataclass(frozen=True)
class Phrase:
    """Words that mean one thing.

    Attributes:
        text: the phrase.
        level: "label", "role", "action", "look", "relation", "place", "colour" or "state".
        thing: what it means.
    """

    text: str
    level: str
    thing: Thing


class Describer:
    """Finds phrases for the things of one screen. Whatever it yields fits one thing only."""

    def __init__(self, rng: np.random.Generator, truth: Truth, size_wh: tuple[int, int]) -> None:
        self._rng, self._things, self._lines = rng, truth.things, truth.lines
        self._size = size_wh
        self._written: dict[str, int] = {}
        for line in truth.lines:
            self._written[plain(line.text)] = self._written.get(plain(line.text), 0) + 1

    def all(self) -> Iterator[Phrase]:
        """Every phrase for every thing that is seen well; one wording of each kind."""
        for thing in self._things:
            if thing.clear and thing.element.role not in _SILENT:
                for level, text in self._of(thing):
                    yield Phrase(text, level, thing)

    def _of(self, thing: Thing) -> Iterator[tuple[str, str]]:
        yield from self._by_label(thing)
        yield from self._by_action(thing)
        yield from self._by_list(thing)
        yield from self._by_region(thing)
        yield from self._by_neighbour(thing)
        yield from self._by_place(thing)
        yield from self._by_state(thing)

    def _by_label(self, thing: Thing) -> Iterator[tuple[str, str]]:
        e = thing.element
        if not e.label or len(e.label) > 60 or not self._shown(thing):
            return
        mine = plain(e.label)
        if not self._only(
            thing, lambda o: plain(o.element.name) == mine and same_family(o.element.role, e.role)
        ):
            return
        noun, label = self._noun(e.role), e.label
        lone = self._written.get(mine, 0) <= 1 and self._only(thing, lambda o: plain(o.element.name) == mine)
        if e.inside and lone and e.role in CLICKED:
            yield "label", self._one(label, label, f"click on {label}", f"click '{label}'", f'"{label}"')
        number = NUMBERED.get(e.role)
        if number:
            yield "role", self._one(f"{number} {label}", f"go to {number} {label}")
        else:
            yield "role", self._one(*labelled(label, noun))
        told = {
            "tab": (f"open the {label} tab", f"switch to {label}"),
            "menu item": (f"choose {label} from the menu",),
            "checkbox": (f"untick {label}",)
            if "checked" in e.states
            else (f"tick {label}", f"check '{label}'"),
            "switch": (f"turn off {label}",) if "on" in e.states else (f"turn on {label}", f"enable {label}"),
            "radio button": (f"choose {label}", f"select the option {label}"),
            "text field": (
                f"type into the {label} field",
                f"enter the {label}",
                f"click into the field {label}",
            ),
            "drop-down list": (f"open the {label} list", f"change the {label}"),
            "slider": (f"change the {label}", f"drag the {label} slider"),
        }.get(e.role)
        if told and "disabled" not in e.states:
            yield "role", self._one(*told)

    def _by_action(self, thing: Thing) -> Iterator[tuple[str, str]]:
        e = thing.element
        if (
            e.icon
            and not e.label
            and e.role not in TYPED
            and self._only(thing, lambda o: looks_alike(o.element.icon, e.icon))
        ):
            look = self._one(*actions()[e.icon].looks)
            button = f"the button with the {look}"
            called = (f"the {icon_called(look)}", icon_called(look), f"the icon of {with_article(look)}")
            yield "look", button if e.icon in DRAWN_BESIDES else self._one(*called, button)
        act = actions().get(e.action)
        if act is None or "disabled" in e.states or (e.role in TYPED and e.action != "search"):
            return
        if not self._only(thing, lambda o: _may_do(o.element, e.action)):
            return
        what = " ".join((act.verb, e.thing or act.thing)).strip()
        verb, _, rest = what.partition(" ")
        told = f"{third_person(verb)} {rest}".strip()
        noun = "icon" if e.icon and not e.label and e.role not in TYPED else self._noun(e.role)
        yield "action", self._one(what, what, f"the {noun} that {told}", f"where do I click to {what}")

    def _by_list(self, thing: Thing) -> Iterator[tuple[str, str]]:
        e = thing.element
        if not e.index or e.item == e.label:
            return
        named = self._written.get(plain(e.item), 0) == 1
        where = self._ordinal(thing)
        for what, same in self._whats(thing):
            if any(o is not thing and same(o) and _item(o) == _item(thing) for o in self._things):
                continue
            if named:
                name = self._one(f"'{e.item}'", e.item, f"of '{e.item}'" if e.of == "row" else f"'{e.item}'")
                yield "relation", f"{what} in the {e.of} {name}"
            if where:
                yield "relation", f"{what} in the {where} {e.of}"
        act = actions().get(e.action)
        if named and act and act.thing in _ITEMS and not e.thing:
            rivals = [
                o for o in self._things if o.element.item == e.item and confusable(o.element.action, e.action)
            ]
            if rivals == [thing]:
                yield "action", self._one(f"{act.verb} {e.item}", f"{act.verb} '{e.item}'")

    def _ordinal(self, thing: Thing) -> str:
        """ "third" or "last", where the list starts on the screen and is the only one of its kind."""
        e = thing.element
        fellows = [o for o in self._things if o.element.of == e.of and o.element.index]
        lists = {o.element.index: o.element.item for o in fellows}
        if any(lists[o.element.index] != o.element.item for o in fellows):
            return ""
        if not any(o.clear and o.element.index == 1 for o in fellows):
            return ""
        if e.index <= len(ORDINALS):
            return ORDINALS[e.index - 1]
        last = e.index == max(lists) and all(o.clear for o in fellows if o.element.index == e.index)
        return "last" if last else ""

    def _by_region(self, thing: Thing) -> Iterator[tuple[str, str]]:
        e = thing.element
        if e.index and not e.label:
            return
        for region in e.regions[:2]:
            for what, same in self._whats(thing):
                fitting = [o for o in self._things if same(o)]
                inside = [o for o in fitting if region in o.element.regions]
                if inside == [thing] and (len(fitting) > 1 or self._rng.random() < 0.25):
                    yield "relation", f"{what} in the {region}"

    def _by_neighbour(self, thing: Thing) -> Iterator[tuple[str, str]]:
        """A landmark of words right beside it, for which it is the nearest of its kind by far."""
        e = thing.element
        if e.role in ("page number", "day", "image", "profile picture", "chart"):
            return
        noun, peers = self._sort(thing)
        best: dict[str, tuple[float, Line]] = {}
        for line in self._lines:
            lone = line.clear and self._written[plain(line.text)] == 1 and 2 <= len(line.text) <= 40
            own = plain(line.text) == plain(e.label) and e.inside
            if not lone or own or _overlap(line.xyxy, thing.xyxy):
                continue
            for side in _SIDES:
                distance = _distance(thing.xyxy, line.xyxy, side)
                if distance is not None and distance < best.get(side, (1e9, line))[0]:
                    best[side] = (distance, line)
        for side, (distance, line) in best.items():
            limit = 4 * (line.xyxy[3] - line.xyxy[1])
            rivals = [_distance(o.xyxy, line.xyxy, side) for o in peers]
            if distance > limit or any(d is not None and d <= 2 * distance + limit / 2 for d in rivals):
                continue
            beside = self._one(*_SIDES[side])
            if beside == "next to" and any(
                _distance(o.xyxy, line.xyxy, "left of") is not None for o in peers
            ):
                beside = side
            yield "relation", f"the {noun} {beside} '{line.text}'"

    def _by_place(self, thing: Thing) -> Iterator[tuple[str, str]]:
        e = thing.element
        if e.role in ("page number", "image", "profile picture"):
            return
        noun, peers = self._sort(thing)
        color = thing.color
        told = color and color not in ("white", "grey", "black")
        rivals = [o for o in peers if o.color in (color, "")]
        if told and not rivals:
            yield "colour", self._one(f"the {color} {noun}", f"{color} {noun}", f"click the {color} {noun}")
        place = self._place(thing.xyxy)
        if place and not any(self._may_be_at(o.xyxy, place) for o in peers):
            words = f"{color} {noun}" if told and self._rng.random() < 0.5 else noun
            yield (
                "place",
                self._one(f"the {words} at the {place}", f"the {words} in the {place} of the screen")
                if (" " in place)
                else f"the {words} at the {place} of the screen",
            )
        elif place and told and not any(self._may_be_at(o.xyxy, place) for o in rivals):
            yield "colour", f"the {color} {noun} at the {place} of the screen"
        if len(peers) >= 2:
            for word, axis, sign in (
                ("topmost", 1, 1),
                ("lowest", 1, -1),
                ("leftmost", 0, 1),
                ("rightmost", 0, -1),
            ):
                mine = sign * _centre(thing.xyxy)[axis]
                gap = (thing.xyxy[2 + axis] - thing.xyxy[axis]) * 0.75
                if all(sign * _centre(o.xyxy)[axis] > mine + gap for o in peers):
                    yield "place", f"the {word} {noun}"

    def _by_state(self, thing: Thing) -> Iterator[tuple[str, str]]:
        e = thing.element
        kind = family(e.role)
        for state in e.states:

            def alike(o: Thing, state: str = state) -> bool:
                return family(o.element.role) == kind and state in o.element.states

            if self._only(thing, alike):
                text = self._one(*STATED[state]).format(noun=self._noun(e.role))
                yield "state", f"the {text}"

    def _whats(self, thing: Thing) -> Iterator[tuple[str, Callable[[Thing], bool]]]:
        """Ways to say what it is, each with the test whether they say so of another."""
        e = thing.element
        noun = self._noun(e.role)
        if e.label and self._shown(thing):
            mine = plain(e.label)
            number = NUMBERED.get(e.role)
            yield (
                f"{number} {e.label}" if number else labelled(e.label, noun)[0],
                lambda o: plain(o.element.name) == mine and same_family(o.element.role, e.role),
            )
        elif e.icon and e.role not in TYPED and e.icon in actions():
            look = self._one(*actions()[e.icon].looks)
            yield f"the {icon_called(look)}", lambda o: looks_alike(o.element.icon, e.icon)
        yield f"the {noun}", lambda o: family(o.element.role) == family(e.role)

    def _shown(self, thing: Thing) -> bool:
        """Whether its label can be read, in it or beside it."""
        e = thing.element
        if not e.inside:
            return any(line.clear and line.text == e.label for line in self._lines)
        inner = "".join(line.text for line in self._lines if line.clear and _holds(thing.xyxy, line.xyxy))
        label = "".join(e.label.split())
        if label in "".join(inner.split()):
            return True
        # A link among the words of a line.
        around = (line.text for line in self._lines if line.clear and _covers(line.xyxy, thing.xyxy))
        return any(label in "".join(text.split()) for text in around)

    def _sort(self, thing: Thing) -> tuple[str, list[Thing]]:
        """What to call it by its kind alone, and all others that could be called so."""
        kind = family(thing.element.role)
        noun = self._noun(thing.element.role)
        if noun == "button" and not thing.element.label and self._rng.random() < 0.5:
            noun = "icon button"
        return noun, [o for o in self._things if family(o.element.role) == kind and o is not thing]

    def _only(self, thing: Thing, test: Callable[[Thing], bool]) -> bool:
        return all(o is thing for o in self._things if test(o))

    def _noun(self, role: str) -> str:
        return self._one(*NOUNS.get(role, (role,)))

    def _one(self, *options: str) -> str:
        return options[int(self._rng.integers(len(options)))]

    def _place(self, box: Box) -> str:
        (x, y), (w, h) = _centre(box), self._size
        column = "left" if x < w * 0.25 else "right" if x > w * 0.75 else ""
        row = "top" if y < h * 0.22 else "bottom" if y > h * 0.78 else ""
        if not (row or column) and abs(x / w - 0.5) < 0.1 and abs(y / h - 0.5) < 0.12:
            return "centre"
        return f"{row} {column}".strip() if row and column else ""

    def _may_be_at(self, box: Box, place: str) -> bool:
        """Whether somebody could say that it is there, generously."""
        (x, y), (w, h) = _centre(box), self._size
        wide = {
            "left": x < w * 0.45,
            "right": x > w * 0.55,
            "top": y < h * 0.42,
            "bottom": y > h * 0.58,
            "centre": abs(x / w - 0.5) < 0.25 and abs(y / h - 0.5) < 0.25,
        }
        return all(wide[word] for word in place.split())


def _may_do(e: Element, action: str) -> bool:
    return confusable(e.action, action) or any(
        confusable(rival, action) or looks_alike(rival, action) for rival in e.rivals
    )


def _item(thing: Thing) -> tuple[str, str]:
    return thing.element.of, thing.element.item


def _centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _holds(outer: Box, inner: Box) -> bool:
    x, y = _centre(inner)
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def _covers(outer: Box, inner: Box) -> bool:
    """Whether one lies in the other from side to side, at its height."""
    y = _centre(inner)[1]
    return outer[0] <= inner[0] + 1 and inner[2] - 1 <= outer[2] and outer[1] <= y <= outer[3]


def _overlap(a: Box, b: Box) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def _distance(box: Box, mark: Box, side: str) -> float | None:
    """How far a box lies on a side of a landmark; None where it does not lie there."""
    flat = side in ("left of", "right of")
    low, high = (1, 3) if flat else (0, 2)
    shared = min(box[high], mark[high]) - max(box[low], mark[low])
    if shared < 0.5 * min(box[high] - box[low], mark[high] - mark[low]):
        return None
    gap = {
        "left of": mark[0] - box[2],
        "right of": box[0] - mark[2],
        "above": mark[1] - box[3],
        "under": box[1] - mark[3],
    }[side]
    return gap if gap >= -1 else None
