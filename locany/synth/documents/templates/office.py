"""Pages of offices: the report, the slide, the CV, the manual, the data sheet."""

from __future__ import annotations

from locany.synth.documents import figures
from locany.synth.documents.blocks import Page, escape, mark, ordinal
from locany.synth.documents.templates.template import LANDSCAPE, PORTRAIT, Template


def _tile(page: Page, name: str) -> str:
    """A large number with its name."""
    w, style = page.writer, page.style
    text = w.money(w.whole(10, 9900) * 10_000) if w.chance(0.6) else f"{w.whole(1, 48)}%"
    number = mark("", escape(text), tag="span", part="key figure", names=f"the key figure for '{name}'")
    large = f'<div class="head bold" style="font-size:1.4em;color:{style.accent}">{number}</div>'
    small = f'<div class="small">{escape(name)}</div>'
    return f'<div class="tile" style="background:{style.tint}">{large}{small}</div>'


def report(page: Page) -> str:
    """A page of a business report: text, charts, tables, figures of the year."""
    w = page.writer
    firm = w.firm()
    inner = page.width - 7.2 * 16
    columns = 2 if page.full and w.chance(0.45) else 1
    column = (inner - (columns - 1) * 27) / columns
    parts = [
        page.running("page header", firm, f"{w.label('report')} {w.whole(1998, 2027)}", rule=w.chance(0.6))
    ]
    body = [page.title(w.title()) + '<div style="height:.6em"></div>'] if w.chance(0.6) else []
    if w.chance(0.4):
        tiles = "".join(_tile(page, name) for name in w.terms(3 if column > 380 else 2))
        body.append(mark("text", tiles, cls="row tiles", names="the row of key figures", part="key figures"))
    for text in w.several(w.lexicon.headings, 6 if page.full else 3):
        body.append(page.heading(text) + page.prose(w.whole(1, 2)))
        kind = w.whole(0, 7)
        if kind <= 3:
            width = int(min(column, 30 * 16))
            body.append(page.figure(width, int(width * float(w.rng.uniform(0.38, 0.62))), photos=0.1))
        elif kind <= 5:
            body.append(
                page.table(
                    w.whole(3, 9),
                    w.whole(3, 6) if column > 380 else 3,
                    caption=w.chance(0.7),
                    width="width:100%",
                )
            )
        elif kind == 6:
            body.append(page.bullets([w.sentence() for _ in range(w.whole(2, 5))], sign=w.pick(("•", "–"))))
    parts.append(f'<div class="flow" data-clip style="columns:{columns}">{"".join(body)}</div>')
    if w.chance(0.35):
        parts.append(page.footnotes(w.whole(1, 2)))
    left = w.label("confidential") if w.chance(0.4) else ""
    parts.append(page.running("page footer", left, str(w.whole(1, 180)), rule=w.chance(0.4)))
    return "".join(parts)


def slide(page: Page) -> str:
    """A slide: title, points, a picture or a table beside or below."""
    w, style = page.writer, page.style
    band = w.chance(0.4)
    head_css = f"background:{style.accent};color:#fff" if band else f"border-bottom:3px solid {style.accent}"
    title = page.title(w.title(), more='style="font-size:1.55em"')
    kind = w.whole(0, 5)
    room_w, room_h = page.width - 4 * 16, page.height - 11 * 16
    points = page.bullets([w.phrase() for _ in range(w.whole(2, 5))], sign=w.pick(("•", "–", "•")))
    half = int(room_w * 0.46)
    tall = int(max(90, min(room_h * 0.8, half * 0.75)))
    if kind <= 1:
        body = (
            f'<div class="grow">{points}</div><div style="width:{half}px">'
            f"{page.figure(half, tall, photos=0.3, caption=w.chance(0.4))}</div>"
        )
    elif kind == 2:
        body = (
            f'<div class="grow">'
            f"{page.figure(int(room_w * 0.86), int(room_h * 0.82), photos=0.1, caption=w.chance(0.3))}</div>"
        )
    elif kind == 3:
        body = f'<div class="grow">{page.table(w.whole(2, 4), w.whole(3, 5), caption=False)}{points}</div>'
    elif kind == 4:
        body = ""
        for _ in range(2):
            head = page.heading(w.term(), tag="h3")
            body += (
                f'<div class="grow">{head}{page.bullets([w.phrase() for _ in range(w.whole(2, 3))])}</div>'
            )
    else:
        lead = mark("text", escape(w.sentence()), cls="center", part="subtitle",
                    names="the text on the slide", more='style="font-size:1.3em;margin:auto 6%"')  # fmt: skip
        body = f'<div class="grow" style="display:flex">{lead}</div>'
    foot = page.running("page footer", w.firm() if w.chance(0.6) else "", str(w.whole(1, 60)), cls="tiny")
    mark_logo = ""
    if w.chance(0.35):
        mark_logo = mark("picture", figures.logo(w, 40, "#fff" if band else style.accent))
    return (
        f'<div class="row between top" style="{head_css}">{title}{mark_logo}</div>'
        f'<div class="row body">{body}</div><div class="foot">{foot}</div>'
    )


