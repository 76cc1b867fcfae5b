"""Sections of a page of any widgets: forms, lists, cards, tables, tools, each drawn to fit a width."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from locany.synth.gui import page as p
from locany.synth.gui.actions import actions
from locany.synth.gui.art import avatar, bars, curve, donut, landscape, product_photo, stars
from locany.synth.gui.icons import has_icon
from locany.synth.gui.kit import Kit
from locany.synth.gui.templates.prose import any_label, paragraph, sentence
from locany.synth.gui.words import keys

_LOOKS = ("main", "plain", "plain", "outline", "danger", "text")
_TONES = ("good", "bad", "warn", "info", "plain")
_EMOJI = "👟🎒☕🎧🧥⌚🪑🔪👓🥾⛺👖📱🥖🚂🍎🍕🚲🌵🐱🐶🦋🎸⚽🚀"  # none that an icon of an action shows as well
_SECOND = 2  # lists count from here: "the first card" means little where many things look like cards


@cache
def _worded() -> tuple[str, ...]:
    """Keys of what interfaces write on buttons."""
    return tuple(key for key in actions() if key in keys())


def _icons(kit: Kit) -> tuple[str, ...]:
    """Icons of the page's set that there are words for."""
    return tuple(key for key, act in actions().items() if act.looks and has_icon(kit.icon_set, key))


def any_button(kit: Kit, look: str = "", small: bool | None = None) -> p.Button:
    look = look or kit.pick(_LOOKS)
    small = kit.chance(0.5) if small is None else small
    if kit.labels is None:
        return kit.button(kit.pick(_worded()), look=look, small=small, off=kit.chance(0.05))
    icon = kit.pick(_icons(kit)) if kit.chance(kit.icon_share * 0.6) else ""
    return p.Button(any_label(kit), "", icon, look, small=small, off=kit.chance(0.05))


def any_icons(kit: Kit, low: int, high: int) -> tuple[p.Node, ...]:
    look = kit.pick(("text", "text", "plain", "outline"))
    icons = kit.some(_icons(kit), kit.number(low, high))
    return tuple(kit.bare(icons[i], look=look) for i in kit.rng.permutation(len(icons)).tolist())


def _item(kit: Kit, icons: bool) -> p.Item:
    note = str(kit.number(1, 99)) if kit.chance(0.15) else ""
    return p.Item(any_label(kit, 2), kit.pick(_icons(kit)) if icons else "", "", note)


def any_items(kit: Kit, count: int) -> tuple[p.Item, ...]:
    icons = kit.chance(0.6)
    return tuple(_item(kit, icons) for _ in range(count))


def any_nav(kit: Kit, kind: str, low: int, high: int) -> p.Nav:
    items = any_items(kit, kit.number(low, high))
    if kind in ("rail", "bottom"):
        items = tuple(p.Item(i.label, i.icon or kit.pick(_icons(kit))) for i in items)
    return p.Nav(items, kit.number(0, len(items) - 1), kind)


def any_sections(kit: Kit, width: float, count: int) -> tuple[p.Node, ...]:
    return tuple(kit.pick(_SECTIONS)(kit, width) for _ in range(count))


def _heading(kit: Kit, width: float) -> p.Node:
    text = p.Text(any_label(kit, 4), kit.pick(("h1", "h2", "h2", "h3", "bold", "muted")))
    if kit.chance(0.6):
        return text
    more: tuple[p.Node, ...] = (any_button(kit, small=True),) if kit.chance(0.5) else any_icons(kit, 1, 3)
    return p.Box((text, p.Box((), "grow"), *more), "row clip")


def _buttons(kit: Kit, width: float) -> p.Node:
    count = kit.number(1, max(1, min(5, int(width / 8))))
    small = kit.chance(0.5)
    inner = tuple(any_button(kit, small=small) for _ in range(count))
    return p.Box(inner, "row wrap" + kit.pick(("", "", " end", " center", " between", " loose")))


