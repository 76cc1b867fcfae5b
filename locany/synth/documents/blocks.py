"""What pages are built of: paragraphs, headings, lists, tables, figures, ..., each marked with what it is.

Marks in the HTML: data-r is a layout category, data-o a part that is no region of its own or says more about
one, data-n the phrases that name it ("|" between them), data-ink something drawn whose extent counts,
data-area a place that counts as a whole, even if empty,
data-skip text that is not transcribed, data-clip a frame that hides what sticks out, data-trim what may go
if the page is too full.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from locany.synth.documents import figures
from locany.synth.documents.formulas import formula as draw_formula
from locany.synth.documents.languages.hyphens import with_soft_hyphens
from locany.synth.documents.languages.writer import Writer
from locany.synth.documents.style import BODY_PX, Style

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def ordinal(index: int) -> str:
    """The name of a place in a row, from 0."""
    return ORDINALS[index] if index < len(ORDINALS) else f"{index + 1}th"


def escape(text: str) -> str:
    """A text as HTML."""
    return html.escape(text)


def mark(
    category: str,
    inner: str,
    *,
    tag: str = "div",
    part: str = "",
    names: str = "",
    cls: str = "",
    more: str = "",
) -> str:
    """An element with its marks; `inner` is HTML, `more` further attributes."""
    marks = [
        f'{name}="{html.escape(value)}"'
        for name, value in (("data-r", category), ("data-o", part), ("data-n", names), ("class", cls))
        if value
    ]
    return f"<{tag} {' '.join(marks)} {more}>{inner}</{tag}>"


class Page:
    """A page in the making: the writer, the look, the room, and the numbers given out so far.

    Attributes:
        width, height: CSS pixels.
        full: whether the page has about the room of a real one; small ones hold less.
    """

    def __init__(self, writer: Writer, style: Style, size: tuple[int, int], *, full: bool):
        self.writer, self.style, self.full = writer, style, full
        self.width, self.height = size
        self._counts: dict[str, int] = {}
        self._section = ""
        self._paragraphs = 0

    @property
    def rng(self) -> np.random.Generator:
        """The page's one source of chance."""
        return self.writer.rng

    def count(self, kind: str) -> int:
        """How many of a kind there were before this one."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return self._counts[kind] - 1

    def title(self, text: str, *, part: str = "", more: str = "") -> str:
        """The page's title."""
        return mark("title", escape(text), tag="h1", part=part, names="the title", more=more)

    def heading(self, text: str, *, tag: str = "h2", number: str = "") -> str:
        """A section header."""
        self._section, self._paragraphs = text, 0
        shown = f"{number} {text}" if number else text
        return mark("section header", escape(shown), tag=tag, names=f"the heading '{text}'")

    def paragraph(self, text: str, *, cls: str = "", part: str = "", names: str = "") -> str:
        """A paragraph of body text, named after its section."""
        known = [names] if names else []
        if self._section and not names:
            which = ordinal(self._paragraphs)
            known.append(f"the {which} paragraph under '{self._section}'")
        self._paragraphs += 1
        inner = escape(self.breakable(text))
        return mark("text", inner, tag="p", part=part, names="|".join(known), cls=cls)

    def breakable(self, text: str) -> str:
        """A text with soft hyphens where the page's paragraphs fill their lines."""
        if self.style.justify and self.writer.lexicon.script in ("latin", "cyrillic"):
            return with_soft_hyphens(text)
        return text

    def prose(self, num_paragraphs: int, sentences: tuple[int, int] = (2, 6)) -> str:
        """Several paragraphs."""
        w = self.writer
        return "".join(self.paragraph(w.paragraph(w.whole(*sentences))) for _ in range(num_paragraphs))

    def bullets(self, items: Sequence[str], *, numbered: bool = False, sign: str = "•") -> str:
        """A list; each item is a region with its bullet or number."""
        which = self.count("list")
        rows = []
        for i, item in enumerate(items):
            first = f"{i + 1}." if numbered else sign
            names = (
                f"the {ordinal(i)} list item under '{self._section}'" if self._section and not which else ""
            )
            skip = "" if numbered else "data-ink"
            bullet = f'<span class="m" {skip} {"" if numbered else "data-skip"}>{first}</span>'
            rows.append(
                mark("list-item", f'{bullet}<span class="t">{escape(item)}</span>', tag="li", names=names)
            )
        return f"<{'ol' if numbered else 'ul'}>{''.join(rows)}</{'ol' if numbered else 'ul'}>"

    def figure(self, width: int, height: int, *, photos: float = 0.25, caption: bool = True) -> str:
        """A picture and its caption."""
        w, i = self.writer, self.count("figure")
        number = f"{w.label('figure')} {i + 1}"
        names = f"the {ordinal(i)} figure|{number}" if caption else f"the {ordinal(i)} picture"
        picture = mark("picture", figures.figure_body(w, width, height, photo_share=photos), names=names)
        if not caption:
            return f"<figure>{picture}</figure>"
        return f"<figure>{picture}{self.caption(number, f'the caption of the {ordinal(i)} figure')}</figure>"

    def caption(self, number: str, names: str, *, short: bool = False) -> str:
        """The text under a figure or over a table."""
        w = self.writer
        text = w.phrase() if short or w.chance(0.4) else w.sentence()
        end = w.pick((".", ":"))
        bold = f"<b>{escape(number)}{end}</b>" if w.chance(0.6) else escape(number) + end
        return mark("caption", f"{bold} {escape(text)}", tag="figcaption", names=names)

    def table(self, rows: int, columns: int, *, caption: bool = True, width: str = "") -> str:
        """A table of numbers with a caption above or below."""
        w, i = self.writer, self.count("table")
        number = f"{w.label('table')} {i + 1}"
        grid = self.grid([w.term() if c else "" for c in range(columns)], rows)
        names = f"the {ordinal(i)} table|{number}" if caption else f"the {ordinal(i)} table"
        table = mark("table", grid, tag="table", names=names, more=f'data-ink style="{width}"')
        if not caption:
            return f"<figure>{table}</figure>"
        text = self.caption(number, f"the caption of the {ordinal(i)} table", short=True)
        return f"<figure>{text + table if w.chance(0.6) else table + text}</figure>"

    def grid(self, header: Sequence[str], rows: int) -> str:
        """Header and rows of a table of numbers, ruled in one of the usual ways."""
        w = self.writer
        places, high = w.whole(0, 2), float(w.pick(("1", "10", "100", "5000")))
        names = w.terms(rows)
        body = [
            [name]
            + [w.number(float(w.rng.uniform(0, high)), places or (2 if high < 2 else 0)) for _ in header[1:]]
            for name in names
        ]
        return self.rows(header, body)

    def rows(self, header: Sequence[str], body: Sequence[Sequence[str]], *, numbers_from: int = 1) -> str:
        """A table's rows; cells are texts. Columns from `numbers_from` on are flushed to the end."""
        style, accent = self.style, self.style.accent
        look = self.writer.whole(0, 4)
        head_css, cell_css = (
            (f"border-top:1.6px solid {style.ink};border-bottom:1px solid {style.ink}", ""),
            (f"border:1px solid {style.ink}", f"border:1px solid {style.ink}"),
            (f"background:{accent};color:#fff", "border-bottom:1px solid #bbb"),
            (f"background:{style.tint};border:1px solid #aaa", "border:1px solid #aaa"),
            (f"border-bottom:1.6px solid {accent}", "border-bottom:1px solid #ccc"),
        )[look]

        def cells(values: Sequence[str], tag: str, css: str) -> str:
            return "".join(
                f'<{tag} class="{"r" if c >= numbers_from else ""}" style="{css}">{escape(value)}</{tag}>'
                for c, value in enumerate(values)
            )

        striped = look == 2 and self.writer.chance(0.5)
        first = (
            f'<tr data-o="table header" data-n="the header row of the table">'
            f"{cells(header, 'th', head_css)}</tr>"
        )
        lines = []
        for i, values in enumerate(body):
            last = look == 0 and i == len(body) - 1
            css = cell_css + (f";border-bottom:1.6px solid {style.ink}" if last else "")
            css += f";background:{style.tint}" if striped and i % 2 else ""
            row_name = f"the table row '{escape(values[0])}'" if values[0] else ""
            lines.append(
                f'<tr data-trim data-o="table row" data-n="{row_name}">{cells(values, "td", css)}</tr>'
            )
        return f"<thead>{first}</thead><tbody>{''.join(lines)}</tbody>"

    def formula(self, *, numbered: bool) -> str:
        """A displayed formula, with or without its number."""
        i = self.count("formula")
        number = f'<span data-skip data-ink class="number">({i + 1})</span>' if numbered else ""
        names = f"the {ordinal(i)} formula" + (f"|equation ({i + 1})" if numbered else "")
        math = draw_formula(self.rng)
        return mark(
            "formula", f'<div class="math" data-skip>{math}</div>{number}', cls="formula", names=names
        )

    def footnotes(self, count: int) -> str:
        """Notes at the foot of the page, under a short rule."""
        w, notes = self.writer, []
        for i in range(count):
            number = f'<sup style="line-height:0">{i + 1}</sup> '
            text = w.sentence() if w.chance(0.6) else w.phrase() + "."
            names = f"the {ordinal(i)} footnote"
            notes.append(
                mark(
                    "footnote", number + escape(text), cls="small", names=names, more='style="margin:.15em 0"'
                )
            )
        rule = f'<div style="width:30%;border-top:1px solid {self.style.ink};margin:.5em 0 .3em"></div>'
        return f'<div style="line-height:1.25">{rule}{"".join(notes)}</div>'

    def running(self, category: str, left: str, right: str, *, rule: bool = False, cls: str = "small") -> str:
        """A page header or footer: two texts at the ends of a line, each a region."""
        top = category == "page header"
        border = f"border-{'bottom' if top else 'top'}:1px solid #888;" if rule else ""
        gap = "margin-bottom:1em;padding-bottom:.3em" if top else "margin-top:.8em;padding-top:.3em"
        parts = []
        for text, side in ((left, "left"), (right, "right")):
            is_number = text.isdigit()
            if self.style.rtl:
                side = {"left": "right", "right": "left"}[side]
            whole = f"the {side} part of the {category}" if left and right else f"the {category}"
            names = "the page number" if is_number else whole
            part = "page number" if is_number else ""
            inner = escape(text)
            parts.append(
                mark(category, inner, tag="span", part=part, names=names) if text else "<span></span>"
            )
        return f'<div class="row between {cls}" style="flex:none;{border}{gap}">{"".join(parts)}</div>'

    def em(self, share_of_width: float, limit: float = 100.0) -> int:
        """CSS pixels for a share of the page's width, at most `limit` em."""
        return int(min(share_of_width * self.width, limit * BODY_PX))
