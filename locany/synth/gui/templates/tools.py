"""Editors, maps, players and desktop programs: a canvas with controls around it."""

from __future__ import annotations

from locany.synth.gui import page as p
from locany.synth.gui.art import avatar, city_map, landscape, logo, tone
from locany.synth.gui.kit import Kit
from locany.synth.gui.templates.shell import bottom_bar, delete_dialog, maybe_scroll

_FORMATS = (
    "bold",
    "italic",
    "underline",
    "strike",
    "align_left",
    "align_center",
    "align_right",
    "bullets",
    "numbers",
    "quote",
    "link",
    "image",
    "table",
    "code",
)


def editor(kit: Kit) -> p.Page:
    """A text editor: menu bar, tool bar, a sheet of paper."""
    title = kit.content.one("files").rsplit(".", 1)[0]
    menus = p.Box(
        tuple(
            p.Button(kit.t(k), look="text", small=True)
            for k in ("file", "edit", "view", "insert", "format", "tools", "help")[: 4 if kit.narrow else 7]
        ),
        "row nogap" + " clip" * kit.narrow,
        region="menu bar",
    )
    count = max(5, min(len(_FORMATS), int((kit.em - 20) / 2.6)))
    tools: list[p.Node] = [*kit.bares(("undo", "redo", "print")[: kit.number(2, 3)])]
    if not kit.narrow:
        tools.append(
            p.Box(
                (p.Select(kit.t("format"), kit.pick(("Roboto", "Inter", "Georgia", "Arial")), bare=True),),
                "fixed",
                "width:8em",
            )
        )
        tools.append(
            p.Box((p.Select(kit.t("font_size"), str(kit.number(9, 16)), bare=True),), "fixed", "width:5em")
        )
    pressed = kit.pick(_FORMATS[:5])
    tools += [
        p.Button(b.label, b.action, b.icon, b.look, True, True, on=b.action == pressed)
        for b in kit.bares(kit.some(_FORMATS, count))
    ]
    bar = p.Box(tuple(tools), "row tight pads linb surface clip", region="toolbar")
    right: tuple[p.Node, ...] = (
        (kit.button("share", look="main", small=True),)
        if kit.narrow
        else (
            *kit.bares(("chat", "clock")),
            kit.button("share", look="main", small=True),
            p.Art(avatar(kit.rng, kit.content.one("people"), 2.0)),
        )
    )
    head = p.Box(
        (p.Art(logo(kit.rng)), p.Box((p.Text(title, "bold one"), menus), "col nogap grow"), *right),
        "row pads surface",
    )
    sentences = kit.content.some("sentences", 12)
    body: list[p.Node] = [p.Text(kit.content.one("headlines"), "h1")]
    for i in range(0, len(sentences), 4):
        if i:
            body.append(p.Text(kit.content.one("subjects"), "h2"))
        body.append(p.Text(kit.prose(sentences[i : i + 4]), "p"))
    style = "padding:1.6em;width:100%" if kit.narrow else ""
    paper = p.Box(
        (p.Box(tuple(body), "paper col loose fixed", style),),
        "col pad grow scroll ground",
        scroll=maybe_scroll(kit),
    )
    main: tuple[p.Node, ...] = (paper,)
    if kit.em > 80 and kit.chance(0.5):
        notes = []
        for i in range(kit.amount(1, 3)):
            who = kit.content.person()
            row = p.Box(
                (
                    p.Art(avatar(kit.rng, who, 1.8)),
                    p.Text(who, "bold one grow"),
                    *kit.bares(("check", "options")),
                ),
                "row",
            )
            notes.append(
                p.Box(
                    (row, p.Text(kit.content.one("sentences"), "small"), p.Link(kit.t("reply"), "reply")),
                    "tile col",
                    item=who,
                    index=i + 1,
                    of="comment",
                )
            )
        main = (
            paper,
            p.Box(
                (p.Text(kit.t("comment"), "h3"), *notes),
                "col pad line-s surface fixed",
                "width:17em",
                region="comments",
            ),
        )
    foot = p.Box(
        (
            p.Text(f"{kit.number(1, 12)} / {kit.number(12, 40)}", "small muted grow"),
            *kit.bares(("zoom_out", "zoom_in")),
            p.Text(f"{kit.number(5, 20) * 10}%", "small muted"),
        ),
        "row pads lint surface",
        region="status bar",
    )
    floats: tuple[p.Node, ...] = ()
    if not kit.narrow and kit.chance(0.2):
        keys = (
            ("new", "file_add"),
            ("open_file", "folder"),
            ("save", "save"),
            ("print", "print"),
            ("export", "download"),
        )
        notes_ = ("Ctrl+N", "Ctrl+O", "Ctrl+S", "Ctrl+P", "")
        items = tuple(kit.item(k, i, note) for (k, i), note in zip(keys, notes_, strict=True))
        floats = (p.Menu(items, 52, 58),)
    overlay = delete_dialog(kit, title) if not floats and kit.chance(0.12) else None
    return p.Page(title, p.Box((head, bar, p.Box(main, "split grow"), foot), "stack"), overlay, floats)


