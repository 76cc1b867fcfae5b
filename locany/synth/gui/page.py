"""What a page consists of, without a word about how it looks: templates write it, toolkits draw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Box:
    """An area that holds others.

    Attributes:
        children: what is in it, in order.
        kind: class names of the layout styles: "row", "col", "grid", "surface", ...
        style: more CSS.
        region: what people call the area ("sidebar"); relations name it.
        item: visible name of a row or card of a list; empty for an area that is none.
        index: place in its list, from 1; 0 for an area that is no item.
        of: what an item of its list is called.
        scroll: pixels by which the content is scrolled down.
    """

    children: tuple[Node, ...] = ()
    kind: str = "col"
    style: str = ""
    region: str = ""
    item: str = ""
    index: int = 0
    of: str = "row"
    scroll: int = 0


@dataclass(frozen=True)
class Text:
    """Words that nobody clicks. `kind` is a class of the layout styles: h1, h2, h3, p, muted, small, big."""

    text: str
    kind: str = "p"


@dataclass(frozen=True)
class Button:
    """A push button.

    Attributes:
        label: its words; of a bare button, its accessible name.
        action: key of what it does; empty where it is told by its label alone.
        icon: key of the icon it shows; empty for none.
        look: "main", "plain", "outline", "danger" or "text".
        bare: shows its icon only.
        on: held down, as in a tool bar.
        thing: what it acts upon, where the action's usual object is too vague.
    """

    label: str
    action: str = ""
    icon: str = ""
    look: str = "plain"
    bare: bool = False
    small: bool = False
    off: bool = False
    on: bool = False
    wide: bool = False
    thing: str = ""


@dataclass(frozen=True)
class Link:
    """Words to follow."""

    label: str
    action: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Field:
    """Where text is typed: `kind` is text, email, password, search, number, date, or area for many lines."""

    label: str
    kind: str = "text"
    value: str = ""
    placeholder: str = ""
    icon: str = ""
    bare: bool = False  # the label is not shown
    off: bool = False
    lines: int = 3
    action: str = ""


@dataclass(frozen=True)
class Choice:
    """A check box, radio button or switch, by `kind`; bare without its label."""

    label: str
    kind: str = "checkbox"
    on: bool = False
    off: bool = False
    bare: bool = False


@dataclass(frozen=True)
class Select:
    """A closed drop-down list showing `value`."""

    label: str
    value: str
    bare: bool = False
    off: bool = False


@dataclass(frozen=True)
class Slider:
    """A value from 0 to 100 on a line."""

    label: str
    value: int
    bare: bool = False


@dataclass(frozen=True)
class Item:
    """An entry of a navigation or menu."""

    label: str
    icon: str = ""
    action: str = ""
    note: str = ""  # a count or a keyboard shortcut
    off: bool = False


@dataclass(frozen=True)
class Nav:
    """Entries of which one is open: `kind` is side, top, rail (icons only), bottom, or tabs."""

    items: tuple[Item, ...]
    selected: int = 0
    kind: str = "side"
    region: str = ""


@dataclass(frozen=True)
class Menu:
    """An open menu, floating at (x, y) pixels of the page."""

    items: tuple[Item, ...]
    x: int
    y: int


@dataclass(frozen=True)
class Crumbs:
    """The way to this page; the last one is here."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Pages:
    """Page numbers from 1, between two arrows."""

    count: int
    current: int


@dataclass(frozen=True)
class Table:
    """Rows of cells, each row called by its visible name."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Node, ...], ...]
    names: tuple[str, ...]
    checks: bool = False
    chosen: tuple[int, ...] = ()
    of: str = "row"


@dataclass(frozen=True)
class Card:
    """A framed area with an optional title."""

    children: tuple[Node, ...]
    title: str = ""
    item: str = ""
    index: int = 0
    of: str = "card"


@dataclass(frozen=True)
class Tag:
    """A coloured word: `tone` is good, bad, warn, info or plain."""

    text: str
    tone: str = "plain"


@dataclass(frozen=True)
class Progress:
    """How far something is, 0 to 100."""

    value: int


@dataclass(frozen=True)
class Alert:
    """A message in a coloured box."""

    text: str
    tone: str = "info"


@dataclass(frozen=True)
class Symbol:
    """An icon that nobody clicks."""

    key: str


@dataclass(frozen=True)
class Art:
    """A drawing of our own: a picture, chart, avatar or map, as HTML."""

    html: str
    role: str = ""  # "image", "chart", ... where it can be asked for
    name: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Hot:
    """An area that can be clicked as a whole: a message, a day, a pin on a map."""

    children: tuple[Node, ...]
    role: str
    name: str
    kind: str = ""
    style: str = ""
    on: bool = False
    region: str = ""
    item: str = ""
    index: int = 0
    of: str = ""
    action: str = ""


@dataclass(frozen=True)
class Dialog:
    """A window over the page, with what was asked and the buttons to answer."""

    title: str
    children: tuple[Node, ...]
    actions: tuple[Node, ...]
    close: bool = True
    width: int = 420


Node: TypeAlias = (
    Box
    | Text
    | Button
    | Link
    | Field
    | Choice
    | Select
    | Slider
    | Nav
    | Menu
    | Crumbs
    | Pages
    | Table
    | Card
    | Tag
    | Progress
    | Alert
    | Symbol
    | Art
    | Hot
    | Dialog
)


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        title: what the window or browser tab says.
        body: the content, filling the viewport.
        overlay: a dialog over all of it, or None.
        floats: open menus, banners: they cover what is below them.
    """

    title: str
    body: Node
    overlay: Dialog | None = None
    floats: tuple[Node, ...] = ()
