"""Applications of an office: tables, dashboards, boards, calendars, files, editors."""

from __future__ import annotations

from locany.synth.gui import page as p
from locany.synth.gui.art import avatar, bars, curve, donut, tone
from locany.synth.gui.kit import Kit
from locany.synth.gui.templates.shell import (
    bottom_bar,
    delete_dialog,
    maybe_scroll,
    mobile_bar,
    section_nav,
    with_sidebar,
)


def table(kit: Kit) -> p.Page:
    """A list of records: filters above, row actions, page numbers below; sometimes a dialog over it."""
    subject = kit.pick(("customers", "orders", "invoices", "users", "products", "projects"))
    columns, make = _record(kit, subject)
    count = kit.rows(3.4, 15 if not kit.narrow else 12, 3, 14)
    wide = 2 if kit.em < 40 else 3 if kit.em < 60 else 4 if kit.em < 80 else len(columns)
    actions = kit.some(("edit", "delete", "copy", "download", "eye"), 1 if kit.narrow else kit.number(1, 3))
    worded = kit.chance(0.3) and not kit.narrow
    look = kit.pick(("danger", "outline", "text"))
    names, rows = [], []
    for _ in range(count):
        name, cells = make()
        if name in names:
            continue
        if worded:
            buttons: tuple[p.Node, ...] = (
                kit.button("edit", look="outline", small=True),
                kit.button("delete", look=look, small=True),
            )
        else:
            buttons = kit.bares(actions)
        names.append(name)
        rows.append((*cells[:wide], p.Box(buttons, "row tight")))
    heads = (*(kit.t(c) for c in columns[:wide]), "")
    checks = kit.chance(0.4)
    chosen = tuple(i for i in range(len(names)) if checks and kit.chance(0.2))
    grid = p.Table(heads, tuple(rows), tuple(names), checks, chosen)
    head = p.Box(
        (
            p.Text(kit.t(subject), "h2"),
            p.Box((), "grow"),
            *((kit.button("export", look="outline"),) if kit.chance(0.5) and not kit.narrow else ()),
            kit.button("new", "add", "main"),
        ),
        "row",
    )
    filters: list[p.Node] = [p.Box((kit.search(),), "grow", "max-width:24em")]
    if not kit.narrow:
        filters.append(p.Box((p.Select(kit.t("status"), kit.t("all"), bare=True),), "fixed", "width:11em"))
        filters.extend(kit.bares(("filter", "refresh"))[: kit.number(0, 2)])
    pages = p.Pages(kit.number(3, 6), kit.number(1, 3))
    foot = p.Box(
        (p.Text(f"1-{len(names)} / {kit.number(40, 400)}", "muted small"), pages), "row between wrap"
    )
    framed = p.Box((grid,), "panel clip fixed") if kit.chance(0.6) else grid
    main = p.Box(
        (head, p.Box(tuple(filters), "row"), framed, foot),
        "col pad scroll grow",
        scroll=maybe_scroll(kit, 0.15),
    )
    overlay = delete_dialog(kit, names[0] if names else "") if kit.chance(0.18) else None
    floats: tuple[p.Node, ...] = ()
    if overlay is None and kit.chance(0.15) and not kit.narrow:
        menu = (
            kit.item("edit", "edit"),
            kit.item("copy", "copy"),
            kit.item("share", "share"),
            kit.item("delete", "delete"),
        )
        at = (round(kit.size_wh[0] * 0.6), round(kit.size_wh[1] * kit.rng.uniform(0.3, 0.55)))
        floats = (p.Menu(menu, *at),)
    if kit.narrow:
        bar = mobile_bar(kit, kit.t(subject))
        return p.Page(kit.t(subject), p.Box((bar, main), "stack"), overlay, floats)
    body = with_sidebar(kit, section_nav(kit, subject), main)
    return p.Page(kit.t(subject), body, overlay, floats)


def _record(kit: Kit, subject: str):  # type: ignore[no-untyped-def]
    """Columns of a kind of record, and what makes a row: its name and cells."""
    c = kit.content
    tones = {
        "active": "good",
        "pending": "warn",
        "overdue": "bad",
        "paid": "good",
        "draft": "plain",
        "done": "info",
    }

    def state(*keys: str) -> p.Node:
        key = kit.pick(keys)
        return p.Tag(kit.t(key), tones[key])

    def person() -> tuple[str, tuple[p.Node, ...]]:
        name = c.person()
        face = p.Box((p.Art(avatar(kit.rng, name, 1.9)), p.Text(name, "nowrap")), "row")
        cells = (
            face,
            state("active", "pending"),
            p.Text(c.one("cities")),
            p.Text(kit.t("owner")),
            p.Text(c.day(), "muted"),
        )
        return name, cells

    def bill() -> tuple[str, tuple[p.Node, ...]]:
        name = f"#{kit.number(10000, 99999)}"
        cells = (
            p.Text(name, "bold nowrap"),
            p.Text(c.money(), "nowrap"),
            state("paid", "pending", "overdue", "draft"),
            p.Text(c.person(), "nowrap"),
            p.Text(c.day(), "muted nowrap"),
        )
        return name, cells

    def goods() -> tuple[str, tuple[p.Node, ...]]:
        name, _ = c.product()
        cells = (
            p.Text(name),
            p.Text(c.money(), "nowrap"),
            p.Text(str(kit.number(0, 250))),
            state("active", "draft"),
            p.Text(c.one("brands")),
        )
        return name, cells

    def work() -> tuple[str, tuple[p.Node, ...]]:
        name = c.one("tasks")
        bar = p.Box((p.Progress(kit.number(5, 100)),), "col", "width:7em")
        cells = (
            p.Text(name),
            state("active", "pending", "done"),
            bar,
            p.Text(c.one("people")),
            p.Text(c.day(), "muted"),
        )
        return name, cells

    return {
        "customers": (("name", "status", "city", "role", "date"), person),
        "users": (("name", "status", "city", "role", "date"), person),
        "orders": (("orders", "amount", "status", "name", "date"), bill),
        "invoices": (("invoices", "amount", "status", "name", "date"), bill),
        "products": (("name", "price", "quantity", "status", "brand"), goods),
        "projects": (("title", "status", "growth", "owner", "date"), work),
    }[subject]


