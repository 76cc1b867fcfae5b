"""Signing in, signing up, profiles, settings, check-out."""

from __future__ import annotations

from locany.synth.gui import page as p
from locany.synth.gui.art import avatar, landscape, logo
from locany.synth.gui.kit import Kit
from locany.synth.gui.templates.shell import app_bar, maybe_scroll, mobile_bar, site_bar, with_sidebar


def sign_in(kit: Kit) -> p.Page:
    """A sign-in or sign-up form in the middle of the page, beside a picture where there is room."""
    up = kit.chance(0.45)
    fields: list[p.Node] = []
    if up:
        names = (
            p.Field(kit.t("first_name"), value=_maybe(kit, kit.content.one("people"))),
            p.Field(kit.t("last_name")),
        )
        fields.append(p.Box(names, "grid", "grid-template-columns:1fr 1fr") if not kit.narrow else names[0])
    user = kit.pick(("email", "username")) if not up else "email"
    fields.append(
        p.Field(
            kit.t(user), "email", placeholder=kit.pick(("", "name@example.org")), icon=kit.pick(("", "mail"))
        )
    )
    fields.append(
        p.Field(
            kit.t("password"), "password", value=kit.pick(("", "secret-word")), icon=kit.pick(("", "lock"))
        )
    )
    if up and kit.chance(0.5):
        fields.append(
            p.Select(kit.t("city"), kit.content.one("cities")) if kit.chance(0.3) else p.Field(kit.t("phone"))
        )
    checks: tuple[p.Node, ...] = (p.Choice(kit.t("remember"), on=kit.chance(0.4)),)
    if up:
        checks = (
            p.Choice(kit.t("accept_terms"), on=kit.chance(0.4)),
            p.Choice(kit.t("newsletter"), on=kit.chance(0.4)),
        )
    main, other = ("create_account", "sign_in") if up else ("sign_in", "sign_up")
    foot: list[p.Node] = [
        kit.button(main, "sign_up" if up else "sign_in", "main", icon="", wide=kit.chance(0.7))
    ]
    if not up:
        checks = (p.Box((*checks, p.Link(kit.t("forgot"), "forgot")), "row between wrap"),)
    brand = kit.pick(kit.content.of("brands"))
    providers = kit.some(("Google", "GitHub", "Apple", "Microsoft"), kit.amount(0, 2))
    if providers:
        foot.append(p.Box(tuple(p.Button(name, look="outline", wide=True) for name in providers), "row"))
    foot.append(p.Box((p.Text(brand, "small muted"), p.Link(kit.t(other), other)), "row center"))
    title = kit.t("create_account" if up else "welcome")
    form = p.Box(
        (
            p.Box((p.Art(logo(kit.rng)), p.Text(brand, "h3")), "row"),
            p.Text(title, "h2"),
            *fields,
            *checks,
            *foot,
        ),
        "col pad" + ("" if kit.narrow else " panel"),
        f"width:{'92%' if kit.narrow else f'{kit.number(20, 27)}em'};gap:calc(var(--x-gap)*1.3)",
    )
    if not kit.narrow and kit.em > 64 and kit.chance(0.45):
        picture = p.Art(landscape(kit.rng), kind="fill")
        body = p.Box((p.Box((form,), "col center grow"), p.Box((picture,), "rel grow clip")), "split")
        return p.Page(title, body)
    children: tuple[p.Node, ...] = (p.Box((form,), "col center grow"),)
    if kit.chance(0.4):
        children = (site_bar(kit, brand), *children)
    return p.Page(title, p.Box(children, "stack"))