def any_tools(kit: Kit, width: float = 0) -> p.Node:
    return p.Box(
        any_icons(kit, 2, max(3, min(12, int((width or kit.em) / 3.5)))),
        kit.pick(("row tight", "row", "row wrap")),
    )


def _field(kit: Kit) -> p.Field:
    label, bare = any_label(kit), kit.chance(0.35)
    kind = kit.pick(("text", "text", "text", "email", "number", "area"))
    value = "" if kit.chance(0.5) or kind in ("number", "email") else any_label(kit)
    hint = label if bare else any_label(kit) if kit.chance(0.5) else ""
    icon = kit.pick(_icons(kit)) if kit.chance(0.2) and kind != "area" else ""
    return p.Field(
        label, kind, "" if bare else value, hint, icon, bare, kit.chance(0.06), lines=kit.number(2, 4)
    )


def _fields(kit: Kit, width: float) -> p.Node:
    across = 1 if width < 26 else kit.number(1, min(3, int(width / 13)))
    inner = tuple(
        p.Select(any_label(kit), any_label(kit), kit.chance(0.3)) if kit.chance(0.25) else _field(kit)
        for _ in range(kit.number(1, 2 * across + 1))
    )
    return p.Box(inner, "grid", f"grid-template-columns:repeat({across},1fr);align-items:end")


def _search(kit: Kit, width: float) -> p.Node:
    if kit.chance(0.5):
        return p.Box((p.Box((kit.search(),), "grow"), any_button(kit, "main", False)), "row")
    return p.Box((p.Box((_field(kit),), "grow"), *any_icons(kit, 1, 2)), "row")


def _choices(kit: Kit, width: float) -> p.Node:
    kind = kit.pick(("checkbox", "radio", "switch"))
    names = tuple(dict.fromkeys(any_label(kit) for _ in range(kit.number(2, 5))))
    chosen = kit.number(0, len(names) - 1)
    on = [i == chosen if kind == "radio" else kit.chance(0.4) for i in range(len(names))]
    if kind != "radio" and kit.chance(0.4):
        rows = tuple(
            p.Box(
                (p.Text(name, "p"), p.Choice(name, kind, on[i], bare=True)),
                "row between linb",
                f"padding:{kit.pick(('.2em', '.5em'))} 0",
                item=name,
                index=i + _SECOND,
            )
            for i, name in enumerate(names)
        )
        return p.Box(rows, "col nogap")
    inner = tuple(p.Choice(name, kind, on[i], kit.chance(0.05)) for i, name in enumerate(names))
    return p.Box(inner, kit.pick(("col tight", "row wrap loose", "col")))


def _sliders(kit: Kit, width: float) -> p.Node:
    inner: tuple[p.Node, ...] = tuple(
        p.Slider(any_label(kit), kit.number(5, 95)) for _ in range(kit.number(1, 2))
    )
    return p.Box((*inner, p.Progress(kit.number(5, 95))) if kit.chance(0.3) else inner, "col")


def _tabs(kit: Kit, width: float) -> p.Node:
    return any_nav(kit, kit.pick(("tabs", "tabs", "top")), 2, max(2, min(5, int(width / 8))))


def _trail(kit: Kit, width: float) -> p.Node:
    if kit.chance(0.5):
        return p.Crumbs(tuple(any_label(kit, 1) for _ in range(kit.number(2, 3))))
    return p.Pages(kit.number(3, 6), kit.number(1, 3))


