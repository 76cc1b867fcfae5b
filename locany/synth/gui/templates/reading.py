"""Mail, chat, articles, search results, shops: pages that are read."""

from __future__ import annotations

from locany.synth.gui import page as p
from locany.synth.gui.art import avatar, landscape
from locany.synth.gui.kit import Kit
from locany.synth.gui.templates.shell import (
    app_bar,
    bottom_bar,
    cookie_banner,
    maybe_scroll,
    mobile_bar,
    site_bar,
)


def mail(kit: Kit) -> p.Page:
    """Folders, a list of messages, and the one that is open where there is room."""
    c = kit.content
    boxes = (
        ("inbox", "inbox"),
        ("starred", "star"),
        ("sent", "send"),
        ("drafts", "file"),
        ("archive", "archive"),
        ("spam", "warning"),
        ("trash", "delete"),
    )
    nav = p.Nav(
        tuple(
            kit.item(k, i, str(kit.number(1, 40)) if kit.chance(0.25) else "")
            for k, i in boxes[: kit.amount(4, 7)]
        ),
        0,
    )
    open_at = kit.number(0, 3)
    reading = kit.em > 72 and kit.chance(0.7)
    checks = kit.chance(0.5) and not reading
    icons = kit.bares(kit.some(("star", "archive", "delete"), kit.number(1, 2)))
    rows = []
    subjects = c.some("subjects", kit.rows(4.0, 8, 4, 14))
    for i, subject in enumerate(subjects):
        sender = c.person()
        top = p.Box((p.Text(sender, "bold one grow"), p.Text(c.clock(), "muted small nowrap")), "row")
        text = p.Box((p.Text(subject, "one grow"), *(icons if not reading else icons[:1])), "row")
        inner: list[p.Node] = [top, text]
        if kit.chance(0.7):
            inner.append(p.Text(c.one("sentences"), "muted small one"))
        line: tuple[p.Node, ...] = (p.Box(tuple(inner), "col nogap grow"),)
        if checks:
            line = (p.Choice(subject, bare=True), *line)
        rows.append(
            p.Hot(
                (p.Box(line, "row"),), "message", subject, "line-item", on=reading and i == open_at,
                item=subject, index=i + 1, of="message",
            )
        )  # fmt: skip
    listed = p.Box(tuple(rows), "stack scroll surface grow", region="message list")
    if kit.narrow:
        fab = p.Box((kit.button("compose", look="main"),), "abs", "inset-inline-end:1em;bottom:1em")
        tabs = (("inbox", "inbox"), ("starred", "star"), ("sent", "send"), ("settings", "settings"))
        body = p.Box(
            (mobile_bar(kit, kit.t("inbox")), p.Box((listed, fab), "stack rel grow"), bottom_bar(kit, tabs)),
            "stack",
        )
        return p.Page(kit.t("inbox"), body)
    side = p.Box(
        (kit.button("compose", look="main", wide=True), nav), "col pads line-e fixed surface", "width:13em"
    )
    columns: list[p.Node] = [side]
    if reading:
        subject = subjects[min(open_at, len(subjects) - 1)]
        sender = c.person()
        tools = p.Box(
            kit.bares(("reply", "forward", "archive", "delete", "print", "options")[: kit.number(3, 6)]),
            "row linb pads",
            region="toolbar",
        )
        head = p.Box(
            (
                p.Art(avatar(kit.rng, sender, 2.6)),
                p.Box((p.Text(sender, "bold"), p.Text(c.day(), "muted small")), "col nogap"),
            ),
            "row",
        )
        paragraphs = tuple(p.Text(s, "p") for s in c.some("sentences", kit.amount(3, 7)))
        file = p.Hot(
            (p.Box((p.Symbol("attach"), p.Text(name := c.one("files"))), "row"),),
            "file",
            name,
            "tile",
            "width:fit-content",
        )
        answer = p.Box((kit.button("reply", look="main"), kit.button("forward", look="outline")), "row")
        letter = p.Box(
            (p.Text(subject, "h2"), head, *paragraphs, *((file,) if kit.chance(0.5) else ()), answer),
            "col pad scroll grow loose",
        )
        columns += [
            p.Box((listed,), "stack fixed line-e", f"width:{kit.number(18, 24)}em"),
            p.Box((tools, letter), "stack grow surface", region="open message"),
        ]
    else:
        tools = p.Box(
            (
                p.Choice("Select all", bare=True),
                *kit.bares(("refresh", "archive", "delete", "tag")[: kit.number(2, 4)]),
                p.Box((), "grow"),
                p.Text(f"1-{len(rows)} / {kit.number(60, 900)}", "muted small"),
                *kit.bares(("left", "right")),
            ),
            "row pads linb surface",
            region="toolbar",
        )
        columns.append(p.Box((tools, listed), "stack grow"))
    return p.Page(kit.t("inbox"), p.Box((app_bar(kit), p.Box(tuple(columns), "split grow")), "stack"))


