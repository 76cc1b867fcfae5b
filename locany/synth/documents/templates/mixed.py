"""No kind of page: any blocks in any arrangement and look, so that no layout is learnt by heart."""

from __future__ import annotations

import numpy as np

from locany.synth.documents import figures
from locany.synth.documents.blocks import Page, escape, mark, ordinal
from locany.synth.documents.style import BODY_PX
from locany.synth.documents.templates.mixed_blocks import Blocks
from locany.synth.documents.templates.template import Template

_MIN_COLUMN = 14.5  # em, less holds neither a formula nor a word in German


def _style(page: Page, upright: float, side: float) -> str:
    """Rules that override those of all templates; `upright` and `side` are the page's padding in em."""
    w, style = page.writer, page.style

    def between(low: float, high: float) -> str:
        return f"{float(w.rng.uniform(low, high)):.2f}"

    def heading() -> str:
        """Colour, weight and ornaments of a kind of heading."""
        color = w.pick((style.ink, style.ink, style.accent, "#555"))
        rules = [f"color:{color}", f"font-weight:{w.pick(('400', '600', '700', '700', '800'))}"]
        rules.append(f"text-align:{w.pick(('start', 'start', 'start', 'center', 'end'))}")
        if w.chance(0.15):
            rules.append("font-style:italic")
        if w.chance(0.2):
            rules.append(f"letter-spacing:{between(0.02, 0.14)}em")
        ornament = w.whole(0, 9)
        line = (
            f"{between(1, 3.5)}px {w.pick(('solid', 'solid', 'dotted', 'double'))} {w.pick((color, '#999'))}"
        )
        if ornament == 0:
            rules.append(f"border-bottom:{line};padding-bottom:.25em")
        elif ornament == 1:
            rules.append(f"border-top:{line};padding-top:.3em")
        elif ornament == 2:
            rules.append(f"background:{style.tint};padding:.3em .5em")
        elif ornament == 3:
            rules.append(f"background:{style.accent};color:#fff;padding:.3em .5em")
        elif ornament == 4:
            rules.append(f"border-inline-start:5px solid {style.accent};padding-inline-start:.5em")
        return ";".join(rules)

    def edge() -> str:
        """A coloured band along a side of the page."""
        if w.chance(0.8):
            return ""
        place = w.pick(("inline-start", "inline-end", "block-start", "block-end"))
        color = w.pick((style.accent, style.tint, "#222"))
        return f"border-{place}:{between(0.4, 1.6 if page.full else 1.0)}em solid {color};"

    ground = style.tint if w.chance(0.12) else w.pick((style.paper, style.paper, "#f4f4f4", "#ffffff"))
    apart = between(0.2, 1.0)
    if w.chance(0.25):  # set apart by indents alone, as in books
        apart = "0"
    indent = between(0.8, 2) if apart == "0" or w.chance(0.12) else "0"
    caption = w.pick(("start", "start", "center", "center", "end"))
    slant = "font-style:italic;" if w.chance(0.3) else ""
    gray = "color:#444;" if w.chance(0.2) else ""
    rules = (
        f".page.mixed {{ padding: {upright}em {side}em; background: {ground}; {edge()}"
        f"font-size: {between(13.8, 16.6)}px; line-height: {between(1.16, 1.6)}; }}",
        f"h1 {{ font-size: {between(1.3, 3.2 if page.full else 1.8)}em; {heading()}; "
        f"line-height: {between(1.05, 1.3)}; }}",
        f"h2 {{ font-size: {between(1.02, 1.75 if page.full else 1.4)}em; {heading()}; "
        f"margin: {between(0.4, 1.1)}em 0 {between(0.15, 0.5)}em; }}",
        f"h3 {{ font-size: {between(0.92, 1.25)}em; {heading()}; "
        f"margin: {between(0.3, 0.8)}em 0 {between(0.1, 0.35)}em; }}",
        f"p {{ margin: 0 0 {apart}em; text-indent: {indent}em; }}",
        f"ul, ol {{ margin: {between(0, 0.4)}em 0 {between(0.3, 0.9)}em; }}",
        f"li {{ margin: 0 0 {between(0.05, 0.55)}em; padding-inline-start: {between(0, 1.8)}em; "
        f"gap: {between(0.3, 0.8)}em; }}",
        f"table {{ font-size: {between(0.74, 1.0)}em; }}",
        f"td, th {{ padding: {between(0.1, 0.5)}em {between(0.3, 0.9)}em; }}",
        f"figure {{ margin: {between(0.3, 0.8)}em 0 {between(0.4, 1)}em; "
        f"align-items: {w.pick(('center', 'center', 'flex-start', 'flex-end'))}; }}",
        f"figcaption {{ font-size: {between(0.74, 0.95)}em; text-align: {caption}; {slant}{gray}}}",
        f".formula > .math {{ text-align: {w.pick(('center', 'center', 'left'))}; }}",
        ".lead { text-indent: 0; } .row > * { min-width: 0; }",
    )
    return f"<style>{' '.join(rules)}</style>"


