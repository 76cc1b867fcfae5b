"""A page of any widgets in any order: what no program looks like, so that nothing is found by habit."""

from __future__ import annotations

from locany.synth.gui import page as p
from locany.synth.gui.art import avatar, logo
from locany.synth.gui.kit import Kit
from locany.synth.gui.templates.mixed_sections import (
    PLAIN,
    any_button,
    any_icons,
    any_items,
    any_nav,
    any_sections,
    any_tools,
)
from locany.synth.gui.templates.prose import any_label
from locany.synth.gui.templates.shell import app_bar, mobile_bar, site_bar


def mixed(kit: Kit) -> p.Page:
    """Bars, columns and panels at random, filled with sections at random until they are surely full."""
    width = kit.em
    columns: list[p.Node] = []
    if not kit.narrow or kit.chance(0.25):
        side = min(16.0, 0.42 * width)
        if kit.chance(0.45):
            columns.append(_side(kit, side, "line-e"))
            width -= side
    right: p.Node | None = None
    if width > 26 and kit.chance(0.3):
        side = min(17.0, 0.4 * width)
        right, width = _side(kit, side, "line-s"), width - side
    main = p.Box(
        any_sections(kit, width, kit.rows(4.5, 3, 2, 9)),
        kit.pick(("col pad scroll grow", "col pads scroll grow", "col pad scroll grow loose")),
        kit.pick(("", "", "background:var(--x-surface)")),
        scroll=kit.number(5, 200) if kit.chance(0.2) else 0,
    )
    middle = p.Box((*columns, main, *((right,) if right else ())), "split grow")
    parts: list[p.Node] = [middle]
    if kit.chance(0.7):
        parts.insert(0, _bar(kit))
        if kit.chance(0.25):
            parts.insert(1, p.Box((any_tools(kit),), "row pads linb surface clip"))
    if kit.chance(0.35):
        parts.append(_foot(kit))
    overlay: p.Dialog | None = None
    floats: tuple[p.Node, ...] = ()
    if kit.chance(0.12):
        overlay = _dialog(kit)
    elif kit.chance(0.18):
        x, y = kit.number(4, int(kit.size_wh[0] * 0.55)), kit.number(30, int(kit.size_wh[1] * 0.6))
        floats = (p.Menu(any_items(kit, kit.number(2, 6)), x, y),)
    return p.Page(any_label(kit), p.Box(tuple(parts), "stack"), overlay, floats)


def _bar(kit: Kit) -> p.Node:
    kind = kit.number(0, 4)
    if kind == 0 and not kit.narrow:
        return app_bar(kit)
    if kind == 1:
        return site_bar(kit, any_label(kit, 2))
    if kind == 2 and kit.narrow:
        return mobile_bar(kit, any_label(kit, 2))
    room = max(1, int(kit.em / 9))
    left: list[p.Node] = [p.Art(logo(kit.rng))] if kit.chance(0.5) else [*any_icons(kit, 0, 2)]
    if kit.chance(0.8):
        left.append(p.Text(any_label(kit, 2), "bold one"))
    middle: tuple[p.Node, ...] = (p.Box((), "grow"),)
    if kit.chance(0.35):
        middle = (p.Box((kit.search(),), "grow"),)
    elif room > 3 and kit.chance(0.5):
        middle = (any_nav(kit, "top", 2, 4), p.Box((), "grow"))
    right: list[p.Node] = [*any_icons(kit, 0, min(4, room))]
    if kit.chance(0.4):
        right.append(any_button(kit, small=True))
    if kit.chance(0.25):
        right.append(p.Art(avatar(kit.rng, any_label(kit, 1), 1.9)))
    kind_of_bar = kit.pick(("row bar clip", "row bar clip", "row pads linb clip", "row pad clip surface"))
    return p.Box((*left, *middle, *right), kind_of_bar, region="header")


def _foot(kit: Kit) -> p.Node:
    if kit.chance(0.5):
        return any_nav(kit, "bottom", 3, 5)
    if kit.chance(0.5):
        buttons = (any_button(kit), *((any_button(kit),) if kit.chance(0.6) else ()))
        return p.Box(buttons, kit.pick(("row pads lint surface end", "row pads lint surface between")))
    return p.Box(
        (p.Text(any_label(kit), "small muted grow"), *any_icons(kit, 0, 3)),
        "row pads lint surface",
        region="status bar",
    )


def _side(kit: Kit, width: float, line: str) -> p.Node:
    kind = kit.number(0, 3)
    if kind == 0:
        inner: tuple[p.Node, ...] = (any_nav(kit, "rail", 3, 7),)
        width = 4
    elif kind < 3:
        inner = (any_nav(kit, "side", 3, 9),)
        if kit.chance(0.4):
            inner = (p.Text(any_label(kit), kit.pick(("h3", "small muted", "bold"))), *inner)
        if kit.chance(0.3):
            inner = (*inner, any_button(kit))
    else:
        inner = any_sections(kit, width - 2, kit.number(3, 6))
    style = f"width:{width:.1f}em" + (";gap:var(--x-gap)" if kind else "")
    return p.Box(inner, f"surface pads {line} fixed clip stack", style)


def _dialog(kit: Kit) -> p.Dialog:
    inner = tuple(kit.pick(PLAIN)(kit, 22.0) for _ in range(kit.number(1, 3)))
    buttons = tuple(any_button(kit, small=False) for _ in range(kit.number(1, 3)))
    return p.Dialog(any_label(kit), inner, buttons, kit.chance(0.6), kit.number(260, 480))
