"""Files and music: things kept in lists and tiles."""

from __future__ import annotations

from locany.synth.gui import page as p
from locany.synth.gui.art import (
    landscape,
    logo,
)
from locany.synth.gui.kit import Kit
from locany.synth.gui.templates.shell import (
    bottom_bar,
    maybe_scroll,
    mobile_bar,
)


def files(kit: Kit) -> p.Page:
    """A file manager: places, folders and files as tiles or rows."""
    places = (
        ("recent", "clock"),
        ("documents", "file"),
        ("pictures", "image"),
        ("music", "music"),
        ("videos", "video"),
        ("trash", "delete"),
    )
    nav = p.Nav(tuple(kit.item(k, i) for k, i in places[: kit.amount(4, 6)]), 1)
    folders = kit.content.some("folders", kit.amount(2, 6))
    names = kit.content.some("files", kit.rows(2.6, 17, 4, 10))
    path = p.Crumbs(
        (
            kit.t("home"),
            kit.t("documents"),
            kit.content.one("folders") if kit.chance(0.0) else kit.t("projects"),
        )
    )
    tools = p.Box(
        (
            *kit.bares(("back", "next", "up")[: kit.number(1, 3)]),
            path,
            p.Box((), "grow"),
            *(() if kit.narrow else (p.Box((kit.search(),), "fixed", "width:14em"),)),
            *kit.bares(kit.some(("grid", "rows", "sort", "folder_add", "upload"), kit.number(2, 4))),
        ),
        "row pads linb",
        region="toolbar",
    )
    if kit.chance(0.5):
        tiles = [_folder_tile(name, i + 1) for i, name in enumerate(folders)]
        tiles += [_file_tile(kit, name, len(folders) + i + 1) for i, name in enumerate(names)]
        width = kit.number(8, 11)
        inner: p.Node = p.Box(
            tuple(tiles), "grid", f"grid-template-columns:repeat(auto-fill,minmax({width}em,1fr))"
        )
    else:
        icons = kit.bares(("share", "download", "delete")[: kit.number(1, 3)])
        rows, labels = [], []
        for name in (*folders, *names):
            folder = name in folders
            mark = p.Text("📁" if folder else _sign(name), "p")
            shown = p.Box((mark, p.Hot((p.Text(name, "one"),), "folder" if folder else "file", name)), "row")
            size = "" if folder else f"{kit.number(2, 980)} KB"
            cells = (
                shown,
                p.Text(size, "muted nowrap"),
                p.Text(kit.content.day(), "muted nowrap"),
                p.Box(icons, "row tight"),
            )
            rows.append(cells if not kit.narrow else (cells[0], cells[3]))
            labels.append(name)
        heads = (kit.t("name"), kit.t("size"), kit.t("date"), "") if not kit.narrow else (kit.t("name"), "")
        inner = p.Table(heads, tuple(rows), tuple(labels), checks=kit.chance(0.3))
    main = p.Box((inner,), "col pad scroll grow surface", scroll=maybe_scroll(kit, 0.15))
    floats: tuple[p.Node, ...] = ()
    if kit.chance(0.2) and not kit.narrow:
        keys = (
            ("open_file", "external"),
            ("rename", "edit"),
            ("copy", "copy"),
            ("move", "folder"),
            ("share", "share"),
            ("delete", "delete"),
        )
        menu = tuple(kit.item(k, i) for k, i in keys)
        floats = (p.Menu(menu, round(kit.size_wh[0] * 0.5), round(kit.size_wh[1] * 0.35)),)
    if kit.narrow:
        tabs = (("recent", "clock"), ("files", "folder"), ("share", "users"))
        body = p.Box((mobile_bar(kit, kit.t("files")), main, bottom_bar(kit, tabs, 1)), "stack")
        return p.Page(kit.t("files"), body, None, floats)
    space = p.Box((p.Text(kit.t("storage"), "small muted"), p.Progress(kit.number(20, 95))), "col pads tight")
    side = p.Box(
        (kit.button("new", "add", "main", wide=True), nav, p.Box((), "grow"), space),
        "col pads line-e surface fixed",
        "width:13em",
    )
    return p.Page(kit.t("files"), p.Box((tools, p.Box((side, main), "split grow")), "stack"), None, floats)


def _folder_tile(name: str, index: int) -> p.Node:
    inner = (p.Box((p.Text("📁", "h1"),), "row center"), p.Text(name, "one small"))
    return p.Hot(inner, "folder", name, "tile col", "text-align:center", item=name, index=index, of="tile")


def _file_tile(kit: Kit, name: str, index: int) -> p.Node:
    foot = p.Box((p.Text(name, "one small grow"), *kit.bares(("options",))), "row tight")
    return p.Hot(
        (_thumb(kit, name), foot),
        "file",
        name,
        "tile col",
        on=kit.chance(0.08),
        item=name,
        index=index,
        of="tile",
    )


