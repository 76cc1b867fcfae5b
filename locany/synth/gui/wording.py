"""Words for elements of a screen: nouns, ordinals, states; what is the same word or the same deed."""

from __future__ import annotations

import re
from functools import cache

from locany.synth.gui.actions import CONFUSABLE, actions

CLICKED = frozenset(
    {
        *("button", "link", "navigation link", "navigation button", "tab", "menu item", "page number"),
        *("browser tab", "message", "event", "day", "file", "folder", "conversation", "product", "pin"),
        *("song", "result", "task", "colour swatch"),
    }
)
_FAMILIES = {
    "text field": "field",
    "search field": "field",
    "navigation button": "button",
    "page number": "button",
    "navigation link": "link",
    "browser tab": "tab",
    "other day": "day",
}
TYPED = frozenset({"text field", "search field"})
# Roles that are called by a number: "page 3", not "the 3 page number".
NUMBERED = {"page number": "page", "day": "day"}
NOUNS = {
    "text field": ("text field", "field", "input field"),
    "search field": ("search field", "search box"),
    "drop-down list": ("drop-down list", "drop-down", "select box"),
    "checkbox": ("checkbox", "check box", "tick box"),
    "navigation link": ("link", "navigation link", "entry"),
    "navigation button": ("button", "navigation button"),
    "switch": ("switch", "toggle"),
    "pin": ("pin", "marker"),
}
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
STATED = {
    "selected": ("selected {noun}", "{noun} that is selected", "active {noun}"),
    "disabled": ("disabled {noun}", "greyed-out {noun}", "{noun} that cannot be used"),
    "checked": ("checked {noun}", "ticked {noun}", "{noun} that is checked"),
    "unchecked": ("unchecked {noun}", "empty {noun}", "{noun} that is not checked"),
    "on": ("{noun} that is on", "{noun} that is switched on"),
    "off": ("{noun} that is off", "{noun} that is switched off"),
}


def plain(text: str) -> str:
    """A text as one compares it."""
    return " ".join(text.casefold().split())


def confusable(one: str, other: str) -> bool:
    """Whether two actions do nearly the same."""
    return bool(one and other) and (
        one == other or any(one in group and other in group for group in CONFUSABLE)
    )


@cache
def looks_alike(one: str, other: str) -> bool:
    """Whether what one icon is called is true of the other, or some set draws them the same.

    "three dots" is true of three vertical dots, "magnifying glass" of one with a plus.
    """
    if one not in actions() or other not in actions():
        return False
    first, second = actions()[one], actions()[other]
    if one == other or any(one in group and other in group for group in _ONE_SIGHT):
        return True
    if any(second.icons.get(icon_set) == name for icon_set, name in first.icons.items()):
        return True
    bags = [[set(look.split()) - _VAGUE for look in action.looks] for action in (first, second)]
    return any(a <= b or b <= a for a in bags[0] for b in bags[1])


_VAGUE = frozenset({"a", "an", "of", "with", "the", "in", "into", "out"})
_ONE_SIGHT = tuple(
    frozenset(group.split())
    for group in (
        "refresh repeat",
        "back undo reply",
        "next redo forward",
        "menu rows align_left align_center align_right",
        "user users invite accessibility",
    )
)
# What pages also draw as no control: ticks, ratings, arrows of lists, avatars, charts, pictures of products.
# None of these is asked for as absent, nor as "the icon" where "the button" would leave no doubt.
DRAWN_BESIDES = frozenset(
    {
        *("check", "down", "right", "star", "circle", "rectangle", "remove", "chart", "pie", "table"),
        *("calendar", "user", "users", "smile", "image", "map", "battery", "wifi", "info", "warning"),
        *("headphones", "mobile", "clock", "bag", "volume", "moon", "sun"),
        *("folder", "file", "music", "video", "archive"),
    }
)


def with_article(look: str) -> str:
    """ "open book" -> "an open book", "three lines" -> "three lines"."""
    head = _LINKED.split(look)[0]
    if head.endswith("s") and not head.endswith("ss"):
        return look
    return f"{'an' if look[0] in 'aeiou' else 'a'} {look}"


_LINKED = re.compile(r" (?:of|with|in|into|out|on|going|pointing|turning|leaving|entering) ")


def icon_called(look: str, *, plural: bool = False) -> str:
    """ "trash can icon"; where that would be clumsy, "icon of an arrow pointing left"."""
    noun = "icons" if plural else "icon"
    return f"{noun} of {with_article(look)}" if _LINKED.search(look) else f"{look} {noun}"


def labelled(label: str, noun: str) -> tuple[str, ...]:
    """Ways to say which of a kind, by its label: a long one only in quotation marks."""
    ways = (f"the {noun} '{label}'", f"the {noun} labelled {label}")
    return ways if len(label.split()) > 2 else (f"the {label} {noun}", ways[0], f"{label} {noun}", ways[1])


def third_person(verb: str) -> str:
    """ "search" -> "searches"."""
    if verb.endswith(("s", "sh", "ch", "x", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def family(role: str) -> str:
    """Roles that people call the same, as one."""
    return _FAMILIES.get(role, role)


def same_family(one: str, other: str) -> bool:
    """Whether two roles answer to the same words: all that is clicked, all that is typed into, ..."""
    return (one in CLICKED and other in CLICKED) or family(one) == family(other)
