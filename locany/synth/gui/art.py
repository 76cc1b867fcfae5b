"""Drawings that stand for photographs, people, charts and maps: SVG from a seed."""

from __future__ import annotations

import colorsys
import html
from collections.abc import Sequence

import numpy as np


def tone(hue: float, light: float = 0.5, strong: float = 0.6) -> str:
    """A colour as "#rrggbb"; hue, lightness and saturation from 0 to 1."""
    return "#" + "".join(f"{round(255 * c):02x}" for c in colorsys.hls_to_rgb(hue % 1, light, strong))


def avatar(rng: np.random.Generator, name: str, em: float = 2.3) -> str:
    """A round picture with the initial of a name, or a simple portrait."""
    hue = float(rng.random())
    side = f"width:{em}em;height:{em}em"
    if rng.random() < 0.5:
        style = f"{side};background:{tone(hue, 0.42)};font-size:{max(0.7, em / 2.6):.2f}rem"
        size = f"width:{em}rem;height:{em}rem"
        return f'<div class="x-avatar" style="{style};{size}">{html.escape(name[:1])}</div>'
    skin = tone(0.07, float(rng.uniform(0.35, 0.8)), 0.45)
    hair = tone(float(rng.uniform(0.02, 0.13)), float(rng.uniform(0.12, 0.55)), 0.4)
    shirt = tone(hue + 0.4, 0.45)
    return (
        f'<svg viewBox="0 0 40 40" style="width:{em}rem;height:{em}rem;border-radius:50%;flex:none">'
        f'<rect width="40" height="40" fill="{tone(hue, 0.82, 0.4)}"/>'
        f'<ellipse cx="20" cy="40" rx="14" ry="12" fill="{shirt}"/>'
        f'<circle cx="20" cy="17" r="8.4" fill="{hair}"/>'
        f'<circle cx="20" cy="19" r="7" fill="{skin}"/></svg>'
    )


def logo(rng: np.random.Generator) -> str:
    """A company's sign."""
    hue = float(rng.random())
    a, b = tone(hue, 0.5, 0.7), tone(hue + 0.12, 0.6, 0.7)
    shapes = (
        f'<circle cx="12" cy="12" r="11" fill="{a}"/><circle cx="12" cy="12" r="5" fill="#fff"/>',
        f'<rect x="1" y="1" width="22" height="22" rx="6" fill="{a}"/>'
        f'<path d="M6 17 12 6l6 11z" fill="#fff"/>',
        f'<path d="M12 1 23 21H1z" fill="{a}"/><path d="M12 10l6 11H6z" fill="{b}"/>',
        f'<rect x="1" y="1" width="10" height="22" rx="3" fill="{a}"/>'
        f'<circle cx="18" cy="7" r="5.5" fill="{b}"/>',
    )
    inner = shapes[int(rng.integers(len(shapes)))]
    return f'<svg viewBox="0 0 24 24" style="width:1.7em;height:1.7em;flex:none">{inner}</svg>'


def landscape(rng: np.random.Generator) -> str:
    """A picture with sky, sun and hills that fills its place."""
    hue = float(rng.random())
    sky, low = tone(hue, 0.72, 0.6), tone(hue + 0.08, 0.88, 0.6)
    name = f"g{int(rng.integers(1 << 30))}"
    hills = []
    for i in range(int(rng.integers(2, 5))):
        base = 130 + 32 * i
        tops = [base + int(rng.integers(-38, 22)) for _ in range(5)]
        path = " ".join(f"L{100 * k} {top}" for k, top in enumerate(tops))
        color = tone(hue + 0.42 + 0.03 * i, 0.52 - 0.1 * i, 0.4)
        hills.append(f'<path d="M0 300 {path} L400 300z" fill="{color}"/>')
    x, y, r = int(rng.integers(60, 340)), int(rng.integers(40, 110)), int(rng.integers(16, 36))
    return (
        '<svg viewBox="0 0 400 300" preserveAspectRatio="xMidYMid slice" style="width:100%;height:100%">'
        f'<defs><linearGradient id="{name}" x2="0" y2="1"><stop stop-color="{sky}"/>'
        f'<stop offset="1" stop-color="{low}"/></linearGradient></defs>'
        f'<rect width="400" height="300" fill="url(#{name})"/>'
        f'<circle cx="{x}" cy="{y}" r="{r}" fill="{tone(0.13, 0.85, 0.9)}"/>{"".join(hills)}</svg>'
    )


def product_photo(rng: np.random.Generator, emoji: str, height_em: float) -> str:
    """A product on a plain ground."""
    hue = float(rng.random())
    light = float(rng.choice((0.97, 0.93, 0.86)))
    ground = f"linear-gradient(160deg,{tone(hue, light, 0.35)},{tone(hue, light - 0.08, 0.35)})"
    style = (
        f"height:{height_em}rem;display:flex;align-items:center;justify-content:center;background:{ground};"
        f"font-family:'Noto Color Emoji';font-size:{height_em * 0.5:.2f}rem;line-height:1"
    )
    return f'<div style="{style}">{emoji}</div>'