def city(kit: Kit) -> p.Page:
    """A map under a search field, buttons and pins."""
    dark = kit.chance(0.2)
    places = kit.content.some("places", kit.amount(3, 7))
    pins = []
    taken: list[tuple[float, float]] = []
    for name in places:
        x, y = kit.rng.uniform(0.32 if not kit.narrow else 0.08, 0.9), kit.rng.uniform(0.24, 0.86)
        if any(abs(x - a) * kit.em < 11 and abs(y - b) * kit.size_wh[1] / kit.unit < 5 for a, b in taken):
            continue
        taken.append((float(x), float(y)))
        label = p.Text(name, "small bold nowrap")
        style = f"left:{x:.1%};top:{y:.1%}"
        halo = "#1d222b" if dark else "#ffffff"
        pins.append(
            p.Box(
                (
                    p.Hot(
                        (p.Symbol("pin"),),
                        "pin",
                        name,
                        "",
                        "font-size:1.7rem;color:#d8342b;line-height:1;width:1.15em",
                    ),
                    p.Box(
                        (label,),
                        "row",
                        f"text-shadow:0 0 3px {halo},0 0 3px {halo},0 0 3px {halo};"
                        f"color:{'#eee' if dark else '#222'}",
                    ),
                ),
                "col nogap abs",
                style + ";align-items:center",
            )
        )
    chips = tuple(
        p.Button(kit.t(k), look="plain", small=True)
        for k in ("restaurants", "hotels", "parking")[: 2 if kit.narrow else 3]
    )
    search = p.Box(
        (*kit.bares(("menu",)), p.Box((kit.search(),), "grow"), *kit.bares(("navigate",))),
        "row panel pads",
        region="search bar",
    )
    width = f"width:{min(26, kit.em * 0.86):.0f}em"
    top = p.Box((search, p.Box(chips, "row wrap")), "col abs", f"inset-inline-start:1em;top:1em;{width}")
    zoom_buttons = tuple(
        p.Button(name.replace("_", " "), name, icon, "text", bare=True, small=True)
        for name, icon in (("zoom_in", "add"), ("zoom_out", "remove"))
    )
    zoom = p.Box(
        (*kit.bares(("layers", "locate")), *zoom_buttons),
        "col panel tight",
        "padding:.3em",
        region="map controls",
    )
    corner = p.Box((zoom,), "abs", "inset-inline-end:1em;bottom:2em")
    parts: list[p.Node] = [p.Art(city_map(kit.rng, dark), kind="fill"), *pins, top, corner]
    if not kit.narrow and kit.chance(0.65):
        place = places[0]
        card = p.Box(
            (
                p.Box((p.Art(landscape(kit.rng), kind="fill"),), "rel clip", "height:8em"),
                p.Text(kit.content.one("places"), "h2"),
                p.Text(kit.content.one("sentences"), "small muted"),
                p.Box(
                    (
                        kit.button("directions", look="main", small=True),
                        *kit.bares(("bookmark", "share", "phone")),
                    ),
                    "row wrap",
                ),
            ),
            "panel pad col abs",
            f"inset-inline-start:1em;top:9.5em;{width}",
            region="place card",
        )
        parts.append(card)
        del place
    body = p.Box(tuple(parts), "rel grow clip")
    if kit.narrow and kit.chance(0.6):
        tabs = (("maps", "map"), ("directions", "navigate"), ("favorites", "bookmark"), ("profile", "user"))
        return p.Page(kit.t("maps"), p.Box((body, bottom_bar(kit, tabs)), "stack"))
    return p.Page(kit.t("maps"), p.Box((body,), "stack"))


