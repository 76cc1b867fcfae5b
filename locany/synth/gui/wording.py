"""Words for elements of a screen: nouns, ordinals, states; what is the same word or the same deed."""

from __future__ import annotations

import re

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
}
TYPED = frozenset({"text field", "search field"})
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


def looks_alike(one: str, other: str) -> bool:
    """Whether two icons are called the same."""
    if not one or not other or one not in actions() or other not in actions():
        return False
    first, second = (set(" ".join(actions()[key].looks).split()) - _VAGUE for key in (one, other))
    return one == other or bool(set(actions()[one].looks) & set(actions()[other].looks)) or first == second


_VAGUE = frozenset({"a", "an", "of", "with", "the", "in", "into", "out"})


def with_article(look: str) -> str:
    """ "open book" -> "an open book", "three lines" -> "three lines"."""
    head = re.split(r" (?:of|with|in|into|out|on|going|pointing|turning|leaving|entering) ", look)[0]
    if head.endswith("s") and not head.endswith("ss"):
        return look
    return f"{'an' if look[0] in 'aeiou' else 'a'} {look}"


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
