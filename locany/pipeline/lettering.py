"""Text in pictures for people: any script that some font here can write, in lines of a given width."""

from __future__ import annotations

from functools import lru_cache

from PIL import ImageDraw, ImageFont

from locany.synth import assets

_OWN_FAMILY = "inter"  # bundled, so a sheet looks the same everywhere
# Asked in this order, by file name in the system's font folders, for what the bundled font lacks.
_SYSTEM_FONTS = (
    "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf", "NotoSansDevanagari-Regular.ttf", "NotoSansThai-Regular.ttf",
    "NotoSansSymbols2-Regular.ttf", "DejaVuSans.ttf", "Arial Unicode.ttf", "Arial.ttf", "PingFang.ttc",
    "msyh.ttc", "malgun.ttf",
)  # fmt: skip
_ELLIPSIS = "…"
_MAX_LINE_CHARS = 400  # a line is never that long; a transcription of a page may be


def write(
    canvas: ImageDraw.ImageDraw,
    xy: tuple[float, float],
    text: str,
    size: int,
    fill: str,
    *,
    bold: bool = False,
) -> float:
    """Draw one line with its baseline starting at `xy`; returns where it ends, x in pixels."""
    x, y = xy
    for part, font in _runs(text, size, bold):
        canvas.text((x, y), part, fill=fill, font=font, anchor="ls")
        x += font.getlength(part)
    return x


def text_width(text: str, size: int, *, bold: bool = False) -> float:
    """Pixels that `write` needs for a line."""
    return sum(font.getlength(part) for part, font in _runs(text, size, bold))


def shorten(text: str, room: float, size: int, *, bold: bool = False) -> str:
    """The line, cut and ended by an ellipsis where it is wider than `room` pixels."""
    text = _plain(text)
    if text_width(text, size, bold=bold) <= room:
        return text
    fits, too_many = 0, len(text)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        width = text_width(text[:middle].rstrip() + _ELLIPSIS, size, bold=bold)
        fits, too_many = (middle, too_many) if width <= room else (fits, middle)
    return text[:fits].rstrip() + _ELLIPSIS


def wrap(text: str, room: float, size: int, max_lines: int) -> list[str]:
    """At most `max_lines` lines of at most `room` pixels; the last one is shortened if more text is left."""
    rest = _plain(text)
    lines: list[str] = []
    while rest and len(lines) < max_lines - 1:
        line = _longest_start(rest, room, size)
        lines.append(line.rstrip())
        rest = rest[len(line) :].lstrip()
    return [*lines, shorten(rest, room, size)] if rest else lines


def _longest_start(text: str, room: float, size: int) -> str:
    """As much of the text as fits a line; broken at a blank where there is one, else inside the word."""
    fits, too_many = 1, len(text) + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        fits, too_many = (middle, too_many) if text_width(text[:middle], size) <= room else (fits, middle)
    if fits >= len(text):
        return text
    blank = text.rfind(" ", 0, fits + 1)
    return text[: blank + 1] if blank > fits // 3 else text[:fits]


def _plain(text: str) -> str:
    """On one line, without what cannot be seen."""
    line = " ".join(text.split())[:_MAX_LINE_CHARS]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def _runs(text: str, size: int, bold: bool) -> list[tuple[str, ImageFont.FreeTypeFont]]:
    """The text cut where the font has to change; blanks, signs and accents stay with the letters before."""
    runs: list[tuple[str, str]] = []
    for char in text:
        last = runs[-1][1] if runs else ""
        name = last if runs and not char.isalnum() and _draws(last, char) else _font_for(char)
        if runs and name == last:
            runs[-1] = (runs[-1][0] + char, name)
        elif runs and runs[-1][0].endswith(" "):  # a blank after words written from right to left is lost
            runs[-1:] = [(runs[-1][0][:-1], last), (" " + char, name)]
        else:
            runs.append((char, name))
    return [(part, _open(name, size, bold)) for part, name in runs]


@lru_cache(maxsize=8192)
def _font_for(char: str) -> str:
    """File name of the first font that draws a character; empty for our own, which then shows a box."""
    return next((name for name in ("", *_SYSTEM_FONTS) if _draws(name, char)), "")


@lru_cache(maxsize=32768)
def _draws(name: str, char: str) -> bool:
    if not name and char.isascii():
        return True
    try:
        font = _open(name, 20, False)
    except OSError:  # not on this system
        return False
    # A code point that never has a glyph shows what a missing one looks like.
    return bytes(font.getmask(char)) != bytes(font.getmask("\uffff"))


@lru_cache(maxsize=128)
def _open(name: str, size: int, bold: bool) -> ImageFont.FreeTypeFont:
    if name:
        return ImageFont.truetype(name, size)
    own = [font for font in assets.fonts("train") if font.family == _OWN_FAMILY]
    return assets.load_font(own[-1 if bold else 0].path, size)
