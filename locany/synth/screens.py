"""Screenshot-like backgrounds: windows, lists, tables, pages, with bars where text would be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

Color = tuple[int, int, int]


@dataclass(frozen=True)
class _Theme:
    """Greys of an interface and one accent."""

    page: Color
    panel: Color
    line: Color
    text: Color
    accent: Color


class _Canvas:
    """A picture in one theme."""

    def __init__(self, rng: np.random.Generator, size_wh: tuple[int, int]):
        self.rng, self.theme = rng, _theme(rng)
        self.width, self.height = size_wh
        self.image = Image.new("RGB", size_wh, self.theme.page)
        self.draw = ImageDraw.Draw(self.image)
        self.radius = int(rng.integers(0, 9))

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Color, radius: int | None = None) -> None:
        """A filled box with a thin edge; nothing where it has no room."""
        if x1 - x0 >= 3 and y1 - y0 >= 3:
            edge = self.theme.line if fill in (self.theme.panel, self.theme.page) else None
            radius = self.radius if radius is None else radius
            self.draw.rounded_rectangle((x0, y0, x1 - 1, y1 - 1), radius, fill=fill, outline=edge)

    def rule(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """A thin line."""
        self.draw.line((x0, y0, x1, y1), fill=self.theme.line)

    def text(self, x0: float, y0: float, x1: float, y1: float, *, pitch: int, size: int) -> None:
        """Lines of bars as long as words, ragged on the right."""
        y = y0
        while y + size <= y1:
            end = x0 + (x1 - x0) * self.rng.uniform(0.55, 1.0)
            x = x0
            while x < end:
                step = min(float(self.rng.integers(2, 9)) * size, end - x)
                if step > size / 2:
                    self.draw.rounded_rectangle(
                        (x, y, x + step - 1, y + size - 1), size // 3, fill=self.theme.text
                    )
                x += step + size * 0.7
            y += pitch

    def bar(self, x: float, y: float, width: float, size: int, color: Color | None = None) -> None:
        """One bar of text."""
        if width >= 2:
            fill = color or self.theme.text
            self.draw.rounded_rectangle((x, y, x + width, y + size - 1), size // 3, fill=fill)


def screen(rng: np.random.Generator, size_wh: tuple[int, int]) -> np.ndarray:
    """The look of a program or page; it holds nothing nameable and no readable text.

    Returns:
        [height, width, 3] uint8 RGB, writeable.
    """
    canvas = _Canvas(rng, size_wh)
    SCREENS[int(rng.integers(len(SCREENS)))](canvas)
    return np.array(canvas.image)


def window(c: _Canvas) -> None:
    """A title bar, a column of entries, a text pane."""
    bar = int(c.rng.integers(16, 34))
    c.box(0, 0, c.width, bar, c.theme.accent if c.rng.random() < 0.4 else c.theme.panel, 0)
    c.bar(c.width * 0.06, bar * 0.4, c.width * c.rng.uniform(0.1, 0.3), max(3, bar // 5))
    side = int(c.width * c.rng.uniform(0.14, 0.32))
    c.box(0, bar, side, c.height, c.theme.panel, 0)
    pitch = int(c.rng.integers(16, 32))
    chosen = int(c.rng.integers(8))
    for i, y in enumerate(range(bar + 8, c.height - pitch, pitch)):
        if i == chosen:
            c.box(4, y - pitch * 0.25, side - 4, y + pitch * 0.6, c.theme.accent)
        c.bar(12, y, (side - 24) * c.rng.uniform(0.4, 1.0), max(3, pitch // 5))
    c.text(side + 14, bar + 14, c.width - 14, c.height - 10, pitch=pitch, size=max(3, pitch // 4))


def entries(c: _Canvas) -> None:
    """A list of rows, each with a title and a paler line under it."""
    pitch = int(c.rng.integers(36, 72))
    top = pitch if c.rng.random() < 0.7 else 0
    if top:
        c.box(0, 0, c.width, top, c.theme.accent, 0)
        c.bar(16, top * 0.42, c.width * c.rng.uniform(0.2, 0.4), max(4, top // 7), c.theme.page)
    for y in range(top, c.height, pitch):
        c.bar(16, y + pitch * 0.26, c.width * c.rng.uniform(0.2, 0.55), max(4, pitch // 8))
        c.bar(16, y + pitch * 0.6, c.width * c.rng.uniform(0.4, 0.85), max(3, pitch // 12), c.theme.line)
        c.rule(0, y + pitch, c.width, y + pitch)


def table(c: _Canvas) -> None:
    """Ruled rows and columns under a head."""
    pitch, columns = int(c.rng.integers(18, 40)), int(c.rng.integers(3, 8))
    c.box(0, 0, c.width, pitch, c.theme.panel, 0)
    edges = np.sort(c.rng.uniform(0.08, 1.0, columns - 1)).tolist()
    xs = [0.0, *(edge * c.width for edge in edges), float(c.width)]
    for row, y in enumerate(range(0, c.height, pitch)):
        if row % 2 and c.theme.panel != c.theme.page:
            c.draw.rectangle((0, y, c.width, y + pitch), fill=c.theme.panel)
        for x0, x1 in pairwise(xs):
            c.bar(x0 + 6, y + pitch * 0.4, (x1 - x0 - 12) * c.rng.uniform(0.3, 0.95), max(3, pitch // 6))
        c.rule(0, y, c.width, y)


def cards(c: _Canvas) -> None:
    """A grid of cards with a heading and some lines."""
    columns, rows = int(c.rng.integers(2, 5)), int(c.rng.integers(2, 5))
    gap = int(c.rng.integers(6, 18))
    width, height = (c.width - gap) / columns - gap, (c.height - gap) / rows - gap
    for row in range(rows):
        for column in range(columns):
            x, y = gap + column * (width + gap), gap + row * (height + gap)
            c.box(x, y, x + width, y + height, c.theme.panel)
            c.bar(x + 8, y + 10, width * c.rng.uniform(0.3, 0.7), 6)
            if c.rng.random() < 0.6:
                c.text(x + 8, y + 26, x + width - 8, y + height - 8, pitch=11, size=4)


def page(c: _Canvas) -> None:
    """A heading, a menu line and columns of text."""
    margin = int(c.width * c.rng.uniform(0.04, 0.12))
    for i in range(int(c.rng.integers(3, 7))):
        c.bar(margin + i * c.width * 0.14, 10, c.width * c.rng.uniform(0.05, 0.11), 5)
    c.rule(0, 24, c.width, 24)
    c.bar(margin, 38, c.width * c.rng.uniform(0.4, 0.7), int(c.rng.integers(10, 20)), c.theme.accent)
    columns = int(c.rng.integers(1, 4))
    room = (c.width - 2 * margin) / columns
    pitch = int(c.rng.integers(10, 18))
    for i in range(columns):
        x0 = margin + i * room
        c.text(x0, 72, x0 + room - 12, c.height - margin / 2, pitch=pitch, size=max(3, pitch // 3))


def dialog(c: _Canvas) -> None:
    """A box in front of a dimmed page, with two buttons."""
    page(c)
    shade = Image.new("RGB", c.image.size, (20, 22, 28))
    c.image.paste(Image.blend(c.image, shade, float(c.rng.uniform(0.25, 0.6))))
    w, h = c.width * c.rng.uniform(0.5, 0.85), c.height * c.rng.uniform(0.4, 0.7)
    x, y = (c.width - w) / 2, (c.height - h) / 2
    c.box(x, y, x + w, y + h, c.theme.panel)
    c.bar(x + 16, y + 16, w * 0.4, 8)
    c.text(x + 16, y + 40, x + w - 16, y + h - 44, pitch=14, size=5)
    c.box(x + w - 76, y + h - 34, x + w - 14, y + h - 12, c.theme.accent)
    c.box(x + w - 148, y + h - 34, x + w - 86, y + h - 12, c.theme.page)


SCREENS: tuple[Callable[[_Canvas], None], ...] = (window, entries, table, cards, page, dialog)


def _theme(rng: np.random.Generator) -> _Theme:
    """Light or dark, a little tinted, with an accent that is not loud."""
    dark = rng.random() < 0.35
    tint = rng.integers(-5, 6, 3)
    base = int(rng.integers(18, 48)) if dark else int(rng.integers(240, 254))
    away = 1 if dark else -1

    def shade(steps: int) -> Color:
        r, g, b = np.clip(base + away * steps + tint, 0, 255).tolist()
        return r, g, b

    r, g, b = (int(v) for v in rng.integers(40, 200, 3))
    return _Theme(
        shade(0), shade(int(rng.integers(5, 14))), shade(30), shade(int(rng.integers(60, 110))), (r, g, b)
    )
