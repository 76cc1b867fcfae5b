"""Formulas, set by KaTeX: the script of the installed assets, loaded once into the browser's page."""

from __future__ import annotations

from functools import cache

import numpy as np

from locany.synth.browser import browser
from locany.synth.render_assets import assets_folder

STYLE_LINK = '<link rel="stylesheet" href="node_modules/katex/dist/katex.min.css">'
_VARIANTS = 32
_SCRIPT = "node_modules/katex/dist/katex.min.js"

_LETTERS = ("x", "y", "z", "u", "v", "p", "q", "r", "s", "t", "a", "b", "c")
_GREEK = (
    r"\alpha",
    r"\beta",
    r"\gamma",
    r"\lambda",
    r"\mu",
    r"\sigma",
    r"\theta",
    r"\omega",
    r"\rho",
    r"\phi",
)
_LARGE = ("F", "G", "H", "L", "P", "Q", "S", "V", r"\Phi", r"\Omega")
_PATTERNS = (
    r"{F}({x}) = \sum_{{i=1}}^{{{n}}} {a}_i {x}^{{i}}",
    r"{F} = \frac{{{x} + {g}}}{{{y}^2 - {k}}}",
    r"\frac{{\partial {x}}}{{\partial t}} = {g} \nabla^2 {x} + {F}",
    r"{F}({x}, {y}) = \int_0^{{\infty}} e^{{-{g} {x}}} \, d{x}",
    r"{x} = \sqrt{{{a}^2 + {b}^2}}",
    r"\mathbf{{{F}}} = \begin{{bmatrix}} {a} & {b} \\ {x} & {y} \end{{bmatrix}}",
    r"{F}_{{{k}}} = \log \left( 1 + \frac{{{x}_{{{k}}}}}{{{g}}} \right)",
    r"\lim_{{{x} \to \infty}} \frac{{{a}^{x}}}{{{x}!}} = 0",
    r"{a} {x}^2 + {b} {x} + {y} \geq {g}_{{{k}}}",
    r"\hat{{{x}}} = \arg\max_{{{y}}} \; {F}({y} \mid {a}, {g})",
    r"{F} = {a}_0 + {a}_1 {x} + {a}_2 {x}^2 + \varepsilon",
    r"\prod_{{j=1}}^{{{n}}} {g}_j \leq \left( \frac{{1}}{{{n}}} \sum_{{j}} {g}_j \right)^{{{n}}}",
)


def formula(rng: np.random.Generator) -> str:
    """One displayed formula as HTML; the page needs `STYLE_LINK`."""
    return set_formula(_text(int(rng.integers(len(_PATTERNS))), int(rng.integers(_VARIANTS))))


def _text(pattern: int, variant: int) -> str:
    """A pattern with letters put in. Few variants, so that most formulas of a run were set before."""
    rng = np.random.default_rng((pattern, variant))

    def one(items: tuple[str, ...]) -> str:
        return items[int(rng.integers(len(items)))]

    return _PATTERNS[pattern].format(
        F=one(_LARGE), x=one(_LETTERS), y=one(_LETTERS), a=one(_LETTERS), b=one(_LETTERS), g=one(_GREEK),
        k=int(rng.integers(1, 10)), n=one(("n", "N", "m", "K")),
    )  # fmt: skip


@cache
def set_formula(text: str) -> str:
    """HTML of a formula in TeX's notation; visual parts are marked as ink.

    The script stays in the page's memory when the document changes, so it is loaded once per browser.
    """
    page = browser()
    if not page.evaluate("() => typeof katex !== 'undefined'"):
        page.evaluate(
            "(text) => { const s = document.createElement('script'); s.textContent = text; "
            "document.head.append(s); }",
            (assets_folder() / _SCRIPT).read_text(encoding="utf-8"),
        )
    html = page.evaluate(
        "(text) => katex.renderToString(text, { displayMode: true, output: 'html', throwOnError: true })",
        text,
    )
    marked = str(html).replace('<span class="katex-base">', '<span class="katex-base" data-ink="6">')
    assert "data-ink" in marked, "KaTeX calls the parts of a formula by another name"
    return marked
