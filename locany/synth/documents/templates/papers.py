"""Scientific pages: the paper in two columns, the thesis in one, the book page."""

from __future__ import annotations

from locany.synth.documents.blocks import Page, escape, mark
from locany.synth.documents.templates.template import Template


def _authors(page: Page) -> str:
    w = page.writer
    people = [w.person() for _ in range(w.whole(1, 4))]
    names = mark(
        "text", escape(", ".join(people)), part="authors", names="the authors|the author line", cls="center"
    )
    place = f"{w.firm()}, {w.pick(w.lexicon.cities)}"
    affiliation = mark(
        "text", escape(place), part="affiliation", names="the affiliation", cls="center small it"
    )
    return f'<div style="margin:.5em 0">{names}{affiliation}</div>'


def _abstract(page: Page, *, inline: bool) -> str:
    w = page.writer
    text = w.paragraph(w.whole(2, 5) if page.full else w.whole(1, 3))
    if inline:
        inner = f"<b>{escape(w.label('abstract'))}.</b> {escape(text)}"
        return mark("text", inner, tag="p", part="abstract", names="the abstract", cls="small")
    heading = mark(
        "section header",
        escape(w.label("abstract")),
        tag="h3",
        names="the heading of the abstract",
        cls="center",
    )
    return heading + mark("text", escape(text), tag="p", part="abstract", names="the abstract", cls="small")


def _keywords(page: Page) -> str:
    w = page.writer
    words = ", ".join(w.several(w.lexicon.terms, w.whole(3, 5)))
    inner = f"<b>{escape(w.label('keywords'))}:</b> {escape(words)}"
    return mark("text", inner, tag="p", part="keywords", names="the keywords", cls="small")


def _references(page: Page) -> str:
    w, rows = page.writer, []
    head = page.heading(w.label("references"))
    for i in range(w.whole(4, 9)):
        text = (
            f"{w.person()}. {w.title()}. {w.firm()}, {w.whole(1987, 2026)}, "
            f"{w.whole(1, 90)}({w.whole(1, 12)})."
        )
        inner = f'<span class="m">[{i + 1}]</span><span class="t">{escape(text)}</span>'
        rows.append(
            mark("list-item", inner, tag="li", part="reference", names=f"reference [{i + 1}]", cls="small")
        )
    return head + f'<ol style="text-align:start">{"".join(rows)}</ol>'


def _body(page: Page, column: float, *, numbered: bool) -> str:
    """Sections until surely full; what does not fit is cut off by the frame, as a page ends."""
    w, parts = page.writer, []
    headings = w.several(w.lexicon.headings, 8)
    for i, text in enumerate(headings if page.full else headings[:6]):
        parts.append(page.heading(text, number=f"{i + 1}" if numbered else ""))
        parts.append(page.prose(w.whole(1, 3)))
        kind = w.whole(0, 9)
        if kind <= 2:
            parts.append(page.figure(int(column), int(column * float(w.rng.uniform(0.4, 0.75))), photos=0.15))
        elif kind <= 4:
            parts.append(page.table(w.whole(3, 7), w.whole(3, 4) if column < 360 else w.whole(3, 6)))
        elif kind <= 7:
            parts.append(page.formula(numbered=w.chance(0.6)))
            parts.append(page.paragraph(w.paragraph(w.whole(1, 3))))
        else:
            parts.append(page.bullets([w.sentence() for _ in range(w.whole(2, 5))], numbered=w.chance(0.4)))
    parts.append(_references(page))
    return "".join(parts)


def paper(page: Page) -> str:
    """A paper in two columns: its first page or a later one."""
    w = page.writer
    column = (page.width - 7.2 * 16 - 1.7 * 16) / 2
    title_page = w.chance(0.6)
    numbered = w.chance(0.6)
    number = str(w.whole(1, 400))
    journal = f"{w.firm()}, {w.label('volume')} {w.whole(1, 60)}"
    top = page.running("page header", journal, "" if w.chance(0.5) else w.date(), rule=w.chance(0.5))
    parts = [top]
    if title_page:
        parts.append(f'<div class="center">{page.title(w.title())}</div>{_authors(page)}')
        if w.chance(0.4):
            parts.append(f'<div style="margin:0 12%">{_abstract(page, inline=False)}</div>')
            body = _body(page, column, numbered=numbered)
        else:
            body = (
                _abstract(page, inline=w.chance(0.5))
                + _keywords(page)
                + _body(page, column, numbered=numbered)
            )
    else:
        body = page.prose(1) + _body(page, column, numbered=numbered)
    parts.append(f'<div class="flow" data-clip style="columns:2">{body}</div>')
    if w.chance(0.4):
        parts.append(page.footnotes(w.whole(1, 2)))
    parts.append(page.running("page footer", "" if w.chance(0.5) else journal, number))
    return "".join(parts)


def thesis(page: Page) -> str:
    """A page in one column with formulas and notes."""
    w = page.writer
    column = min(page.width - 7.2 * 16, 30 * 16)
    top = page.running("page header", w.title(), str(w.whole(1, 300)), rule=True, cls="small it")
    body = "" if w.chance(0.5) else page.prose(1)
    if w.chance(0.3):
        body = (
            f'<div class="center">{page.title(w.title())}</div>'
            f"{_authors(page)}{_abstract(page, inline=False)}"
        )
    body += _body(page, column, numbered=w.chance(0.7))
    notes = page.footnotes(w.whole(1, 3)) if w.chance(0.7) else ""
    return f'{top}<div class="flow" data-clip style="columns:1">{body}</div>{notes}'


def book(page: Page) -> str:
    """A page of a book: running title, sometimes a new chapter, prose with indents."""
    w = page.writer
    number = str(w.whole(2, 600))
    parts = [page.running("page header", w.title() if w.chance(0.7) else "", number if w.chance(0.4) else "")]
    if w.chance(0.4):
        chapter = f"{w.label('chapter')} {w.whole(1, 30)}"
        label = mark("section header", escape(chapter), names="the chapter number", cls="center")
        parts.append(
            f'<div style="margin:2.5em 0 1.5em">{label}<div class="center">'
            f"{page.title(w.title())}</div></div>"
        )
    body = "".join(
        mark("text", escape(page.breakable(w.paragraph(w.whole(3, 8)))), tag="p", cls="indent")
        for _ in range(9)
    )
    parts.append(f'<div class="flow" data-clip style="columns:1">{body}</div>')
    parts.append(page.running("page footer", "", number) if w.chance(0.5) else "")
    return "".join(parts)


TEMPLATES = (
    Template("paper", paper, (38, 62), needs_formulas=True),
    Template("thesis", thesis, (30, 56), needs_formulas=True),
    Template("book", book, (24, 40), (1.5, 1.6, 1.414), css=".indent { text-indent: 1.4em; margin: 0; }"),
)
