"""How one page looks: its fonts, colours and measures, as a style sheet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from locany.synth.documents.languages.lexicon import Lexicon, lexicon
from locany.synth.fonts import Family, families

BODY_PX = 16  # CSS pixels of body text on every page; the page's size and scale make it large or small

_ACCENTS = (
    ("#1d4f91", "#e4ecf6"),
    ("#8c1c13", "#f6e7e5"),
    ("#1e6b4a", "#e3f1ea"),
    ("#5b3a8c", "#ece6f5"),
    ("#b3541e", "#f9ebe1"),
    ("#0f6674", "#e0f0f2"),
    ("#333333", "#ececec"),
    ("#7a1f5c", "#f5e5ef"),
)
_PAPERS = ("#ffffff", "#ffffff", "#ffffff", "#ffffff", "#fdfcf8", "#faf7ef", "#f7f8fa")
_INKS = ("#000000", "#111111", "#1c1c1c", "#222833", "#2b2b2b")
_STYLES_BY_SCRIPT: dict[str, tuple[str, ...]] = {"latin": ("sans", "serif"), "cyrillic": ("sans", "serif")}


@dataclass(frozen=True)
class Style:
    """The look of a page.

    Attributes:
        body, head, mono: families; what the script's own fonts lack comes from `latin`.
        latin: a family for digits and names on pages in other scripts.
        accent, tint: a strong colour and a pale one of the same hue.
        ink, paper: of text and ground.
        leading: line height in em.
        justify: whether paragraphs fill their lines.
        rtl: written from right to left.
    """

    body: Family
    head: Family
    mono: Family
    latin: Family
    accent: str
    tint: str
    ink: str
    paper: str
    leading: float
    justify: bool
    rtl: bool

    @property
    def fonts(self) -> tuple[str, ...]:
        """Names of the families, each once."""
        return tuple(dict.fromkeys(f.name for f in (self.body, self.head, self.mono, self.latin)))

    def stack(self, family: Family) -> str:
        """The font list of a style sheet: the family, then the one for digits and names."""
        return f"'{family.css}','{self.latin.css}','{self.body.css}'"


def fonts_for(code: str, split: str) -> tuple[str, ...]:
    """Names of every family that a page in a language may be set in."""
    script = lexicon(code).script
    found = [*families(split, script=script, styles=_STYLES_BY_SCRIPT.get(script, ()))]
    if script not in _STYLES_BY_SCRIPT:
        found += families(split, styles=("sans",))
    found += families(split, script=script if script in _STYLES_BY_SCRIPT else "latin", styles=("mono",))
    return tuple(dict.fromkeys(family.name for family in found))


def draw_style(rng: np.random.Generator, words: Lexicon, split: str) -> Style:
    """A look by chance, with fonts of the split that can write the language."""

    def one(script: str, styles: tuple[str, ...]) -> Family:
        able = families(split, script=script, styles=styles)
        return able[int(rng.integers(len(able)))]

    wanted = _STYLES_BY_SCRIPT.get(words.script, ())
    body = one(words.script, wanted)
    head = body if rng.random() < 0.55 else one(words.script, wanted)
    latin = body if words.script in _STYLES_BY_SCRIPT else one("latin", ("sans",))
    mono_script = words.script if words.script in _STYLES_BY_SCRIPT else "latin"
    accent, tint = _ACCENTS[int(rng.integers(len(_ACCENTS)))]
    return Style(
        body=body,
        head=head,
        mono=one(mono_script, ("mono",)),
        latin=latin,
        accent=accent,
        tint=tint,
        ink=_INKS[int(rng.integers(len(_INKS)))],
        paper=_PAPERS[int(rng.integers(len(_PAPERS)))],
        leading=float(rng.uniform(1.22, 1.5)) + (0.15 if words.script not in _STYLES_BY_SCRIPT else 0.0),
        justify=bool(rng.random() < 0.5) and not words.rtl,
        rtl=words.rtl,
    )


def style_sheet(style: Style, width: int, height: int) -> str:
    """The part of the style sheet that all templates share; lengths in CSS pixels."""
    align = "justify" if style.justify else "start"
    return f"""
* {{ box-sizing: border-box; }}
html, body {{ margin: 0; background: {style.paper}; font-variant-ligatures: normal; }}
.page {{ position: relative; width: {width}px; height: {height}px; overflow: hidden; display: flex;
  flex-direction: column; background: {style.paper}; color: {style.ink}; direction: {
        "rtl" if style.rtl else "ltr"
    };
  font: {BODY_PX}px/{style.leading:.3f} {style.stack(style.body)}; text-align: start; padding: 3.2em 3.6em; }}
.flow {{ flex: 1; min-height: 0; column-gap: 1.7em; column-fill: auto; overflow: clip;
  overflow-clip-margin: 3px; orphans: 1; widows: 1; }}
.head {{ font-family: {style.stack(style.head)}; }}
.receipt {{ font-family: {style.stack(style.mono)}; }}
h1, h2, h3 {{ font-family: {style.stack(style.head)}; margin: 0; line-height: 1.2; break-inside: avoid; }}
h2, h3 {{ break-after: avoid; }}
h1 {{ font-size: 1.9em; }} h2 {{ font-size: 1.25em; margin: .7em 0 .35em; }} h3 {{ font-size: 1.05em;
margin: .5em 0 .25em; }}
p {{ margin: 0 0 .65em; text-align: {align}; hyphens: manual; }}
ul, ol {{ list-style: none; margin: 0 0 .7em; padding: 0; }}
li {{ display: flex; gap: .55em; margin: 0 0 .22em; padding-inline-start: .9em; break-inside: avoid; }}
li > .m {{ flex: none; min-width: .8em; }} li > .t {{ flex: 1; min-width: 0; }}
table {{ border-collapse: collapse; font-size: .88em; line-height: 1.3; break-inside: avoid; }}
td, th {{ padding: .22em .55em; text-align: start; vertical-align: top; font-weight: inherit; }}
th {{ font-weight: 700; }} .r {{ text-align: end; }} .c {{ text-align: center; }}
figure {{ margin: .5em 0 .8em; break-inside: avoid; display: flex; flex-direction: column; align-items:
center; }}
figcaption, .caption {{ font-size: .86em; line-height: 1.3; margin: .35em 0; text-align: start; }}
.formula {{ display: flex; align-items: center; margin: .5em 0; break-inside: avoid; direction: ltr; }}
.formula > .math {{ flex: 1; text-align: center; }} .math .katex-display {{ margin: 0; }}
.math .katex {{ font-size: 1.08em; }}
.row {{ display: flex; gap: 1em; }} .between {{ justify-content: space-between; }} .grow {{ flex: 1;
min-width: 0; }}
svg, img {{ display: block; }} svg text {{ font-family: {style.stack(style.body)}; }}
.whole {{ break-inside: avoid; }} .small {{ font-size: .84em; }} .tiny {{ font-size: .74em; }} .muted {{
opacity: 1; color: #555; }}
.center {{ text-align: center; }} .bold {{ font-weight: 700; }} .it {{ font-style: italic; }}
"""