def bars(rng: np.random.Generator, labels: Sequence[str], color: str) -> str:
    """A bar chart with its axis."""
    count = len(labels)
    step = 380 / count
    parts = [_grid()]
    for i, label in enumerate(labels):
        h = float(rng.uniform(18, 120))
        x = 36 + i * step + step * 0.18
        parts.append(
            f'<rect x="{x:.1f}" y="{140 - h:.1f}" width="{step * 0.64:.1f}" height="{h:.1f}" '
            f'rx="2" fill="{color}"/>'
        )
        parts.append(_label(x + step * 0.32, 156, label, "middle"))
    return _chart(parts)


def curve(rng: np.random.Generator, labels: Sequence[str], color: str) -> str:
    """A line chart of one or two series."""
    parts = [_grid()]
    count = len(labels)
    for k in range(int(rng.integers(1, 3))):
        y = float(rng.uniform(50, 110))
        points = []
        for i in range(count):
            y = float(np.clip(y + rng.normal(0, 18), 24, 136))
            points.append(f"{44 + i * 366 / max(1, count - 1):.1f},{y:.1f}")
        stroke = color if k == 0 else "#8d97a8"
        if k == 0 and rng.random() < 0.5:
            area = f"44,140 {' '.join(points)} 410,140"
            parts.append(f'<polygon points="{area}" fill="{color}" opacity=".16"/>')
        parts.append(
            f'<polyline points="{" ".join(points)}" fill="none" stroke="{stroke}" stroke-width="2.4"/>'
        )
    for i, label in enumerate(labels):
        parts.append(_label(44 + i * 366 / max(1, count - 1), 156, label, "middle"))
    return _chart(parts)


def donut(rng: np.random.Generator, labels: Sequence[str]) -> str:
    """A ring of shares with its legend."""
    shares = rng.dirichlet(np.full(len(labels), 3.0))
    hue, start, parts = float(rng.random()), 0.0, []
    for i, (label, share) in enumerate(zip(labels, shares.tolist(), strict=True)):
        color = tone(hue + i * 0.17, 0.52, 0.6)
        dash = f"{share * 314:.1f} 314"
        parts.append(
            f'<circle cx="90" cy="82" r="50" fill="none" stroke="{color}" stroke-width="24" '
            f'stroke-dasharray="{dash}" stroke-dashoffset="{-start * 314:.1f}"/>'
        )
        start += share
        y = 48 + i * 22
        parts.append(f'<rect x="200" y="{y - 9}" width="11" height="11" rx="2" fill="{color}"/>')
        parts.append(_label(220, y, f"{label} {share:.0%}", "start", 12))
    return _chart(parts)


def city_map(rng: np.random.Generator, dark: bool) -> str:
    """Streets, parks and a river that fill their place."""
    land, road, edge = ("#242a33", "#3a4350", "#2d3440") if dark else ("#f1efe9", "#ffffff", "#d9d5cb")
    park, water = ("#22392c", "#1c3145") if dark else ("#cfe6c4", "#a9d1ea")
    parts = [f'<rect width="1200" height="800" fill="{land}"/>']
    for _ in range(int(rng.integers(3, 7))):
        x, y = (int(v) for v in rng.integers((0, 0), (1100, 700)))
        w, h = (int(v) for v in rng.integers(80, 260, 2))
        parts.append(f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="14" fill="{park}"/>')
    ys = [int(v) for v in rng.integers(150, 650, 4)]
    river = f"M-20 {ys[0]} C 300 {ys[1]}, 700 {ys[2]}, 1220 {ys[3]}"
    parts.append(
        f'<path d="{river}" fill="none" stroke="{water}" stroke-width="{int(rng.integers(40, 90))}"/>'
    )
    turn = float(rng.uniform(-14, 14))
    lines = []
    for x in np.cumsum(rng.integers(60, 150, 22)).tolist():
        width = 14 if rng.random() < 0.25 else 6
        lines.append(f'<path d="M{x - 400} -400V1200" stroke-width="{width}"/>')
    for y in np.cumsum(rng.integers(60, 140, 18)).tolist():
        width = 14 if rng.random() < 0.25 else 6
        lines.append(f'<path d="M-400 {y - 400}H1600" stroke-width="{width}"/>')
    streets = "".join(lines)
    parts.append(
        f'<g transform="rotate({turn:.1f} 600 400)" fill="none"><g stroke="{edge}" '
        f'style="stroke-width:18" opacity=".6">{streets}</g><g stroke="{road}">{streets}</g></g>'
    )
    return (
        '<svg viewBox="0 0 1200 800" preserveAspectRatio="xMidYMid slice" '
        f'style="width:100%;height:100%">{"".join(parts)}</svg>'
    )


def stars(count: int) -> str:
    """A rating of one to five."""
    return f'<span class="x-stars">{"★" * count}{"☆" * (5 - count)}</span>'


def _grid() -> str:
    lines = "".join(
        f'<path d="M36 {y}H416" stroke="currentColor" opacity=".15"/>' for y in (20, 60, 100, 140)
    )
    ticks = "".join(
        _label(30, y + 4, str(value), "end") for y, value in ((20, 90), (60, 60), (100, 30), (140, 0))
    )
    return lines + ticks


def _label(x: float, y: float, text: str, anchor: str, size: int = 11) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="currentColor" '
        f'opacity=".75" direction="ltr">{html.escape(text)}</text>'
    )


def _chart(parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 420 166">{"".join(parts)}</svg>'