def _table(kit: Kit, width: float) -> p.Node:
    columns = kit.number(2, max(2, min(5, int(width / 9))))
    names = tuple(dict.fromkeys(any_label(kit) for _ in range(kit.number(2, 6))))
    worded = kit.chance(0.4)
    icons = kit.some(_icons(kit), kit.number(1, 2))
    rows = []
    for name in names:
        cells: list[p.Node] = [p.Text(name, kit.pick(("p", "bold", "one")))]
        for _ in range(columns - 1):
            kind = kit.number(0, 5)
            cells.append(
                p.Tag(any_label(kit, 1), kit.pick(_TONES))
                if kind == 0
                else p.Text(
                    kit.pick((kit.content.money(), kit.content.day(), str(kit.number(1, 900)))), "p nowrap"
                )
                if kind < 4
                else p.Text(any_label(kit, 2), "one")
            )
        last = (any_button(kit, "text", True),) if worded else tuple(kit.bare(key) for key in icons)
        rows.append((*cells, p.Box(last, "row tight")))
    heads = (*(any_label(kit, 1) for _ in range(columns)), "")
    table = p.Table(heads, tuple(rows), names, kit.chance(0.3))
    return p.Box((table,), "panel clip fixed") if kit.chance(0.4) else p.Box((table,), "clip fixed")


def _cards(kit: Kit, width: float) -> p.Node:
    across = max(1, min(4, int(width / kit.number(9, 15))))
    icons = kit.some(_icons(kit), kit.number(1, 3))
    shown = kit.number(0, 3)
    cards = []
    names = tuple(dict.fromkeys(any_label(kit) for _ in range(across * kit.number(1, 2))))
    for i, name in enumerate(names):
        inner: list[p.Node] = []
        if shown == 0:
            height = kit.number(4, 8)
            inner.append(p.Art(product_photo(kit.rng, kit.pick(_EMOJI), height), kind="cover"))
        elif shown == 1:
            inner.append(
                p.Box((p.Art(landscape(kit.rng), kind="fill"),), "rel clip", f"height:{kit.number(3, 7)}em")
            )
        inner.append(p.Text(name, kit.pick(("bold", "p", "h3"))))
        if kit.chance(0.5):
            inner.append(p.Text(sentence(kit), "small muted two"))
        if kit.chance(0.3):
            inner.append(
                p.Box(
                    (p.Text(kit.content.money(), "bold nowrap"), p.Art(stars(kit.number(2, 5)))), "row wrap"
                )
            )
        if kit.chance(0.6):
            inner.append(
                p.Box(tuple(kit.bare(key) for key in icons), "row between")
                if shown % 2
                else any_button(kit, small=True)
            )
        cards.append(
            p.Box(
                tuple(inner),
                kit.pick(("tile col tight", "panel pads col")),
                item=name,
                index=i + _SECOND,
                of="card",
            )
        )
    return p.Box(tuple(cards), "grid", f"grid-template-columns:repeat({across},1fr)")


def _list(kit: Kit, width: float) -> p.Node:
    icons = kit.some(_icons(kit), kit.number(0, 2))
    lead = kit.number(0, 3)
    rows = []
    names = tuple(dict.fromkeys(any_label(kit) for _ in range(kit.number(2, 6))))
    two = kit.chance(0.5)
    for i, name in enumerate(names):
        first: tuple[p.Node, ...] = ()
        if lead == 1:
            first = (p.Art(avatar(kit.rng, name, 2.0)),)
        elif lead == 2:
            first = (p.Symbol(kit.pick(_icons(kit))),)
        elif lead == 3:
            first = (p.Choice(name, bare=True, on=kit.chance(0.3)),)
        text: p.Node = p.Text(name, "one grow")
        if two:
            text = p.Box(
                (p.Text(name, "bold one"), p.Text(sentence(kit), "small muted one")), "col nogap grow"
            )
        row = p.Box((*first, text, *(kit.bare(key) for key in icons)), "row", item=name, index=i + _SECOND)
        rows.append(p.Box((row,), "linb", f"padding:{kit.pick(('.15em 0', '.4em 0', '.7em .4em'))}"))
    return p.Box(tuple(rows), kit.pick(("col nogap", "panel pads", "col nogap surface pads")))