_SLIDE_CSS = """
.page { padding: 0; } .top { padding: .9em 2em .7em; align-items: center; } .foot { padding: 0 2em .6em;
margin-top: auto; }
.body { flex: 1; min-height: 0; padding: 1.1em 2em 0; gap: 2em; overflow: clip; }
.body figure { margin: 0 0 .7em; }
"""


def cv(page: Page) -> str:
    """A curriculum vitae, with or without a side column."""
    w, style = page.writer, page.style
    person = w.person()
    name = page.title(person, part="name")
    job = mark("text", escape(w.term()), names="the line under the name", part="profession")
    contact_lines = [w.street(), w.city(), w.phone(), w.address(person)]
    contact = mark(
        "text",
        "<br>".join(map(escape, contact_lines)),
        cls="small",
        part="contact",
        names="the contact details",
    )
    photo = mark("picture", figures.portrait(w, 110, 140), names="the photo") if w.chance(0.4) else ""

    def job_entry() -> str:
        years = f"{w.whole(1994, 2012)} – {w.whole(2013, 2027)}"
        head = mark("text", f"<b>{escape(w.term())}</b>, {escape(w.firm())}", part="position")
        when = mark("text", years, cls="small", part="period")
        detail = mark("text", escape(w.sentence()), cls="small", tag="p") if w.chance(0.6) else ""
        return (
            f'<div data-trim style="margin-bottom:.6em"><div class="row between"><div>'
            f"{head}</div><div>{when}</div></div>{detail}</div>"
        )

    main = page.heading(w.label("profile")) + page.prose(1, (1, 3))
    main += page.heading(w.label("experience")) + "".join(
        job_entry() for _ in range(w.whole(3, 6) if page.full else 2)
    )
    main += page.heading(w.label("education")) + "".join(job_entry() for _ in range(w.whole(1, 3)))
    skills = page.heading(w.label("skills")) + page.bullets(w.terms(w.whole(3, 6)))
    if page.full and w.chance(0.6):
        side = (
            f'<div class="side" style="background:{style.tint}">{photo}<div style="height:.8em">'
            f"</div>{contact}{skills}</div>"
        )
        return f'<div class="row body">{side}<div class="grow">{name}{job}{main}</div></div>'
    head = f'<div class="row between"><div>{name}{job}{contact}</div>{photo}</div>'
    return f'{head}<div class="flow" data-clip style="columns:1">{main}{skills}</div>'


_CV_CSS = (
    ".side { width: 32%; flex: none; padding: 1.2em; } .body { flex: 1; min-height: 0; gap: "
    "2em; } .side h1, .side li { padding: 0; }"
)


