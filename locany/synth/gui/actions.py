"""What a control can do, how English says so, and which icon of each set shows it.

The table has one line per action: key | icon in lucide, tabler, bootstrap, material, phosphor, heroicons
(- where a set has none) | what the icon looks like | verb | usual object.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from locany.synth.gui.resources import resource

ICON_SETS = ("lucide", "tabler", "bootstrap", "material", "phosphor", "heroicons")


@dataclass(frozen=True)
class Action:
    """What a control does.

    Attributes:
        key: what templates call it.
        icons: icon name by icon set; a set that has none is missing.
        looks: what its icon shows, without an article.
        verb: what it does, in the imperative.
        thing: to what, where nothing better is known; may be empty.
    """

    key: str
    icons: dict[str, str]
    looks: tuple[str, ...]
    verb: str
    thing: str


@cache
def actions() -> dict[str, Action]:
    """All actions by key."""
    found = {}
    for line in resource("actions.txt").splitlines():
        key, icons, looks, verb, thing = line.split("|")
        by_set = {s: name for s, name in zip(ICON_SETS, icons.split(","), strict=True) if name != "-"}
        found[key] = Action(key, by_set, tuple(look for look in looks.split(",") if look), verb, thing)
    return found


# Actions that people would not tell apart by what they do: never asked for where two of one group are seen.
CONFUSABLE: tuple[frozenset[str], ...] = tuple(
    frozenset(group.split())
    for group in (
        "close cancel back left previous undo no discard delete remove",
        "close close_window",
        "save apply submit check confirm ok publish finish",
        "next right skip forward redo continue",
        "add file_add folder_add create upload new compose",
        "more options menu settings",
        "search zoom_in zoom_out find filter",
        "user users login logout account profile",
        "mail inbox send chat compose",
        "clock history calendar",
        "chart pie dashboard reports",
        "folder file cloud inbox archive",
        "cart bag checkout buy add_to_cart",
        "star heart bookmark like flag",
        "lock key shield security privacy",
        "download save export",
        "refresh repeat sync undo redo",
        "play start next skip video",
        "pin locate map navigate",
        "grid rows columns table list",
        "share external link send forward",
        "sun moon palette appearance",
        "image camera photos",
        "help info warning",
        "image crop rectangle fullscreen",
        "eye view details open",
        "phone video mobile call",
        "sort filter up down",
        "print save download",
    )
)