def desktop_tool(kit: Kit) -> p.Page:
    """A drawing program: menu bar, options, tools at the side, panels, canvas."""
    keys = ("file", "edit", "view", "insert", "format", "tools", "window", "help")
    menus = p.Box(
        tuple(
            p.Button(kit.t(k), look="text", small=True) for k in keys[: 3 if kit.narrow else kit.number(6, 8)]
        ),
        "row nogap linb surface",
        region="menu bar",
    )
    top: list[p.Node] = [
        *kit.bares(
            ("file_add", "folder", "save", "print", "cut", "copy", "paste", "undo", "redo")[
                : 5 if kit.narrow else 9
            ]
        )
    ]
    if not kit.narrow:
        top += [
            p.Box((p.Select(kit.t("size"), f"{kit.number(1, 40)} px", bare=True),), "fixed", "width:6em"),
            *kit.bares(("zoom_in", "zoom_out")),
        ]
    options = p.Box(tuple(top), "row tight pads linb surface clip", region="toolbar")
    chosen = kit.number(0, 3)
    names = [
        k.action
        for k in kit.bares(
            ("pointer", "crop", "brush", "eraser", "rectangle", "circle", "text", "drop", "image", "zoom_in")
        )
    ]
    tools = [kit.bare(k, on=i == chosen) for i, k in enumerate(names[: kit.rows(3.0, 12, 4, 9)])]
    palette = p.Box(
        tuple(tools),
        "col tight pads line-e surface fixed",
        "width:auto;align-items:center",
        region="tool box",
    )
    art = p.Box(
        (p.Art(landscape(kit.rng), kind="fill"),),
        "rel clip",
        f"width:{kit.number(55, 88)}%;height:{kit.number(60, 88)}%;box-shadow:0 2px 10px rgba(0,0,0,.4)",
    )
    canvas = p.Box((art,), "row center grow", "background:#7d8086")
    panels: tuple[p.Node, ...] = ()
    if kit.em > 52:
        hue = float(kit.rng.random())
        swatches = [tone(hue + i / 8, 0.5, 0.7) for i in range(8)]
        colors = p.Box(
            tuple(p.Hot((), "colour swatch", "", "swatch", f"background:{s}") for s in swatches),
            "row wrap tight",
        )
        layers = []
        for i, key in enumerate(
            kit.some(("images", "title", "color", "details", "general"), kit.amount(2, 4))
        ):
            row: tuple[p.Node, ...] = (
                *kit.bares(("eye",)),
                p.Text(kit.t(key), "grow one"),
                *kit.bares(("lock",) if kit.chance(0.6) else ()),
            )
            layers.append(p.Box(row, "row linb", item=kit.t(key), index=i + 1, of="layer"))
        tabs = p.Nav(tuple(kit.item(k) for k in ("color", "details")), 0, "tabs")
        foot = p.Box(kit.bares(("add", "copy", "delete")), "row end")
        panels = (
            p.Box(
                (
                    tabs,
                    colors,
                    p.Slider(kit.t("brightness"), kit.number(5, 95)),
                    p.Slider(kit.t("size"), kit.number(5, 95)),
                    p.Text(kit.t("view"), "h3"),
                    *layers,
                    foot,
                ),
                "col pads line-s surface fixed clip",
                "width:15em",
                region="panel",
            ),
        )
    status = p.Box(
        (
            p.Text(f"{kit.number(200, 1900)} × {kit.number(200, 1200)} px", "small muted grow"),
            p.Text(f"{kit.number(2, 30) * 10}%", "small muted"),
        ),
        "row pads lint surface",
        region="status bar",
    )
    floats: tuple[p.Node, ...] = ()
    if kit.chance(0.2) and not kit.narrow:
        entries = (
            ("new", "Ctrl+N"),
            ("open_file", "Ctrl+O"),
            ("save", "Ctrl+S"),
            ("import", ""),
            ("export", ""),
            ("close", "Alt+F4"),
        )
        floats = (p.Menu(tuple(kit.item(k, "", note) for k, note in entries), 4, 30),)
    title = kit.content.one("files")
    overlay = delete_dialog(kit, title) if not floats and kit.chance(0.15) else None
    return p.Page(
        title,
        p.Box((menus, options, p.Box((palette, canvas, *panels), "split grow"), status), "stack"),
        overlay,
        floats,
    )
