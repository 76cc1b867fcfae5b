"""What many pages share: header bars, side bars, bottom bars."""

from __future__ import annotations

from locany.synth.gui import page as p
from locany.synth.gui.art import avatar, logo
from locany.synth.gui.kit import Kit


def app_bar(kit: Kit, brand: str = "") -> p.Node:
    """The header of an application: name, search, icons, who is signed in."""
    name = brand or kit.pick(kit.content.of("brands"))
    left: tuple[p.Node, ...] = (p.Art(logo(kit.rng)), p.Text(name, "bold nowrap"))
    if kit.chance(0.4):
        left = (*kit.bares(("menu",)), *left)
    middle: tuple[p.Node, ...] = (p.Box((), "grow"),)
    if kit.chance(0.65):
        middle = (p.Box((kit.search(),), "grow", f"max-width:{kit.number(18, 34)}em"), p.Box((), "grow"))
    right = kit.bares(kit.some(("bell", "help", "mail", "moon", "settings"), kit.amount(1, 3)))
    who = kit.content.one("people")
    face = (
        p.Art(avatar(kit.rng, who, 2.0), "profile picture", "") if kit.chance(0.7) else p.Text(who, "small")
    )
    return p.Box((*left, *middle, *right, face), "row bar", region="header")


def site_bar(kit: Kit, brand: str) -> p.Node:
    """The header of a web site: name, links, icons."""
    if kit.narrow:
        right = kit.bares(kit.some(("search", "cart", "user", "heart"), 2))
        return p.Box(
            (*kit.bares(("menu",)), p.Text(brand, "bold grow nowrap"), *right), "row bar", region="header"
        )
    keys = kit.some(("home", "products", "offers", "news", "about", "contact", "help"), kit.number(3, 5))
    nav = p.Nav(tuple(kit.item(key) for key in keys), kit.number(0, len(keys) - 1), "top")
    right = kit.bares(kit.some(("search", "cart", "user", "heart", "globe"), kit.number(1, 3)))
    action = (kit.button("sign_in", look="main", icon="", small=True),) if kit.chance(0.4) else ()
    spring = p.Box((), "grow")
    order = (nav, spring) if kit.chance(0.5) else (spring, nav)
    return p.Box(
        (p.Art(logo(kit.rng)), p.Text(brand, "bold nowrap"), *order, *right, *action),
        "row bar",
        region="header",
    )


def mobile_bar(
    kit: Kit, title: str, left: str = "menu", right: tuple[str, ...] = ("search", "options")
) -> p.Node:
    """The header of a phone's application."""
    shown = kit.some(right, kit.number(0, 2))
    return p.Box(
        (*kit.bares((left,)), p.Text(title, "bold one grow"), *kit.bares(shown)),
        "row bar fixed",
        "min-height:3.2em",
        region="header",
    )


def bottom_bar(kit: Kit, keys: tuple[tuple[str, str], ...], selected: int = 0) -> p.Node:
    """The tabs at the foot of a phone's application."""
    return p.Nav(tuple(kit.item(key, icon) for key, icon in keys), selected, "bottom")


def with_sidebar(kit: Kit, nav: p.Nav, main: p.Node, brand: str = "") -> p.Node:
    """A side bar beside the content, below a header or from top to bottom."""
    width = kit.number(12, 15)
    if kit.chance(0.12) and all(item.icon for item in nav.items):
        nav = p.Nav(nav.items, nav.selected, "rail", "sidebar")
        width = 4
    if kit.chance(0.5):
        side = p.Box((nav,), "surface pads line-e fixed scroll", f"width:{width}em", region="")
        return p.Box((app_bar(kit, brand), p.Box((side, main), "split grow")), "stack")
    name = brand or kit.pick(kit.content.of("brands"))
    top: tuple[p.Node, ...] = (p.Box((p.Art(logo(kit.rng)), p.Text(name, "bold one")), "row pads"),)
    foot: tuple[p.Node, ...] = (p.Box((), "grow"),)
    if nav.kind == "rail":
        top, foot = (p.Box((p.Art(logo(kit.rng)),), "row center pads"),), ()
    elif kit.chance(0.5):
        who = kit.content.one("people")
        account: tuple[p.Node, ...] = (
            p.Art(avatar(kit.rng, who, 2.1)),
            p.Text(who, "one grow"),
            *kit.bares(("logout",)),
        )
        foot = (*foot, p.Box(account, "row pads lint", region="sidebar"))
    side = p.Box(
        (*top, nav, *foot), "surface pads line-e fixed clip stack", f"width:{width}em;gap:var(--x-gap)"
    )
    return p.Box((side, main), "split")


SECTIONS = (
    ("dashboard", "home"),
    ("orders", "cart"),
    ("products", "bag"),
    ("customers", "users"),
    ("users", "user"),
    ("invoices", "card"),
    ("projects", "briefcase"),
    ("reports", "chart"),
    ("messages", "mail"),
    ("calendar", "calendar"),
    ("files", "folder"),
    ("settings", "settings"),
    ("help", "help"),
)


def section_nav(kit: Kit, here: str) -> p.Nav:
    """The sections of an application, with one that is open."""
    others = [pair for pair in SECTIONS if pair[0] != here]
    chosen = kit.some(others, kit.amount(4, 8))
    keys = [pair for pair in SECTIONS if pair[0] == here or pair in chosen]
    icons = kit.chance(0.8)
    notes = kit.chance(0.3)
    items = tuple(
        kit.item(key, icon if icons else "", str(kit.number(1, 30)) if notes and kit.chance(0.3) else "")
        for key, icon in keys
    )
    return p.Nav(items, [key for key, _ in keys].index(here), "side")


def delete_dialog(kit: Kit, name: str) -> p.Dialog:
    """A question that covers the page."""
    kind = kit.pick(("delete", "unsaved", "new"))
    buttons: tuple[p.Node, ...]
    if kind == "delete":
        inner: tuple[p.Node, ...] = (p.Text(name, "bold"), p.Text(kit.t("no_undo"), "p muted"))
        buttons = (kit.button("cancel", look="plain", icon=""), kit.button("delete", look="danger"))
        return p.Dialog(kit.t("delete_question"), inner, buttons, kit.chance(0.7))
    if kind == "unsaved":
        buttons = (
            kit.button("don_t_save", look="text", icon=""),
            kit.button("cancel", look="plain", icon=""),
            kit.button("save", look="main"),
        )
        return p.Dialog(kit.t("unsaved"), (p.Text(kit.t("no_undo"), "p"),), buttons, kit.chance(0.5), 460)
    fields = (
        p.Field(kit.t("name"), value=kit.content.one("people")),
        p.Select(kit.t("role"), kit.t("owner")),
        p.Field(kit.t("comment"), "area", placeholder=kit.t("comment"), lines=2),
        p.Choice(kit.t("email_alerts"), on=kit.chance(0.5)),
    )
    buttons = (kit.button("cancel", look="plain", icon=""), kit.button("save", look="main"))
    return p.Dialog(kit.t("details"), fields[: kit.amount(2, 4)], buttons, True, 480)


def cookie_banner(kit: Kit) -> p.Node:
    """The question at the foot of a site that lies over its content."""
    buttons = (
        kit.button("decline", look="plain", icon="", small=True),
        kit.button("accept", look="main", icon="", small=True),
    )
    return p.Box(
        (p.Text(kit.t("cookies"), "small grow"), *buttons), "row banner wrap", region="cookie banner"
    )


def maybe_scroll(kit: Kit, share: float = 0.3) -> int:
    """How far a page is scrolled down; mostly not at all."""
    return kit.number(20, 400) if kit.chance(share) else 0