class _Mixer(Blocks):
    """Arranges them on the page, with what stands around them."""

    def running(self, category: str) -> str:
        """The page's header or footer in one of several looks."""
        page, w = self.page, self.w
        top = category == "page header"
        number = str(w.whole(1, 480))
        look = w.whole(0, 5)
        cls = w.pick(("small", "small", "tiny", "small it", "small bold"))
        if look <= 2:
            left = self.words() if w.chance(0.8) else ""
            right = (
                w.pick((w.date(), w.code()) if top else (number, number, w.date(), w.code()))
                if w.chance(0.7) or not left
                else ""
            )
            return page.running(category, left, right, rule=w.chance(0.4), cls=cls)
        gap = "margin-bottom:.8em" if top else "margin-top:.8em"
        if look == 3 or (look == 4 and not top):
            only = number if not top and w.chance(0.6) else self.words()
            part, names = ("page number", "the page number") if only == number else ("", f"the {category}")
            block = mark(category, escape(only), cls="center", part=part, names=names)
            return f'<div class="{cls}" style="flex:none;{gap}">{block}</div>'
        if look == 4:
            logo = mark("picture", figures.logo(w, w.whole(26, 46), self.style.accent))
            lines = "<br>".join(
                escape(line) for line in (w.firm(), self.line(), self.line())[: w.whole(1, 3)]
            )
            both = [logo, mark(category, lines, cls=cls, names=f"the {category}")]
            both = both if w.chance(0.5) else both[::-1]
            return (
                f'<div class="row between" style="flex:none;align-items:center;{gap}">{"".join(both)}</div>'
            )
        band = f"background:{self.style.accent};color:#fff;padding:.35em .7em"
        block = mark(category, escape(self.words()), cls=w.pick(("", "center")), names=f"the {category}")
        return f'<div class="{cls}" style="flex:none;{gap};{band}">{block}</div>'

    def title(self) -> str:
        """The title with what may stand around it."""
        page, w = self.page, self.w
        text = w.title() if w.chance(0.65) else self.words()
        lines = [page.title(text.upper() if self.upper[0] else text)]
        # No parts: dates and persons stand elsewhere as well, and would have to be marked there, too.
        for share, make in (
            (0.3, w.sentence if page.full else w.phrase),
            (0.3, lambda: ", ".join(w.person() for _ in range(w.whole(1, 3)))),
            (0.2, w.date),
        ):
            if w.chance(share * (0.4 if self.low else 1.0)):
                cls = w.pick(("", "small", "it", "small it", "bold"))
                lines.append(mark("text", escape(make()), cls=cls))
        align = w.pick(("start", "start", "center", "center", "end"))
        gap = float(w.rng.uniform(0.3, 1.2))
        css = f"flex:none;text-align:{align};margin-bottom:{gap:.2f}em"
        return f'<div class="whole" style="{css}">{"".join(lines)}</div>'

    def footnotes(self) -> str:
        """Notes at the foot of the page, with or without a rule over them."""
        w, rows = self.w, []
        pattern = w.pick(('<sup style="line-height:0">{n}</sup>', "{s}", "[{n}]", "{n})", "{n}"))
        cls = w.pick(("small", "tiny", "small it"))
        for i in range(self.whole((1, 2), (1, 3))):
            text = w.sentence() if self.page.full and w.chance(0.6) else w.phrase() + "."
            inner = f"{pattern.format(n=i + 1, s='*' * (i + 1))} {escape(text)}"
            rows.append(mark("footnote", inner, cls=cls, names=f"the {ordinal(i)} footnote"))
        reach = w.pick(("30%", "30%", "100%", "0"))
        rule = f'<div style="width:{reach};border-top:1px solid {self.style.ink};margin:.5em 0 .3em"></div>'
        return f'<div data-trim style="flex:none;line-height:1.25">{rule}{"".join(rows)}</div>'

    def body(self, lead: str) -> str:
        """Columns full of blocks; `lead` comes first in them."""
        w, style = self.w, self.style
        gap = float(w.rng.uniform(1.3, 2.6)) * BODY_PX
        most = int(np.clip((self.inner + gap) / (_MIN_COLUMN * BODY_PX + gap), 1, 3))
        tall = self.height / BODY_PX / (7.5 if self.page.full else 5.0) * float(w.rng.uniform(0.75, 1.4))
        columns = w.whole(1, most)
        rule = f"column-rule:1px solid {w.pick(('#999', '#ccc', style.accent))};" if w.chance(0.25) else ""
        if self.inner > 25 * BODY_PX and w.chance(0.25):
            share = float(w.rng.uniform(0.28, 0.36))
            tinted = w.chance(0.5)
            main = self.blocks(self.inner * (1 - share) - gap, max(4, round(tall)))
            panel = f"background:{style.tint};padding:.8em;" if tinted else ""
            room = self.inner * share - 1.6 * BODY_PX * tinted
            aside = self.heading() + self.blocks(room, max(2, round(tall * 0.8)), narrow=True)
            frame = "display:flex;flex-direction:column;min-width:0"
            flow = '<div class="flow" data-clip style="columns:1">'
            both = [
                f'<div style="flex:1;{frame}">{flow}{lead}{main}</div></div>',
                f'<div style="flex:0 0 {share:.1%};{panel}{frame}">{flow}{aside}</div></div>',
            ]
            both = both if w.chance(0.5) else both[::-1]
            css = f"flex:1;min-height:0;gap:{gap:.0f}px"
            return f'<div class="row" data-clip style="{css}">{"".join(both)}</div>'
        column = (self.inner - (columns - 1) * gap) / columns
        blocks = self.blocks(column, max(5, round(tall * columns)))
        return (
            f'<div class="flow" data-clip style="columns:{columns};column-gap:{gap:.0f}px;{rule}clip-path:'
            f'inset(-3px)">{lead}{blocks}</div>'
        )