def chat(kit: Kit) -> p.Page:
    """Conversations beside the one that is open."""
    c = kit.content
    names = c.some("people", kit.rows(4.2, 6, 4, 12))
    here = kit.number(0, min(3, len(names) - 1))
    rows = []
    for i, name in enumerate(names):
        text = p.Box(
            (p.Text(name, "bold one"), p.Text(c.one("sentences"), "muted small one")), "col nogap grow"
        )
        count = (
            (p.Tag(str(kit.number(1, 9)), "bad"),)
            if kit.chance(0.25)
            else (p.Text(c.clock(), "muted small"),)
        )
        rows.append(
            p.Hot(
                (p.Box((p.Art(avatar(kit.rng, name, 2.4)), text, *count), "row"),),
                "conversation",
                name,
                "line-item",
                on=i == here,
            )
        )
    said = []
    for words in c.some("sentences", kit.rows(3.6, 10, 3, 12)):
        mine = kit.chance(0.5)
        said.append(p.Box((p.Text(words, "p"),), "bubble " + ("mine" if mine else "theirs"), "flex:none"))
    tools = kit.bares(("phone", "video", "search", "options")[: kit.number(2, 4)])
    head = p.Box(
        (
            *(kit.bares(("back",)) if kit.narrow else ()),
            p.Art(avatar(kit.rng, names[here], 2.3)),
            p.Box(
                (p.Text(names[here], "bold one"), p.Text(kit.t("active"), "muted small")), "col nogap grow"
            ),
            *tools,
        ),
        "row pads linb surface",
        region="conversation header",
    )
    write = p.Box(
        (
            *kit.bares(("attach", "image", "smile")[: kit.number(1, 3)]),
            p.Box((p.Field(kit.t("message"), placeholder=kit.t("message"), bare=True),), "grow"),
            *((kit.bare("send", look="main"),) if kit.chance(0.6) else (kit.button("send", look="main"),)),
        ),
        "row pads lint surface",
        region="message bar",
    )
    talk = p.Box((head, p.Box(tuple(said), "col pad grow clip"), write), "stack grow")
    if kit.narrow:
        return p.Page(names[here], talk)
    search = p.Box((p.Box((kit.search(),), "grow"), *kit.bares(("compose",))), "row pads")
    side = p.Box(
        (search, p.Box(tuple(rows), "stack scroll grow")),
        "stack line-e surface fixed",
        f"width:{kit.number(16, 21)}em",
        region="conversation list",
    )
    parts: tuple[p.Node, ...] = (side, talk)
    if kit.em > 95 and kit.chance(0.6):
        keys = ("bell", "search", "image", "link")
        info = p.Box(
            (
                p.Box((p.Art(avatar(kit.rng, names[here], 5)),), "row center"),
                p.Text(names[here], "h2"),
                p.Box(kit.bares(keys), "row center"),
                p.Choice(kit.t("notifications"), "switch", on=kit.chance(0.5)),
                p.Text(kit.t("files"), "h3"),
                *(p.Text(name, "small one") for name in c.some("files", 4)),
            ),
            "col pad line-s surface fixed",
            "width:15em",
            region="details panel",
        )
        parts = (*parts, info)
    return p.Page(kit.t("messages"), p.Box(parts, "split"))


