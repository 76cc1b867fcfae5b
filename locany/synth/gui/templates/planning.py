"""Boards and calendars."""

from __future__ import annotations

from calendar import monthrange

from locany.synth.gui import page as p
from locany.synth.gui.art import (
    avatar,
    tone,
)
from locany.synth.gui.kit import Kit
from locany.synth.gui.templates.shell import (
    app_bar,
    mobile_bar,
)


def board(kit: Kit) -> p.Page:
    """Cards in columns."""
    keys = ("to_do", "in_progress", "review", "done")[: 2 if kit.narrow else 3 + int(kit.em > 78)]
    columns = []
    labels = tuple(kit.t(k) for k in ("sales", "team", "security", "display"))
    for key in keys:
        cards = []
        for i in range(kit.amount(2, 5)):
            title = kit.content.one("tasks")
            foot = (
                p.Tag(kit.pick(labels), kit.pick(("info", "good", "warn", "bad"))),
                p.Text(kit.content.day(), "muted small grow one"),
                p.Art(avatar(kit.rng, kit.content.one("people"), 1.7)),
            )
            parts: tuple[p.Node, ...] = (
                p.Box((p.Text(title, "grow"), *kit.bares(("more",))), "row top"),
                p.Box(foot, "row"),
            )
            cards.append(
                p.Hot(
                    parts,
                    "task",
                    title,
                    "tile col",
                    item=title,
                    index=i + 1,
                    of="card",
                    region=f"'{kit.t(key)}' column",
                )
            )
        head = p.Box(
            (p.Text(kit.t(key), "h3 grow"), p.Text(str(len(cards)), "muted"), *kit.bares(("add",))), "row"
        )
        add = (kit.button("add_card", "add", "text", small=True),) if kit.chance(0.6) else ()
        columns.append(
            p.Box(
                (head, *cards, *add),
                "col pads ground panel",
                "align-self:start",
                region=f"'{kit.t(key)}' column",
            )
        )
    grid = p.Box(tuple(columns), "grid pad grow scroll", f"grid-template-columns:repeat({len(columns)},1fr)")
    title = kit.content.one("tasks")
    tools = p.Box(
        (
            p.Text(title, "h2 one"),
            *kit.bares(("star",)),
            p.Box((), "grow"),
            *(
                ()
                if kit.narrow
                else (
                    kit.button("filter", look="plain", small=True),
                    kit.button("share", look="plain", small=True),
                )
            ),
            kit.button("invite", look="main", small=True),
        ),
        "row pad",
    )
    bar = mobile_bar(kit, kit.t("projects")) if kit.narrow else app_bar(kit)
    return p.Page(title, p.Box((bar, tools, grid), "stack"))


def month(kit: Kit) -> p.Page:
    """A month with events."""
    number, year = kit.number(1, 12), kit.number(2023, 2026)
    name = f"{kit.content.of('months')[number - 1]} {year}"
    start, days = monthrange(year, number)
    before = monthrange(year - (number == 1), number - 1 or 12)[1]
    rows = -(-(start + days) // 7)
    cells: list[p.Node] = [p.Text(d, "small muted pads") for d in kit.content.of("weekdays")]
    today = kit.number(1, days)
    for i in range(rows * 7):
        day = i - start + 1
        inside = 1 <= day <= days
        shown = day if inside else (day + before if day < 1 else day - days)
        inner: list[p.Node] = [p.Text(str(shown), "small")]
        if inside and kit.chance(0.12 + 0.2 * kit.dense) and not kit.narrow:
            event = kit.content.one("events")
            color = tone(float(kit.rng.random()), 0.38, 0.5)
            clock = f"{kit.content.clock()} " if kit.chance(0.3) else ""
            inner.append(
                p.Hot((p.Text(clock + event, "one"),), "event", clock + event, "event", f"background:{color}")
            )
        role = "day" if inside else "other day"
        style = "min-height:2.6em" if not inside else ""
        cells.append(
            p.Hot(
                tuple(inner),
                role,
                str(shown),
                "day" if inside else "day dim",
                style,
                on=inside and day == today,
            )
        )
    grid = p.Box(
        tuple(cells),
        "grid grow",
        f"grid-template-columns:repeat(7,1fr);grid-template-rows:auto repeat({rows},1fr);gap:0",
        region="calendar",
    )
    views = p.Nav(tuple(kit.item(k) for k in ("day", "week", "month")), 2, "tabs")
    head = p.Box(
        (
            kit.button("today", look="outline", icon="", small=True),
            *kit.bares(("left", "right")),
            p.Text(name, "h2 grow one"),
            *(() if kit.narrow else (views,)),
            *kit.bares(("search", "settings")[: kit.number(0, 2)]),
        ),
        "row pads",
    )
    side: tuple[p.Node, ...] = ()
    if kit.em > 62 and kit.chance(0.6):
        lists = tuple(
            p.Choice(kit.t(k), on=kit.chance(0.7))
            for k in ("team", "projects", "tasks", "news")[: kit.number(2, 4)]
        )
        side = (
            p.Box(
                (kit.button("new", "add", "main", wide=True), p.Text(kit.t("calendar"), "h3"), *lists),
                "col pad line-e surface",
                "width:13em",
                region="sidebar",
            ),
        )
    bar = mobile_bar(kit, kit.t("calendar")) if kit.narrow else app_bar(kit)
    return p.Page(
        name, p.Box((bar, p.Box((*side, p.Box((head, grid), "stack grow surface")), "split grow")), "stack")
    )