def _tiles(kit: Kit, width: float) -> p.Node:
    """Square buttons in a grid: keys of a calculator, programs of a telephone."""
    across = max(2, min(6, int(width / kit.number(4, 8))))
    count = across * kit.number(1, 3)
    if kit.chance(0.5):
        icons = kit.some(_icons(kit), count)
        tiles: tuple[p.Node, ...] = tuple(
            kit.bare(key, look=kit.pick(("plain", "outline")), small=False) for key in icons
        )
    else:
        names = dict.fromkeys(any_label(kit, 1) for _ in range(count))
        look = kit.pick(("plain", "outline", "main"))
        tiles = tuple(p.Button(name, "", "", look, wide=True) for name in names)
    return p.Box(tiles, "grid", f"grid-template-columns:repeat({across},1fr)")


def _picture(kit: Kit, width: float) -> p.Node:
    kind = kit.number(0, 3)
    if kind == 0:
        height = kit.number(5, 10)
        return p.Box((p.Art(landscape(kit.rng), kind="fill"),), "rel clip fixed", f"height:{height}em")
    labels = tuple(any_label(kit, 1)[:7] for _ in range(kit.number(3, 6)))
    chart = (
        bars(kit.rng, labels, "var(--x-brand)"),
        curve(kit.rng, labels, "var(--x-brand)"),
        donut(kit.rng, labels),
    )
    return p.Card((p.Art(chart[kind - 1], "chart", "", "chart"),), any_label(kit))


def _numbers(kit: Kit, width: float) -> p.Node:
    across = max(1, min(4, int(width / 10)))
    tiles = tuple(
        p.Box(
            (p.Text(any_label(kit, 2), "small muted one"), p.Text(kit.content.money(), "big nowrap")),
            "tile col tight",
        )
        for _ in range(across)
    )
    return p.Box(tiles, "grid", f"grid-template-columns:repeat({across},1fr)")


def _signs(kit: Kit, width: float) -> p.Node:
    if kit.chance(0.5):
        return p.Alert(sentence(kit), kit.pick(_TONES[:4]))
    return p.Box(
        tuple(p.Tag(any_label(kit, 1), kit.pick(_TONES)) for _ in range(kit.number(2, 5))), "row wrap tight"
    )


def _links(kit: Kit, width: float) -> p.Node:
    inner = tuple(p.Link(any_label(kit, 4)) for _ in range(kit.number(2, 5)))
    return p.Box(inner, kit.pick(("col tight", "row wrap loose", "row wrap")))


