"""Printed matter: the newspaper page, the poster, the menu card."""

from __future__ import annotations

from locany.synth.documents import figures
from locany.synth.documents.blocks import Page, escape, mark, ordinal
from locany.synth.documents.templates.template import Template


def _story(page: Page, width: float, *, lead: bool) -> str:
    """A headline, a byline, a picture perhaps, and columns of text."""
    w = page.writer
    i = page.count("story")
    size = "1.7em" if lead else "1.2em"
    headline = mark(
        "section header", escape(w.title()), tag="h2", part="headline", names=f"the headline of the "
                                                                              f"{ordinal(i)} article",
        more=f'style="font-size:{size};margin:.1em 0 .2em"',
    )  # fmt: skip
    byline = mark(
        "text", escape(f"{w.label('by')} {w.person()}, "
                       f"{w.pick(w.lexicon.cities)}"), part="byline", cls="small it",
        names=f"the byline of the {ordinal(i)} article", more='style="margin-bottom:.35em;break-after:avoid"',
    )  # fmt: skip
    picture = ""
    if lead or w.chance(0.35):
        picture = page.figure(int(width), int(width * float(w.rng.uniform(0.45, 0.7))), photos=0.75)
        picture = picture.replace("align-items: center", "")
    text = "".join(
        mark(
            "text",
            escape(page.breakable(w.paragraph(w.whole(1, 4)))),
            tag="p",
            cls="dense",
            part="article text",
        )
        for _ in range(w.whole(5, 8) if lead else w.whole(2, 5))
    )
    return f'<div class="story">{headline}{byline}{picture}{text}</div>'


def newspaper(page: Page) -> str:
    """A page of a newspaper: its name, a lead story, others in columns."""
    w = page.writer
    name = page.title(
        f"{w.pick(w.lexicon.cities)} {w.label('today')}",
        part="newspaper name",
        more='style="font-size:2.7em"',
    )
    left, right = f"{w.label('volume')} {w.whole(1, 180)}, {w.label('number')} {w.whole(1, 300)}", w.date()
    parts = [f'<div class="center">{name}</div>'] if w.chance(0.6) else []
    parts.append(page.running("page header", left, right, rule=True))
    columns = 3 if page.full else 2
    room = (page.width - 5 * 16 - (columns - 1) * 24) / columns
    if w.chance(0.5):
        lead_width = page.width - 5 * 16 - 24 - room
        lead = _story(page, min(lead_width, 26 * 16), lead=True)
        parts.append(f'<div class="lead" data-clip>{lead}</div>')
    stories = "".join(_story(page, room, lead=False) for _ in range(9 if page.full else 5))
    parts.append(
        f'<div class="flow" data-clip style="columns:{columns};column-gap:24px;column-rule:1px '
        f'solid #999;clip-path:inset(0)">{stories}</div>'
    )
    number = mark(
        "page footer", str(w.whole(1, 60)), part="page number", names="the page number", cls="center small"
    )
    parts.append(f'<div style="margin-top:.5em">{number}</div>')
    return "".join(parts)


_NEWSPAPER_CSS = """
.page { padding: 2em 2.5em; } .dense { margin: 0; text-indent: 1em; font-size: .92em; }
.story { margin-bottom: 1em; } .story > :nth-child(3).dense { text-indent: 0; }
.lead { flex: none; max-height: 46%; overflow: clip; columns: 2; column-gap: 24px; border-bottom: 1px
solid #555;
  margin-bottom: .8em; }
"""