def settings(kit: Kit) -> p.Page:
    """Groups of switches, lists and sliders, beside a list of sections."""
    sections = [
        "general",
        "profile",
        "notifications",
        "privacy",
        "security",
        "appearance",
        "language",
        "billing",
    ]
    icons = ["settings", "user", "bell", "eye", "shield", "palette", "globe", "card"]
    count = kit.amount(4, 8)
    items = tuple(kit.item(key, icon) for key, icon in list(zip(sections, icons, strict=True))[:count])
    selected = kit.number(0, count - 1)
    switches = kit.some(
        (
            "dark_mode",
            "sounds",
            "email_alerts",
            "push",
            "two_factor",
            "auto_update",
            "location",
            "backup",
            "public",
        ),
        kit.amount(3, 7),
    )
    kind = kit.pick(("switch", "switch", "checkbox"))
    rows = [p.Choice(kit.t(key), kind, on=kit.chance(0.5), off=kit.chance(0.06)) for key in switches]
    half = (len(rows) + 1) // 2
    spread = kit.chance(0.6)

    def lines(choices: list[p.Choice]) -> tuple[p.Node, ...]:
        if not spread:
            return tuple(choices)
        return tuple(
            p.Box(
                (p.Text(c.label, "p"), p.Choice(c.label, c.kind, c.on, c.off, bare=True)),
                "row between linb",
                "padding:.45em 0",
                item=c.label,
                index=i + 1,
            )
            for i, c in enumerate(choices)
        )

    lists: tuple[p.Node, ...] = (
        p.Select(
            kit.t("language"),
            {"en": "English", "de": "Deutsch", "fr": "Français"}.get(kit.language, kit.t("language")),
        ),
        p.Select(kit.t("time_zone"), kit.content.one("cities")),
        p.Slider(kit.t("font_size"), kit.number(10, 90)),
        p.Slider(kit.t("volume"), kit.number(10, 90)),
        p.Select(kit.t("appearance"), kit.t("general")),
    )
    theme = tuple(
        p.Choice(kit.t(key), "radio", on=i == 0)
        for i, key in enumerate(kit.some(("day", "week", "month", "today"), 3))
    )
    chosen = kit.some(lists, kit.amount(1, 3))
    cards: list[p.Node] = [p.Card(lines(rows[:half]), kit.t(sections[selected]))]
    if rows[half:]:
        cards.append(p.Card(lines(rows[half:]), kit.t("advanced")))
    cards.append(p.Card(chosen, kit.t("display")))
    if kit.chance(0.4) and kit.dense > 0.4:
        cards.append(p.Card(theme, kit.t("reports")))
    buttons = p.Box(
        (kit.button("cancel", look="plain", icon=""), kit.button("save_changes", "save", "main")), "row end"
    )
    alert: tuple[p.Node, ...] = (p.Alert(kit.t("unsaved"), "warn"),) if kit.chance(0.3) else ()
    columns = "1fr 1fr" if kit.em > 78 else "1fr"
    grid = p.Box(tuple(cards), "grid", f"grid-template-columns:{columns};align-items:start")
    head = (p.Text(kit.t("settings"), "h2"),) if not kit.narrow else ()
    main = p.Box((*head, *alert, grid, buttons), "col pad scroll grow", scroll=maybe_scroll(kit))
    if kit.narrow:
        return p.Page(kit.t("settings"), p.Box((mobile_bar(kit, kit.t("settings"), "back"), main), "stack"))
    if kit.chance(0.35):
        nav = p.Nav(items, selected, "tabs")
        inner = p.Box((*head, nav, *alert, grid, buttons), "col pad scroll grow", scroll=maybe_scroll(kit))
        return p.Page(kit.t("settings"), p.Box((app_bar(kit), inner), "stack"))
    return p.Page(kit.t("settings"), with_sidebar(kit, p.Nav(items, selected), main))


def profile(kit: Kit) -> p.Page:
    """Personal data with a picture and two columns of fields."""
    first, last = kit.content.one("people"), kit.content.one("surnames")
    pairs: list[p.Node] = [
        p.Field(kit.t("first_name"), value=first),
        p.Field(kit.t("last_name"), value=last),
        p.Field(kit.t("email"), "email", placeholder="name@example.org", icon=kit.pick(("", "mail"))),
        p.Field(
            kit.t("phone"), value=f"+{kit.number(1, 99)} {kit.number(100, 999)} {kit.number(1000, 9999)}"
        ),
        p.Field(kit.t("company"), value=kit.content.one("brands"), off=kit.chance(0.3)),
        p.Select(kit.t("role"), kit.t("owner")),
        p.Field(kit.t("address"), placeholder=kit.t("address")),
        p.Field(kit.t("city"), value=kit.content.one("cities")),
        p.Field(kit.t("postcode"), value=str(kit.number(10000, 99999))),
        p.Select(kit.t("time_zone"), kit.content.one("cities")),
    ]
    fields = kit.some(pairs, kit.amount(4, 10))
    head = p.Box(
        (
            p.Art(avatar(kit.rng, first, 4.2)),
            p.Box((p.Text(f"{first} {last}", "h2"), p.Text(kit.t("owner"), "muted small")), "col tight grow"),
            kit.button("upload", look="outline", small=True),
            *kit.bares(("delete",)),
        ),
        "row wrap",
    )
    columns = "1fr" if kit.narrow else "1fr 1fr"
    about = (
        (p.Field(kit.t("description"), "area", value=kit.content.one("sentences"), lines=3),)
        if kit.chance(0.6)
        else ()
    )
    radios = tuple(p.Choice(kit.t(k), "radio", on=i == 1) for i, k in enumerate(("public", "privacy")))
    main = p.Box(
        (
            head,
            p.Box(fields, "grid", f"grid-template-columns:{columns}"),
            *about,
            p.Box(radios, "row loose wrap"),
            p.Box((kit.button("save", look="main"), kit.button("cancel", icon="")), "row"),
        ),
        "col pad scroll grow loose",
        scroll=maybe_scroll(kit),
    )
    tabs = p.Nav(
        tuple(kit.item(k) for k in ("profile", "account", "security", "billing")[: kit.number(2, 4)]),
        0,
        "tabs",
    )
    bar = mobile_bar(kit, kit.t("profile"), "back") if kit.narrow else app_bar(kit)
    return p.Page(kit.t("profile"), p.Box((bar, p.Box((tabs,), "pads"), main), "stack"))


def _maybe(kit: Kit, value: str) -> str:
    return value if kit.chance(0.5) else ""