def dashboard(kit: Kit) -> p.Page:
    """Figures, charts and lists as cards."""
    keys = kit.some(("revenue", "visitors", "orders", "sales", "customers", "growth"), kit.amount(2, 4))
    figures = []
    for i, key in enumerate(keys):
        up = kit.chance(0.65)
        change = p.Tag(f"{'+' if up else '-'}{kit.number(1, 30)}%", "good" if up else "bad")
        value = (
            kit.content.money(900, 90000) if key in ("revenue", "sales") else f"{kit.number(120, 98000):,}"
        )
        symbol = p.Symbol(kit.pick(("chart", "users", "cart", "tag")))
        inner = (
            p.Box((p.Text(kit.t(key), "muted small"), p.Box((), "grow"), symbol), "row"),
            p.Box((p.Text(value, "big nowrap"), change), "row wrap"),
        )
        figures.append(p.Card(inner, item=kit.t(key), index=i + 1))
    across = 2 if kit.em < 60 else min(4, len(figures))
    cards = p.Box(tuple(figures), "grid", f"grid-template-columns:repeat({across},1fr)")
    color = tone(float(kit.rng.random()), 0.5, 0.65)
    months = tuple(
        m[:3] if kit.language not in ("zh", "ja", "ko", "ar") else m for m in kit.content.of("months")
    )
    labels = months[: kit.number(5, 8)]
    drawn = [
        ("revenue", p.Art(bars(kit.rng, labels, color), "chart", kit.t("revenue"), "chart")),
        ("visitors", p.Art(curve(kit.rng, labels, color), "chart", kit.t("visitors"), "chart")),
        ("sales", p.Art(donut(kit.rng, kit.content.some("cities", 4)), "chart", kit.t("sales"), "chart")),
    ]
    charts = []
    for key, art in kit.some(drawn, 1 if kit.em < 60 else kit.amount(1, 3)):
        bar = p.Box(
            (
                p.Text(kit.t(key), "h3 grow"),
                *kit.bares(kit.some(("download", "options", "fullscreen", "refresh"), 1)),
            ),
            "row",
        )
        charts.append(p.Box((bar, art), "panel pad col", region=f"'{kit.t(key)}' chart"))
    wide = "1fr" if kit.em < 66 or len(charts) == 1 else "3fr 2fr"
    people = []
    for i in range(kit.amount(2, 5)):
        name = kit.content.person()
        row: tuple[p.Node, ...] = (
            p.Art(avatar(kit.rng, name, 2.1)),
            p.Box(
                (p.Text(name, "one"), p.Text(kit.content.one("tasks"), "muted small one")), "col nogap grow"
            ),
            p.Text(kit.content.clock(), "muted small"),
            *kit.bares(("chat",)),
        )
        people.append(p.Box(row, "row linb", "padding:.35em 0", item=name, index=i + 1))
    activity = p.Card(tuple(people), kit.t("activity"))
    period = p.Select(kit.t("month"), kit.pick((kit.t("week"), kit.t("month"), kit.t("today"))), bare=True)
    head = p.Box(
        (
            p.Text(kit.t("dashboard"), "h2 grow"),
            p.Box((period,), "fixed", "width:9em"),
            kit.button("export", look="main"),
        ),
        "row",
    )
    grid = p.Box((*charts, activity), "grid", f"grid-template-columns:{wide};align-items:start")
    main = p.Box((head, cards, grid), "col pad scroll grow loose", scroll=maybe_scroll(kit, 0.2))
    if kit.narrow:
        tabs = (("home", "home"), ("reports", "chart"), ("messages", "mail"), ("profile", "user"))
        return p.Page(
            kit.t("dashboard"),
            p.Box((mobile_bar(kit, kit.t("dashboard")), main, bottom_bar(kit, tabs)), "stack"),
        )
    return p.Page(kit.t("dashboard"), with_sidebar(kit, section_nav(kit, "dashboard"), main))