def manual(page: Page) -> str:
    """A page of a manual: numbered steps, pictures of parts, warnings."""
    w, style = page.writer, page.style
    inner = page.width - 7.2 * 16
    parts = [page.running("page header", w.label("manual"), w.term(), rule=True)]
    body = []
    for text in w.several(w.lexicon.headings, 4 if page.full else 2):
        body.append(page.heading(text, number=f"{page.count('chapter') + 1}.{w.whole(1, 9)}"))
        if w.chance(0.5):
            body.append(page.prose(1, (1, 2)))
        steps = page.bullets([w.sentence() for _ in range(w.whole(2, 5))], numbered=True)
        if inner > 34 * 16 and w.chance(0.6):
            size = int(inner * 0.34)
            picture = page.figure(size, int(size * 0.7), photos=0.2)
            body.append(
                f'<div class="row" style="break-inside:avoid"><div class="grow">{steps}</div><div '
                f'style="max-width:{size}px">{picture}</div></div>'
            )
        else:
            body.append(steps)
            if w.chance(0.5):
                body.append(page.figure(int(inner * 0.6), int(inner * 0.3), photos=0.15))
        if w.chance(0.45):
            key = w.pick(("warning", "note"))
            i = page.count(key)
            note = f"<b>{escape(w.label(key))}:</b> {escape(w.sentence())}"
            box = (
                f'style="border:1.5px solid {style.accent};padding:.5em .8em;margin:.6em 0;'
                f'break-inside:avoid"'
            )
            body.append(
                mark("text", note, part=f"{key} box", names=f"the {ordinal(i)} {key}", more=f"data-ink {box}")
            )
    parts.append(f'<div class="flow" data-clip style="columns:1">{"".join(body)}</div>')
    if w.chance(0.3):
        parts.append(page.footnotes(1))
    parts.append(page.running("page footer", w.code(), str(w.whole(2, 200))))
    return "".join(parts)


def datasheet(page: Page) -> str:
    """A data sheet of a product: features, picture, table of parameters."""
    w, style = page.writer, page.style
    inner = page.width - 7.2 * 16
    logo = mark("picture", figures.logo(w, 44, style.accent)) if w.chance(0.6) else ""
    code = mark("page header", escape(w.code()), part="product code", names="the product code", cls="bold")
    top = (
        f'<div class="row between" style="border-bottom:2.5px solid {style.accent};'
        f'padding-bottom:.4em">{code}{logo}</div>'
    )
    title = page.title(w.title(), more='style="margin:.4em 0"')
    features = page.heading(w.label("features")) + page.bullets(
        [w.phrase() for _ in range(w.whole(3, 6))], sign="•"
    )
    size = int(inner * 0.44)
    picture = page.figure(size, int(size * 0.75), photos=0.2)
    header = [
        w.label("parameter"),
        w.label("minimum"),
        w.label("typical"),
        w.label("maximum"),
        w.label("unit"),
    ]
    units = ("V", "mA", "°C", "kHz", "mm", "W", "g", "%")
    rows = []
    for name in w.terms(w.whole(4, 12) if page.full else 3):
        low = float(w.rng.uniform(-40, 60))
        values = [w.number(low * f, 1) if w.chance(0.85) else "–" for f in (1.0, 1.4, 2.1)]
        rows.append([name, *values, w.pick(units)])
    number = f"{w.label('table')} {page.count('table') + 1}"
    table = mark(
        "table",
        page.rows(header, rows),
        tag="table",
        names=f"the table of parameters|{number}",
        more='data-ink style="width:100%"',
    )
    caption = page.caption(number, "the caption of the table", short=True)
    chart = (
        page.figure(int(inner * 0.6), int(inner * 0.28), photos=0.0) if page.full and w.chance(0.6) else ""
    )
    body = (
        f'<div class="row" style="gap:2em"><div class="grow">{features}</div><div '
        f'style="width:{size}px">{picture}</div></div>'
        f'{page.heading(w.pick(w.lexicon.headings))}{page.prose(1)}<div class="whole">'
        f"{caption}{table}</div>{chart}"
    )
    foot = page.running("page footer", w.firm(), str(w.whole(1, 24)), rule=True)
    return f'{top}{title}<div class="flow" data-clip style="columns:1">{body}</div>{foot}'


TEMPLATES = (
    Template(
        "report", report, (38, 62), (*PORTRAIT, *LANDSCAPE),
        css=".tiles { margin: .4em 0 .8em; } .tile { flex: 1; padding: .6em .8em; }",
    ),
    Template("slide", slide, (30, 46), (0.5625, 0.5625, 0.75), css=_SLIDE_CSS),
    Template("cv", cv, (34, 56), css=_CV_CSS),
    Template("manual", manual, (36, 58)),
    Template("datasheet", datasheet, (42, 62)),
)  # fmt: skip