def mixed(page: Page) -> str:
    """A page of any blocks in any order."""
    mixer, w = _Mixer(page), page.writer
    scarce = 0.75 if mixer.low else 1.0
    top = [mixer.running("page header")] if w.chance(0.6 * scarce) else []
    title = mixer.title() if w.chance(0.68) else ""
    in_column = w.chance(0.25)
    heads = [title] if title and not in_column else []
    if w.chance(0.14 * scarce):
        size = int(mixer.inner), int(mixer.height * float(w.rng.uniform(0.12, 0.24)))
        banner = mark("picture", figures.photo(w, *size))
        heads.insert(
            w.whole(0, len(heads)), f'<div data-trim style="flex:none;margin-bottom:.8em">{banner}</div>'
        )
    body = mixer.body(title if in_column else "")
    foot = [mixer.footnotes()] if w.chance(0.52 * scarce) else []
    foot += [mixer.running("page footer")] if w.chance(0.62 * scarce) else []
    return _style(page, mixer.upright, mixer.side) + "".join((*top, *heads, body, *foot))


MIXED = Template(
    "mixed", build=mixed, width_em=(20, 60), needs_formulas=True,
    aspects=(1.414, 1.414, 1.294, 1.294, 1.6, 1.9, 1.2, 1.0, 1.0, 0.8, 0.75, 0.707, 0.5625),
)  # fmt: skip