def poster(page: Page) -> str:
    """A poster or flyer: a few large words, a picture, when and where."""
    w, style = page.writer, page.style
    dark = w.chance(0.4)
    ground, ink = (style.accent, "#ffffff") if dark else (style.tint, style.ink)
    height = int(page.height * float(w.rng.uniform(0.24, 0.38)))
    width = int(page.width - 2 * 2.6 * 16)
    if w.chance(0.6):
        picture = mark("picture", figures.photo(w, width, height), names="the picture|the large picture")
    else:
        mark_size = int(min(width, height) * 0.8)
        picture = mark("picture", figures.logo(w, mark_size, "#ffffff" if dark else style.accent))
    title = page.title(
        w.title().upper() if w.chance(0.4) else w.title(), more='style="font-size:2.6em;line-height:1.1"'
    )
    lead = mark("text", escape(w.sentence()), cls="big", names="the line under the title", part="subtitle")
    when = mark(
        "text",
        escape(f"{w.date()}, {w.whole(9, 20)}:{w.pick(('00', '15', '30'))}"),
        cls="big bold",
        part="date",
        names="the date and time",
    )
    where = mark(
        "text",
        escape(f"{w.firm()}, {w.street()}, {w.pick(w.lexicon.cities)}"),
        part="place",
        names="the place|the address",
    )
    points = (
        page.bullets([w.phrase() for _ in range(w.whole(2, 4))])
        if w.chance(0.6)
        else page.paragraph(w.paragraph(2))
    )
    free = mark(
        "text", escape(w.label("admission")), cls="tag", part="admission", names="the note about admission"
    )
    foot = mark(
        "page footer", escape(f"{w.phone()} · {w.address(w.person())}"), cls="small", names="the contact line"
    )
    align = "center" if w.chance(0.5) else "start"
    blocks = (
        [title, f'<div class="frame">{picture}</div>']
        if w.chance(0.5)
        else [f'<div class="frame">{picture}</div>', title]
    )
    free = (
        f'<div data-trim style="align-self:{"center" if align == "center" else "flex-start"}">{free}</div>'
        if w.chance(0.6)
        else ""
    )
    inner = (
        f'{blocks[0]}{blocks[1]}{lead}{when}{where}{free}<div style="text-align:start" '
        f"data-trim>{points}</div>"
    )
    return (
        f'<div class="sheet" style="background:{ground};color:{ink};text-align:{align}">{inner}'
        f'<div style="margin-top:auto">{foot}</div></div>'
    )


_POSTER_CSS = """
.page { padding: 0; } .sheet { flex: 1; min-height: 0; padding: 2.6em; display: flex; flex-direction:
column; gap: .8em; }
.sheet p { text-align: inherit; } .big { font-size: 1.25em; line-height: 1.3; } .frame { display: flex;
justify-content: center; }
.tag { border: 2px solid currentColor; border-radius: .5em; padding: .25em .8em; font-weight: 700; }
"""


def menu(page: Page) -> str:
    """A menu card: courses with dishes, a line about each, and prices."""
    w, style = page.writer, page.style
    name = page.title(
        w.firm() if w.chance(0.5) else w.label("menu"), part="name", more=f'style="color:{style.accent}"'
    )
    every = w.lexicon.dishes
    each = len(every) // 4
    courses = []
    for k, key in enumerate(("starters", "mains", "desserts", "drinks")[: 4 if page.full else w.whole(2, 3)]):
        rows = []
        for dish in w.several(every[k * each : (k + 1) * each], w.whole(2, each)):
            amount = w.money(w.whole(25, 120) * 10 + 150 * 10 * (key == "mains"))
            price = mark("", escape(amount), tag="span", part="price", names=f"the price of '{dish}'")
            title = mark("", escape(dish), tag="span", part="dish", names=f"the dish '{dish}'", cls="bold")
            about = f'<div class="small">{escape(w.phrase())}</div>' if w.chance(0.5) else ""
            inner = f'<div class="row between"><div>{title}</div><div>{price}</div></div>{about}'
            rows.append(mark("list-item", inner, part="entry", names=f"the entry '{dish}'", cls="dish"))
        head = page.heading(w.label(key)).replace("<h2", f'<h2 style="color:{style.accent}"', 1)
        courses.append(f'<div class="course">{head}{"".join(rows)}</div>')
    columns = 2 if page.full and w.chance(0.6) else 1
    note = mark("footnote", escape(w.sentence()), cls="tiny center", names="the footnote")
    return (
        f'<div class="center" style="margin-bottom:1em">{name}</div>'
        f'<div class="flow" data-clip style="columns:{columns};column-fill:balance;flex:0 1 auto">'
        f'{"".join(courses)}</div><div style="margin-top:.8em">{note}</div>'
    )


_MENU_CSS = (
    ".dish { margin: 0 0 .7em; break-inside: avoid; } .course { margin-bottom: .8em; } "
    ".course h2 { text-align: center; }"
)

TEMPLATES = (
    Template("newspaper", newspaper, (44, 72), (1.35, 1.5), css=_NEWSPAPER_CSS),
    Template("poster", poster, (26, 36), css=_POSTER_CSS),
    Template("menu", menu, (28, 46), (1.414, 1.6, 1.9), css=_MENU_CSS),
)