def _sign(name: str) -> str:
    signs = {
        "jpg": "🖼️",
        "png": "🖼️",
        "svg": "🖼️",
        "mp3": "🎵",
        "mp4": "🎬",
        "xlsx": "📊",
        "zip": "🗜️",
        "pdf": "📕",
    }
    return signs.get(name.rsplit(".", 1)[-1], "📄")


def _thumb(kit: Kit, name: str) -> p.Node:
    if name.rsplit(".", 1)[-1] in ("jpg", "png", "mp4"):
        return p.Box((p.Art(landscape(kit.rng), kind="fill"),), "rel clip", "height:4.6em;border-radius:4px")
    return p.Box((p.Text(_sign(name), "h1"),), "row center", "height:4.6em")


def player(kit: Kit) -> p.Page:
    """Music: library, tracks, and the controls of what plays."""
    c = kit.content
    songs = c.some("songs", kit.rows(2.9, 22, 3, 12))
    keys_of_row = kit.some(("heart", "more", "download"), kit.number(1, 2))
    rows, names = [], []
    for song in songs:
        icons = p.Box(kit.bares(keys_of_row), "row tight")
        cells = (
            p.Hot((p.Text(song, "one"),), "song", song),
            p.Text(c.person(), "muted"),
            p.Text(f"{kit.number(2, 6)}:{kit.number(0, 59):02}", "muted"),
            icons,
        )
        rows.append(cells if not kit.narrow else (cells[0], cells[3]))
        names.append(song)
    heads = (kit.t("title"), kit.t("artists"), kit.t("time"), "") if not kit.narrow else (kit.t("title"), "")
    tracks = p.Table(heads, tuple(rows), tuple(names), chosen=(kit.number(0, 1),), of="row")
    cover = p.Box(
        (p.Art(landscape(kit.rng), kind="fill"),), "rel clip fixed", "width:9em;height:9em;border-radius:6px"
    )
    album = c.one("songs")
    actions = p.Box((kit.button("play", look="main"), *kit.bares(("shuffle", "heart", "more"))), "row wrap")
    head = p.Box(
        (
            cover,
            p.Box(
                (
                    p.Text(kit.t("playlists"), "small muted"),
                    p.Text(album, "h1"),
                    p.Text(c.person(), "muted"),
                    actions,
                ),
                "col grow",
            ),
        ),
        "row fixed",
    )
    main = p.Box((head, tracks), "col pad scroll grow loose", scroll=maybe_scroll(kit, 0.1))
    state = kit.pick(("play", "pause"))
    keys = ("previous", state, "skip") if kit.narrow else ("shuffle", "previous", state, "skip", "repeat")
    seek = p.Box(
        (
            p.Text(f"{kit.number(0, 2)}:{kit.number(10, 59)}", "small muted"),
            p.Box((p.Slider("Position", kit.number(5, 95), bare=True),), "grow"),
            p.Text(f"{kit.number(3, 5)}:{kit.number(10, 59)}", "small muted"),
        ),
        "row",
    )
    middle = p.Box(
        (p.Box(kit.bares(keys, small=False), "row center"), seek), "col tight grow", "max-width:36em"
    )
    now = p.Box(
        (
            p.Box((p.Art(landscape(kit.rng), kind="fill"),), "rel clip fixed", "width:3.2em;height:3.2em"),
            p.Box((p.Text(songs[0], "bold one"), p.Text(c.one("people"), "small muted one")), "col nogap"),
        ),
        "row",
        "width:12em",
    )
    sides: tuple[p.Node, ...] = (
        ()
        if kit.narrow
        else (
            p.Box((), "grow"),
            p.Box(
                (
                    *kit.bares(("volume",)),
                    p.Box(
                        (p.Slider(kit.t("volume"), kit.number(10, 90), bare=True),), "grow", "min-width:6em"
                    ),
                    *kit.bares(("fullscreen",)),
                ),
                "row",
                "width:12em",
            ),
        )
    )
    bar = p.Box(
        ((middle,) if kit.narrow else (now, p.Box((), "grow"), middle, *sides)),
        "row pads lint surface fixed",
        region="player bar",
    )
    if kit.narrow:
        tabs = (("home", "home"), ("search", "search"), ("library", "library"))
        return p.Page(
            album, p.Box((mobile_bar(kit, album, "back"), main, bar, bottom_bar(kit, tabs, 2)), "stack")
        )
    items = tuple(
        kit.item(k, i)
        for k, i in (
            ("home", "home"),
            ("search", "search"),
            ("library", "library"),
            ("playlists", "rows"),
            ("artists", "users"),
            ("favorites", "heart"),
        )
    )
    side = p.Box(
        (
            p.Box((p.Art(logo(kit.rng)), p.Text(c.one("brands"), "bold")), "row pads"),
            p.Nav(items[: kit.number(4, 6)], 2),
        ),
        "col pads line-e surface fixed",
        "width:12.5em",
    )
    return p.Page(album, p.Box((p.Box((side, main), "split grow"), bar), "stack"))
