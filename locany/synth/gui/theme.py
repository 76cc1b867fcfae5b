"""Colours, type and density of a page, drawn at random but fit to be read."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from locany.synth.fonts import Family


@dataclass(frozen=True)
class Theme:
    """How a page looks, whatever its toolkit. Colours are "#rrggbb"."""

    kind: str  # "light", "dark" or "tinted"
    dark: bool
    brand: str
    on_brand: str
    ground: str  # behind everything
    surface: str  # cards and bars
    raised: str  # menus and dialogs
    text: str
    muted: str
    line: str
    bar: str  # the header
    on_bar: str
    radius: int
    size: float  # pixels of the root's font size
    gap: int
    shadow: str
    font: str
    heading_font: str
    fonts: tuple[str, ...]  # by catalogue name


def draw_theme(
    rng: np.random.Generator, body: tuple[Family, ...], heading: tuple[Family, ...], script: Family | None
) -> Theme:
    """A theme.

    Args:
        rng: the only source of chance.
        body: families to choose running text from.
        heading: families to choose headlines from.
        script: the family of the page's own script where the others cannot write it.
    """
    kind = ("light", "dark", "tinted")[int(rng.choice(3, p=(0.55, 0.27, 0.18)))]
    dark = kind == "dark" or (kind == "tinted" and rng.random() < 0.35)
    hue = float(rng.random())
    strong = float(rng.uniform(0.45, 0.95))
    brand_light = float(rng.uniform(0.52, 0.68) if dark else rng.uniform(0.32, 0.52))
    brand = _hex(hue, brand_light, strong)
    base = float((hue + rng.choice((0.0, 0.5, 0.08))) % 1)
    tint = float(rng.uniform(0.18, 0.45)) if kind == "tinted" else float(rng.uniform(0.0, 0.16))
    if dark:
        deep = float(rng.uniform(0.05, 0.13))
        ground, surface, raised = (_hex(base, deep + step, tint) for step in (0.0, 0.045, 0.075))
        text, muted, line = (_hex(base, light, tint / 2) for light in (0.93, 0.66, deep + 0.17))
    else:
        low = float(rng.uniform(0.90, 0.95)) if kind == "tinted" else float(rng.uniform(0.945, 1.0))
        surface = "#ffffff" if rng.random() < 0.75 else _hex(base, min(1.0, low + 0.03), tint)
        ground, raised = _hex(base, low, tint), surface
        text, muted, line = (_hex(base, light, tint) for light in (0.13, 0.42, low - 0.10))
    if rng.random() < 0.85:  # links and outlines are in the brand's colour; some sites do not care
        while contrast(brand, surface) < 3.2 and 0.12 < brand_light < 0.9:
            brand_light += 0.03 if dark else -0.03
            brand = _hex(hue, brand_light, strong)
    on_brand = readable_on(brand)
    bar = {0: surface, 1: brand, 2: _hex(base, 0.14, 0.25)}[int(rng.choice(3, p=(0.6, 0.22, 0.18)))]
    family = body[int(rng.integers(len(body)))]
    head = heading[int(rng.integers(len(heading)))] if rng.random() < 0.25 else family
    families = [f for f in (family, head, script) if f is not None]
    return Theme(
        kind=kind,
        dark=dark,
        brand=brand,
        on_brand=on_brand,
        ground=ground,
        surface=surface,
        raised=raised,
        text=text,
        muted=muted,
        line=line,
        bar=bar,
        on_bar=readable_on(bar),
        radius=int(rng.choice((0, 2, 4, 6, 8, 12), p=(0.12, 0.14, 0.26, 0.22, 0.18, 0.08))),
        size=float(rng.choice((13, 14, 15, 16, 17), p=(0.16, 0.26, 0.2, 0.28, 0.1))),
        gap=int(rng.choice((6, 8, 10, 12, 16), p=(0.15, 0.25, 0.2, 0.25, 0.15))),
        shadow="none" if rng.random() < 0.5 else f"0 {int(rng.integers(1, 5))}px 12px rgba(0,0,0,.12)",
        font=_stack(family, script),
        heading_font=_stack(head, script),
        fonts=tuple(dict.fromkeys(f.name for f in families)),
    )


def mix(one: str, other: str, share: float) -> str:
    """A colour between two: `share` of the first."""
    a, b = rgb(one), rgb(other)
    return "#" + "".join(f"{round(x * share + y * (1 - share)):02x}" for x, y in zip(a, b, strict=True))


def rgb(color: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of "#rrggbb"."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def hsl(color: str) -> tuple[float, float, float]:
    """Hue in degrees, saturation and lightness in percent, of "#rrggbb"."""
    hue, light, strong = colorsys.rgb_to_hls(*(c / 255 for c in rgb(color)))
    return hue * 360, strong * 100, light * 100


def _stack(family: Family, script: Family | None) -> str:
    names = [family.css] + ([script.css] if script else []) + ["Noto Color Emoji"]
    return ", ".join(f"'{name}'" for name in dict.fromkeys(names))


def _luminance(color: str) -> float:
    parts = [c / 255 for c in rgb(color)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def readable_on(color: str) -> str:
    """White or black, whichever can be read on a colour."""
    red, green, blue = rgb(color)
    return "#ffffff" if 0.299 * red + 0.587 * green + 0.114 * blue < 150 else "#111318"


def _hex(hue: float, light: float, strong: float) -> str:
    return "#" + "".join(f"{round(255 * c):02x}" for c in colorsys.hls_to_rgb(hue, light, strong))
