"""The blocks that a mixed page is made of, each in many looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from locany.synth.documents import figures
from locany.synth.documents.blocks import Page, escape, mark
from locany.synth.documents.style import BODY_PX

_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_TEXT_SIGNS = ("•", "–", "*", "»", "·", "+", "-")
# Signs drawn by the browser, since few fonts have them as letters: (width, height, further rules), in em. No
# hollow square is among them: it would be a check box, which pages without a form are asked for in vain.
_DRAWN_SIGNS = (
    (0.42, 0.42, "background:{c}"),
    (0.42, 0.42, "background:{c};border-radius:50%"),
    (0.5, 0.5, "border:1.5px solid {c};border-radius:50%"),
    (0.7, 0.14, "background:{c};margin-bottom:.2em"),
)
_LOW = 20.0  # em of height from which on there is room for everything around the body


class Blocks:
    """Draws the blocks of one page by chance; what it draws often differs from page to page."""

    def __init__(self, page: Page):
        self.page, self.w, self.style = page, page.writer, page.style
        self.upright = round(float(self.w.rng.uniform(1.0, 5.0 if page.full else 1.8)), 2)
        self.side = round(float(self.w.rng.uniform(1.0, 5.0 if page.full else 2.4)), 2)
        self.inner = page.width - (2 * self.side + 1) * BODY_PX
        self.height = page.height - (2 * self.upright + 1) * BODY_PX
        self.low = self.height < _LOW * BODY_PX
        self.column = self.inner  # CSS pixels of the column that is filled just now
        self.numbering = self.w.pick(("", "", "1", "1.", "1.1", "A.", "I.", "§"))
        self.upper = tuple(self.w.chance(share) for share in (0.2, 0.15, 0.1))
        self.ruling = self.w.whole(0, 8)
        self.captioned = float(self.w.rng.uniform(0.3, 1.0))

    def whole(self, small: tuple[int, int], full: tuple[int, int]) -> int:
        """A number from one of two ranges, by the room on the page."""
        return self.w.whole(*(full if self.page.full else small))

    def words(self) -> str:
        """Something short that may stand anywhere."""
        w = self.w
        makers: tuple[Callable[[], str], ...] = (w.term, w.term, w.phrase, w.title, w.firm)
        return makers[w.whole(0, len(makers) - 1)]()

    def line(self) -> str:
        """A line of an address, of a mask, of small print."""
        w = self.w
        makers = (w.street, w.city, w.phone, w.date, w.code, w.person, w.firm, w.term)
        return makers[w.whole(0, len(makers) - 1)]()

    def heading(self) -> str:
        """A heading of one of two levels, or a bold line that serves as one."""
        page, w = self.page, self.w
        i = page.count("heading") + 1
        number = {
            "1": f"{i}", "1.": f"{i}.", "1.1": f"{1 + i // 4}.{1 + i % 4}", "A.": f"{chr(64 + min(i, 26))}.",
            "I.": f"{_ROMAN[min(i, 12) - 1]}.", "§": f"§ {i}",
        }.get(self.numbering, "")  # fmt: skip
        level = 2 if w.chance(0.6) else 3
        text = w.pick(w.lexicon.headings) if w.chance(0.3) else self.words()
        return page.heading(text.upper() if self.upper[level - 1] else text, tag=f"h{level}", number=number)

    def text(self) -> str:
        """A paragraph: plain, with a bold beginning, indented, slanted, small, tinted or in a box."""
        page, w, style = self.page, self.w, self.style
        inner = escape(page.breakable(w.paragraph(self.whole((1, 2), (1, 6)))))
        look = w.whole(0, 15)
        if look <= 1:
            return mark("text", f"<b>{escape(w.term())}{w.pick(('.', ':', ' –'))}</b> {inner}", tag="p")
        if look == 2:  # a frame counts as part of what it holds, a tint does not
            color = w.pick((style.accent, style.ink, "#888"))
            frame = f"border:{w.pick(('1px', '1.5px', '2.5px'))} solid {color}"
            return mark("text", inner, cls="whole lead", more=f'data-ink style="{frame};padding:.5em .7em;'
                        f'margin:.5em 0 .7em"')  # fmt: skip
        wrapped = {
            3: f"background:{style.tint};padding:.55em .7em .1em;margin:.5em 0 .7em",
            4: "font-style:italic", 5: "font-size:.84em", 6: "padding-inline-start:1.6em",
            7: "font-size:1.12em", 8: "padding:0 1.4em;font-size:.92em",
        }.get(look)  # fmt: skip
        block = mark("text", inner, tag="p", cls="lead" if wrapped else "")
        return f'<div style="{wrapped}">{block}</div>' if wrapped else block

    def quote(self) -> str:
        """A sentence that stands out; lines and bars around it are not of it."""
        w, style = self.w, self.style
        bar = w.pick((
            f"border-inline-start:4px solid {style.accent};padding-inline-start:.8em",
            f"border-top:2px solid {style.accent};border-bottom:2px solid {style.accent};padding:.5em 0",
            "padding:0 1em;text-align:center", f"color:{style.accent}",
        ))  # fmt: skip
        size = float(w.rng.uniform(1.05, 1.4))
        slant = ";font-style:italic" if w.chance(0.6) else ""
        inner = mark("text", escape(f"“{w.sentence()}”" if w.chance(0.5) else w.sentence()))
        who = mark("text", escape(f"— {w.person()}"), cls="small") if w.chance(0.3) else ""
        return (
            f'<div class="whole" style="{bar};margin:.7em 0;font-size:{size:.2f}em;line-height:1.3{slant}">'
            f"{inner}{who}</div>"
        )

    def bullets(self) -> str:
        """A list; its signs are letters, numbers or drawn; some items lie deeper."""
        w, style = self.w, self.style
        kind = w.whole(0, 9)
        color = w.pick((style.ink, style.accent))
        drawn = _DRAWN_SIGNS[w.whole(0, len(_DRAWN_SIGNS) - 1)]
        sign = w.pick(_TEXT_SIGNS)
        pattern = w.pick(("{n}.", "{n})", "({n})", "{a})", "({a})", "{r}.", "[{n}]"))
        make = (w.sentence, w.phrase, w.phrase, w.term)[w.whole(0, 3)]
        deep = w.chance(0.2)
        rows = []
        for i in range(self.whole((2, 5), (2, 8))):
            if kind <= 3:
                first = pattern.format(n=i + 1, a="abcdefgh"[i], r=_ROMAN[i].lower())
                bullet = f'<span class="m">{first}</span>'
            elif kind <= 6:
                bullet = f'<span class="m" data-ink data-skip style="color:{color}">{sign}</span>'
            else:
                size = f"display:inline-block;width:{drawn[0]}em;height:{drawn[1]}em"
                shape = f'<i style="{size};{drawn[2].format(c=color)}"></i>'
                bullet = f'<span class="m" data-ink data-skip>{shape}</span>'
            inset = 'style="margin-inline-start:1.6em"' if deep and i and w.chance(0.5) else ""
            inner = f'{bullet}<span class="t">{escape(make())}</span>'
            rows.append(mark("list-item", inner, tag="li", more=inset))
        return f"<ul>{''.join(rows)}</ul>"

    def entries(self) -> str:
        """Rows of a name and a value at the far end, some with a line below, as menus and contents have."""
        w = self.w
        line = w.pick(("", "border-bottom:1px dotted #888;", "border-bottom:1px solid #bbb;"))
        leader = w.pick(("", "", "1.5px dotted #777", "1px solid #bbb"))
        below, bold, gap = w.chance(0.4), w.chance(0.4), float(w.rng.uniform(0.1, 0.7))
        rows = []
        for _ in range(self.whole((2, 5), (3, 10))):
            value = w.money(w.whole(100, 9000)) if w.chance(0.6) else w.digits(w.whole(1, 3))
            name = f'<div style="{"font-weight:700" if bold else ""}">{escape(w.term())}</div>'
            middle = f'<div style="flex:1;border-bottom:{leader};margin:0 .4em .3em"></div>' if leader else ""
            inner = f'<div class="row between">{name}{middle}<div>{escape(value)}</div></div>'
            if below and w.chance(0.8):
                inner += f'<div class="{w.pick(("small", "small it"))}">{escape(w.phrase())}</div>'
            rows.append(
                f'<div class="whole" style="{line}margin-bottom:{gap:.2f}em">{mark("list-item", inner)}</div>'
            )
        return f'<div style="margin:.4em 0 .7em">{"".join(rows)}</div>'

    def with_caption(self, inner: str, category: str, number: str) -> str:
        """A figure or table with its caption; no number, no name."""
        page, w = self.page, self.w
        if number:
            caption = page.caption(number, f"the caption of {number}", short=not page.full or w.chance(0.5))
        else:
            caption = mark("caption", escape(w.phrase() if w.chance(0.5) else w.sentence()), tag="figcaption")
        above = w.chance(0.5 if category == "table" else 0.12)
        return f"<figure>{caption + inner if above else inner + caption}</figure>"

    def picture(self, width: float, height: float) -> str:
        """Something drawn or photographed, perhaps in a frame, with or without a caption."""
        page, w = self.page, self.w
        captioned, numbered = w.chance(self.captioned), w.chance(0.65)
        number = f"{w.label('figure')} {page.count('figure') + 1}" if captioned and numbered else ""
        size = int(max(60, width)), int(max(50, height))
        drawn = figures.figure_body(w, *size, photo_share=0.45)
        picture = mark("picture", drawn, names=number)
        if w.chance(0.12):
            frame = f'style="border:1.2px solid {w.pick(("#444", "#999", self.style.accent))};padding:4px"'
            picture = mark("picture", drawn, names=number, more=f"data-ink {frame}")
        if not captioned:
            return f"<figure>{picture}</figure>"
        return self.with_caption(picture, "picture", number)

    def figure(self) -> str:
        """A picture in the column."""
        w = self.w
        width = min(self.column * float(w.rng.uniform(0.55, 0.97)), 34 * BODY_PX)
        most = 0.4 if self.low else 0.34 if self.page.full else 0.27
        return self.picture(width, min(width * float(w.rng.uniform(0.4, 1.0)), self.height * most))

    def gallery(self) -> str:
        """Pictures side by side."""
        w = self.w
        count = 3 if self.column > 34 * BODY_PX and w.chance(0.5) else 2
        width = (self.column - (count - 1) * BODY_PX) / count * 0.95
        height = min(width * float(w.rng.uniform(0.5, 1.0)), self.height * 0.3)
        cells = "".join(f'<div style="flex:1">{self.picture(width, height)}</div>' for _ in range(count))
        return f'<div class="row whole">{cells}</div>'

    def table(self) -> str:
        """A table of numbers, of words, or of names and values."""
        page, w = self.page, self.w
        count = self.whole((2, 4), (2, 11))
        columns = w.whole(2, int(np.clip(self.column / 82, 2, 8)))
        pairs = w.chance(0.25)
        names = w.terms(count) if w.chance(0.6) else w.several(w.lexicon.items, count)
        if pairs:
            body = [[name, self.line()] for name in names]
        else:
            wordy = [w.chance(0.25) for _ in range(columns - 1)]
            body = [[name, *(self.cell(text) for text in wordy)] for name in names]
        header = (
            [] if pairs and w.chance(0.7) else [w.term() if i or pairs else "" for i in range(len(body[0]))]
        )
        captioned, numbered = w.chance(0.8 * self.captioned), w.chance(0.75)
        number = f"{w.label('table')} {page.count('table') + 1}" if captioned and numbered else ""
        width = "width:100%" if w.chance(0.5) else ""
        grid = self.grid(header, body, flush=not pairs or w.chance(0.3))
        table = mark("table", grid, tag="table", names=number, more=f'data-ink style="{width}"')
        return self.with_caption(table, "table", number) if captioned else f"<figure>{table}</figure>"

    def cell(self, wordy: bool) -> str:
        """What stands in a table."""
        w = self.w
        return w.pick(w.lexicon.cities) if wordy else w.number(float(w.rng.uniform(0, 900)), w.whole(0, 2))

    def grid(self, header: Sequence[str], body: Sequence[Sequence[str]], *, flush: bool) -> str:
        """A table's rows, ruled in one of many ways, mostly the same on one page."""
        w, style = self.w, self.style
        ink, accent, tint = style.ink, style.accent, style.tint
        head, cell, last = (
            (f"border-top:1.6px solid {ink};border-bottom:1px solid {ink}", "",
             f"border-bottom:1.6px solid {ink}"),
            (f"border:1px solid {ink}", f"border:1px solid {ink}", ""),
            (f"background:{accent};color:#fff", "border-bottom:1px solid #bbb", ""),
            (f"background:{tint};border:1px solid #aaa", "border:1px solid #aaa", ""),
            (f"border-bottom:1.6px solid {accent}", "border-bottom:1px solid #ccc", ""),
            ("", "", ""),
            ("border-bottom:1px solid #777", "", ""),
            (f"background:{tint}", "border-bottom:1px dotted #888", f"border-bottom:1.5px solid {accent}"),
            ("border-bottom:2px solid #333", "border-inline-start:1px solid #999", ""),
        )[self.ruling if w.chance(0.75) else w.whole(0, 8)]  # fmt: skip
        striped, bold = w.chance(0.2), w.chance(0.25)

        def row(values: Sequence[str], css: str, part: str, *, tag: str = "td") -> str:
            cells = "".join(
                f'<{tag} class="{"r" if flush and c else ""}" '
                f'style="{css}{";font-weight:700" if bold and not c else ""}">{escape(value)}</{tag}>'
                for c, value in enumerate(values)
            )
            name = f"the table row '{escape(values[0])}'" if tag == "td" and values[0] else ""
            return f'<tr data-o="{part}" data-n="{name}">{cells}</tr>'

        rows = [row(header, head, "table header", tag="th")] if header else []
        for i, values in enumerate(body):
            css = ";".join(
                (cell, last if i == len(body) - 1 else "", f"background:{tint}" * (striped and i % 2))
            )
            rows.append(row(values, css, "table row"))
        return "".join(rows)

    def formula(self) -> str:
        """A displayed formula, alone or with a line of text."""
        w = self.w
        made = self.page.formula(numbered=w.chance(0.5))
        size = 0.9 if self.column < 17 * BODY_PX else float(w.rng.uniform(0.95, 1.2))
        return f'<div style="font-size:{size:.2f}em">{made}</div>' + (self.formula() if w.chance(0.2) else "")

    def facts(self) -> str:
        """Names and values, one under the other, as one text."""
        w = self.w
        wide = w.chance(0.5)
        rows = "".join(
            f'<div class="{"row between" if wide else ""}"><b>{escape(name)}:</b> <span>{escape(self.line())}'
            f"</span></div>"
            for name in w.terms(self.whole((2, 3), (2, 6)))
        )
        ground = f"background:{self.style.tint};padding:.5em .7em;" if w.chance(0.3) else ""
        return f'<div class="whole" style="{ground}margin:.5em 0 .7em">{mark("text", rows)}</div>'

    def address(self) -> str:
        """A few short lines, as one text."""
        w = self.w
        lines = [w.firm(), w.person(), w.street(), w.city(), w.phone(), w.address(w.person())]
        kept = lines[w.whole(0, 1) : w.whole(3, 4 if not self.page.full else 6)]
        align = w.pick(("start", "start", "center", "end"))
        block = mark("text", "<br>".join(map(escape, kept)), cls=w.pick(("", "small", "it")))
        return f'<div class="whole" style="text-align:{align};margin:.5em 0 .8em">{block}</div>'

    def short_columns(self) -> str:
        """Texts of short lines side by side."""
        w = self.w
        count = 3 if self.column > 30 * BODY_PX and w.chance(0.6) else 2
        num = self.whole((2, 3), (2, 5))
        cells = "".join(
            f'<div style="flex:1">{mark("text", "<br>".join(escape(self.line()) for _ in range(num)))}</div>'
            for _ in range(count)
        )
        return f'<div class="row whole small" style="margin:.5em 0 .8em">{cells}</div>'

    def rule(self) -> str:
        """A line across the column."""
        kind = self.w.pick(
            ("1px solid #888", "2px solid #333", "1px dashed #777", f"3px solid {self.style.accent}")
        )
        return f'<div style="border-top:{kind};margin:.7em {self.w.pick(("0", "0", "20%"))}"></div>'

    def blocks(self, column: float, count: int, *, narrow: bool = False) -> str:
        """Blocks for a column: first of as many kinds as there are, then as chance will have it."""
        self.column = column
        kinds: tuple[tuple[Callable[[], str], float], ...] = (
            (self.text, 2.6), (self.heading, 2.9), (self.bullets, 2.3), (self.figure, 1.6), (self.table, 1.7),
            (self.formula, 0.0 if narrow else 1.4), (self.quote, 0.4), (self.facts, 0.5),
            (self.short_columns, 0.0 if narrow else 0.35), (self.entries, 1.0), (self.address, 0.35),
            (self.gallery, 0.0 if narrow else 0.35), (self.rule, 0.2),
        )  # fmt: skip
        rng = self.w.rng
        # Every page has its favourites, so that pages differ more than their blocks do.
        shares = np.array([share for _, share in kinds]) * rng.gamma(1.2, 1.0, len(kinds)) + 1e-9
        shares *= np.array([share > 0 for _, share in kinds])
        shares /= shares.sum()
        able = int((shares > 0).sum())
        order = rng.choice(len(kinds), min(6, able), replace=False, p=shares).tolist()
        if not self.page.full:  # what cannot be broken would leave the rest of a small page empty
            shares = shares * np.array([make in (self.text, self.bullets, self.entries) for make, _ in kinds])
            shares = shares / shares.sum()
        parts: list[str] = []
        before = -1
        while len(parts) < count:
            at = int(order.pop(0)) if order else int(rng.choice(len(kinds), p=shares))
            if at == before and at:
                at = 0
            before = at
            parts.append(kinds[at][0]())
        return "".join(parts)