def results(kit: Kit) -> p.Page:
    """What a search engine found."""
    query = kit.content.one("headlines")
    field = p.Field(kit.t("search"), "search", value=query, icon="search", bare=True, action="search")
    keys = ("all", "images", "news", "maps", "videos")[: kit.number(3, 5)]
    tabs = p.Nav(tuple(kit.item(k) for k in keys), 0, "tabs")
    top = p.Box(
        (
            p.Text(kit.pick(kit.content.of("brands")), "h2 brand"),
            p.Box((field,), "grow", "max-width:34em"),
            *kit.bares(("mic", "settings", "user")[: kit.number(1, 3)]),
        ),
        "row pad surface",
    )
    found = []
    for i, title in enumerate(kit.content.some("headlines", kit.rows(6.5, 12, 3, 8))):
        host = f"www.{kit.pick(kit.content.of('brands')).lower()}.example"
        found.append(
            p.Box(
                (
                    p.Box((p.Text(host, "small muted"), *kit.bares(("options",))), "row"),
                    p.Link(title, kind="x-h3"),
                    p.Text(kit.prose(kit.content.some("sentences", 2)), "small two"),
                ),
                "col tight",
                item=title,
                index=i + 1,
                of="result",
            )
        )
    listed = p.Box(
        (
            p.Text(f"{kit.number(900, 90000):,} ({kit.number(1, 9) / 10} s)", "small muted"),
            *found,
            p.Pages(kit.number(5, 8), kit.number(1, 3)),
        ),
        "col loose fixed",
        f"width:{min(42, kit.em * 0.9):.0f}em",
    )
    columns: tuple[p.Node, ...] = (listed,)
    if kit.em > 72 and kit.chance(0.6):
        place = kit.content.one("places")
        box = p.Card(
            (
                p.Box((p.Art(landscape(kit.rng), kind="fill"),), "rel clip", "height:9em"),
                p.Text(place, "h2"),
                p.Text(kit.content.one("sentences"), "p"),
                p.Box(
                    (
                        kit.button("directions", look="main", small=True),
                        kit.button("share", look="outline", small=True),
                        *kit.bares(("bookmark",)),
                    ),
                    "row wrap",
                ),
            )
        )
        columns = (listed, p.Box((box,), "grow", "max-width:22em"))
    main = p.Box((p.Box(columns, "row top loose"),), "pad scroll grow")
    return p.Page(query, p.Box((top, p.Box((tabs,), "pads surface"), main), "stack"))


def article(kit: Kit) -> p.Page:
    """A magazine's front page or a story, with cards and comments."""
    brand = kit.pick(kit.content.of("brands"))
    title = kit.content.one("headlines")
    author = kit.content.person()
    line = p.Box(
        (
            p.Art(avatar(kit.rng, author, 2.2)),
            p.Text(author, "bold"),
            p.Text(kit.content.day(), "muted small"),
            p.Box((), "grow"),
            kit.button("follow", look="outline", icon="", small=True),
            *kit.bares(("bookmark", "share")),
        ),
        "row wrap",
    )
    picture = p.Box(
        (p.Art(landscape(kit.rng), kind="fill"),), "rel clip fixed", f"height:{12 if kit.narrow else 17}em"
    )
    sentences = kit.content.some("sentences", 8)
    text = tuple(p.Text(kit.prose(sentences[i : i + 3]), "p") for i in range(0, len(sentences), 3))
    react = p.Box(
        (
            *kit.bares(("like", "dislike", "chat", "flag")[: kit.number(2, 4)]),
            p.Text(str(kit.number(3, 900)), "muted"),
        ),
        "row",
    )
    comment = p.Box(
        (
            p.Field(kit.t("comment"), "area", placeholder=kit.t("comment"), lines=2),
            p.Box((kit.button("send", look="main"),), "row end"),
        ),
        "col",
    )
    story = p.Box((p.Text(title, "h1"), line, picture, *text, react, comment), "col loose grow")
    more = []
    for i, other in enumerate(kit.content.some("headlines", kit.amount(2, 5))):
        image = p.Box(
            (p.Art(landscape(kit.rng), kind="fill"),),
            "rel clip fixed",
            "width:5em;height:3.6em;border-radius:4px",
        )
        more.append(p.Box((image, p.Link(other)), "row top", item=other, index=i + 1, of="story"))
    aside = p.Box(
        (
            p.Text(kit.t("news"), "h3"),
            *more,
            p.Field(kit.t("email"), "email", placeholder="name@example.org"),
            kit.button("newsletter", "mail", "main", icon=""),
        ),
        "col fixed loose",
        "width:19em",
    )
    columns = p.Box((story,) if kit.em < 66 else (story, aside), "row top loose")
    main = p.Box(
        (columns,), "scroll grow " + ("pad" if kit.narrow else "wide"), scroll=maybe_scroll(kit, 0.4)
    )
    floats = (cookie_banner(kit),) if kit.chance(0.2) else ()
    return p.Page(title, p.Box((site_bar(kit, brand), main), "stack"), None, floats)