def _run(kit: Kit, count: int) -> tuple[str, ...]:
    """Names that count on: numbers, letters, codes of seats, times of a day."""
    kind, start = kit.number(0, 5), kit.number(0, 60)
    if kind <= 2:
        step = kit.pick((1, 1, 1, 2, 5, 10))
        return tuple(str(start + step * i) for i in range(count))
    if kind == 3:
        first = kit.number(0, 25)
        return tuple(chr(ord("A") + (first + i) % 26) for i in range(min(count, 26)))
    if kind == 4:
        across = kit.number(3, 9)
        return tuple(f"{chr(ord('A') + i // across)}{i % across + 1}" for i in range(count))
    minutes = kit.pick((15, 20, 30, 60))
    times = ((360 + start * 10 // minutes * minutes + minutes * i) % 1440 for i in range(count))
    return tuple(dict.fromkeys(f"{time // 60}:{time % 60:02}" for time in times))


def _counting(kit: Kit, width: float) -> p.Node:
    """Many small things in a grid, all alike but for what they are called: seats, keys, times."""
    across = max(3, min(10, int(width / kit.number(3, 7))))
    names = _run(kit, across * kit.number(2, 6))
    if kit.chance(0.15):
        names = tuple(names[i] for i in kit.rng.permutation(len(names)).tolist())
    look, off = kit.pick(("plain", "plain", "outline", "text", "main")), kit.pick((0.0, 0.0, 0.1, 0.3))
    cells: tuple[p.Node, ...]
    if kit.chance(0.5):
        cells = tuple(
            p.Button(name, "", "", look, small=True, wide=True, off=kit.chance(off)) for name in names
        )
    else:  # flat cells, with lines between them or without, the name in a corner or in the middle
        line = kit.pick(("", "border:1px solid var(--x-line);", "border-bottom:1px solid var(--x-line);"))
        place = kit.pick(("text-align:center;", "text-align:center;", "", "text-align:end;"))
        tall = f"padding:{kit.number(1, 6) / 10}em {kit.number(2, 5) / 10}em {kit.number(1, 16) / 10}em"
        text = kit.pick(("small", "p", "bold", "small muted"))
        cells = tuple(p.Hot((p.Text(name, text),), "button", name, "", line + place + tall) for name in names)
    gap = kit.pick(("0", "0", ".2em", ".5em"))
    heads: tuple[p.Node, ...] = ()
    if kit.chance(0.4):
        heads = tuple(p.Text(any_label(kit, 1)[:3], "small muted") for _ in range(across))
    return p.Box((*heads, *cells), "grid", f"grid-template-columns:repeat({across},1fr);gap:{gap}")


def _values(kit: Kit, width: float) -> p.Node:
    """Names and values beside or under each other, as a sheet of facts has them."""
    apart, small = kit.chance(0.5), kit.chance(0.4)
    rows = []
    for _ in range(kit.number(3, 8)):
        value = kit.pick((kit.content.money(), kit.content.day(), kit.content.clock(), any_label(kit, 2)))
        name = p.Text(any_label(kit, 2), "small muted one" if small else "muted one")
        both = (name, p.Text(value, "small one" if small else "p one"))
        rows.append(p.Box(both, "row between" if apart else "row loose"))
    return p.Box(tuple(rows), kit.pick(("col tight", "col nogap", "panel pads col tight")))


def _tree(kit: Kit, width: float) -> p.Node:
    """Links, some of them deeper than others."""
    deep, rows = 0, []
    for _ in range(kit.number(4, 9)):
        label = any_label(kit, 2)
        sign = (p.Symbol(kit.pick(_icons(kit))),) if kit.chance(0.4) else ()
        rows.append(p.Box((*sign, p.Link(label)), "row tight", f"padding-inline-start:{deep * 1.3:.1f}em"))
        deep = max(0, min(3, deep + kit.pick((-1, 0, 0, 1))))
    return p.Box(tuple(rows), kit.pick(("col nogap", "col tight")))


def _small_print(kit: Kit, width: float) -> p.Node:
    """Many short lines of small letters."""
    lines = tuple(
        p.Text(
            any_label(kit, 4) if kit.chance(0.5) else sentence(kit), "small one" + kit.pick(("", " muted"))
        )
        for _ in range(kit.number(3, 9))
    )
    return p.Box(lines, "col nogap")


def _panel(kit: Kit, width: float) -> p.Node:
    inner = tuple(kit.pick(PLAIN)(kit, width - 3) for _ in range(kit.number(1, 3)))
    return p.Card(inner, any_label(kit) if kit.chance(0.6) else "")


def _pair(kit: Kit, width: float) -> p.Node:
    """Two sections beside each other, of any widths."""
    if width < 24:
        return kit.pick(PLAIN)(kit, width)
    share = float(kit.rng.uniform(0.35, 0.65))
    halves = tuple(
        p.Box((kit.pick(PLAIN)(kit, width * part), kit.pick(PLAIN)(kit, width * part)), "col clip")
        for part in (share, 1 - share)
    )
    return p.Box(halves, "grid", f"grid-template-columns:{share:.2f}fr {1 - share:.2f}fr;align-items:start")


_Section = Callable[[Kit, float], p.Node]
PLAIN: tuple[_Section, ...] = (
    *(_heading, paragraph, _buttons, _buttons, any_tools, _fields, _fields, _search, _choices, _choices),
    *(_sliders, _tabs, _trail, _list, _tiles, _picture, _signs, _links),
    *(_counting, _counting, _values, _tree, _small_print),
)
_SECTIONS: tuple[_Section, ...] = (*PLAIN, _table, _cards, _cards, _numbers, _panel, _panel, _pair, _pair)
