"""What a kind of page is: how it is built, how large it is, in which languages it comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from locany.synth.documents.blocks import Page

PORTRAIT = (1.414, 1.414, 1.294)  # A4 and US letter, height over width
LANDSCAPE = (0.707, 0.773)


@dataclass(frozen=True)
class Template:
    """A kind of page.

    Attributes:
        name: what splits, configs and provenance call it.
        build: writes the inside of the page as HTML.
        width_em: of a small page with large text, and of a real one, in em of body text.
        aspects: height over width, one is drawn.
        needs_formulas: the page needs the style sheet of the formulas.
        css: its own rules.
    """

    name: str
    build: Callable[[Page], str]
    width_em: tuple[float, float]
    aspects: tuple[float, ...] = PORTRAIT
    needs_formulas: bool = False
    css: str = ""
