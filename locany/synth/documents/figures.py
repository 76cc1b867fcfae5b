"""Pictures on pages: charts and diagrams as SVG, and photographs that show nothing nameable."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from PIL import Image

from locany.synth.documents import photos
from locany.synth.documents.languages.writer import Writer

_SERIES = (
    ("#1f6fb4", "#e07b28", "#3f9b4b", "#c33b3b"),
    ("#264653", "#2a9d8f", "#e9c46a", "#e76f51"),
    ("#222222", "#666666", "#9a9a9a", "#c4c4c4"),
    ("#5b3a8c", "#b05fa8", "#e29578", "#83c5be"),
    ("#003f5c", "#7a5195", "#ef5675", "#ffa600"),
)
_TEXT = 12  # CSS pixels of the text in charts


def _open(kind: str, width: int, height: int) -> str:
    return (
        f'<svg data-ink data-o="{kind}" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'direction="ltr" font-size="{_TEXT}">'
    )


def _text(
    x: float, y: float, text: str, anchor: str = "start", *, fill: str = "#333", ground: str = ""
) -> str:
    """SVG text; `ground` is the colour under it where that is not the page's."""
    under = f' data-ground="rgb{ground}"' if ground else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}"{under}>'
        f"{html.escape(text)}</text>"
    )


def _colors(writer: Writer) -> tuple[str, ...]:
    return _SERIES[writer.whole(0, len(_SERIES) - 1)]


def _axes(writer: Writer, width: int, height: int, top: int, low: float, high: float) -> str:
    """Two axes, light lines and numbers; the plot reaches from (44, top) to (width - 8, height - 26)."""
    parts = []
    bottom = height - 26
    for i in range(5):
        y = bottom - (bottom - top) * i / 4
        value = low + (high - low) * i / 4
        label = writer.number(value, 0 if high - low > 8 else 1)
        parts.append(f'<path d="M44 {y:.1f}H{width - 8}" stroke="#ddd" stroke-width="1" fill="none"/>')
        parts.append(_text(40, y + 4, label, "end"))
    parts.append(f'<path d="M44 {top}V{bottom}H{width - 8}" stroke="#444" stroke-width="1.2" fill="none"/>')
    return "".join(parts)


def _legend(writer: Writer, width: int, colors: tuple[str, ...], count: int) -> str:
    parts, x = [], 50.0
    for color, name in zip(colors, writer.terms(count), strict=False):
        size = len(name) * (13 if writer.lexicon.space == "" else 7)
        if x + size + 24 > width:
            break
        parts.append(f'<rect x="{x}" y="3" width="10" height="10" fill="{color}"/>' + _text(x + 14, 12, name))
        x += size + 34
    return "".join(parts)


def bar_chart(writer: Writer, width: int, height: int) -> str:
    """Bars in groups of one to three, with categories below."""
    colors, count, groups = _colors(writer), writer.whole(1, 3), writer.whole(3, 7)
    high = float(writer.pick(("10", "20", "50", "80", "100", "400")))
    values = writer.rng.uniform(0.12, 0.97, (groups, count))
    top, bottom, room = 22, height - 26, (width - 60) / groups
    parts = [_open("bar chart", width, height), _axes(writer, width, height, top, 0, high)]
    for i in range(groups):
        for j in range(count):
            size = (bottom - top) * float(values[i, j])
            x = 48 + room * (i + 0.12) + room * 0.76 * j / count
            parts.append(
                f'<rect x="{x:.1f}" y="{bottom - size:.1f}" width="{room * 0.72 / count:.1f}" '
                f'height="{size:.1f}" fill="{colors[j]}"/>'
            )
        parts.append(
            _text(48 + room * (i + 0.5), height - 10, f"{2015 + i}" if groups > 4 else f"Q{i + 1}", "middle")
        )
    return "".join(parts) + _legend(writer, width, colors, count) + "</svg>"


def line_chart(writer: Writer, width: int, height: int) -> str:
    """One to four lines, with or without marks."""
    colors, count, points = _colors(writer), writer.whole(1, 4), writer.whole(6, 14)
    high = float(writer.pick(("1", "5", "20", "60", "100", "900")))
    top, bottom = 22, height - 26
    parts = [_open("line chart", width, height), _axes(writer, width, height, top, 0, high)]
    marks = writer.chance(0.5)
    for j in range(count):
        walk = np.cumsum(writer.rng.normal(0, 1, points)) + writer.rng.normal(0, 2)
        walk = 0.1 + 0.8 * (walk - walk.min()) / max(float(np.ptp(walk)), 1e-6) * float(
            writer.rng.uniform(0.4, 1)
        )
        xs = 48 + (width - 64) * np.arange(points) / (points - 1)
        ys = bottom - (bottom - top) * walk
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
        parts.append(f'<path d="M{path}" fill="none" stroke="{colors[j]}" stroke-width="1.8"/>')
        if marks:
            dots = zip(xs.tolist(), ys.tolist(), strict=True)
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colors[j]}"/>' for x, y in dots]
    for i in range(5):
        parts.append(_text(48 + (width - 64) * i / 4, height - 10, str(i * (points - 1) * 5), "middle"))
    return "".join(parts) + _legend(writer, width, colors, count) + "</svg>"


def scatter_plot(writer: Writer, width: int, height: int) -> str:
    """Points in two or three clouds."""
    colors, count = _colors(writer), writer.whole(1, 3)
    top, bottom = 22, height - 26
    parts = [
        _open("scatter plot", width, height),
        _axes(writer, width, height, top, 0, float(writer.whole(2, 90))),
    ]
    for j in range(count):
        size = writer.whole(12, 45)
        x = np.clip(writer.rng.normal(writer.rng.uniform(0.25, 0.75), 0.12, size), 0.02, 0.98)
        y = np.clip(x * float(writer.rng.uniform(-0.5, 0.9)) + writer.rng.normal(0.4, 0.12, size), 0.03, 0.97)
        for px, py in zip(
            (46 + (width - 60) * x).tolist(), (bottom - (bottom - top) * y).tolist(), strict=True
        ):
            parts.append(
                f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2.8" fill="{colors[j]}" fill-opacity=".75"/>'
            )
    for i in range(5):
        parts.append(_text(46 + (width - 60) * i / 4, height - 10, str(i * 10), "middle"))
    return "".join(parts) + _legend(writer, width, colors, count) + "</svg>"


def pie_chart(writer: Writer, width: int, height: int) -> str:
    """Slices with a list of names and shares beside them."""
    colors = _colors(writer) + _colors(writer)
    count = writer.whole(3, 6)
    shares = writer.rng.dirichlet(np.full(count, 2.0))
    radius = min(height / 2 - 8, width / 4)
    cx, cy, angle = radius + 8, height / 2, -np.pi / 2
    parts = [_open("pie chart", width, height)]
    for i, (share, name) in enumerate(zip(shares.tolist(), writer.terms(count), strict=True)):
        end = angle + 2 * np.pi * share
        large = int(share > 0.5)
        x0, y0 = cx + radius * np.cos(angle), cy + radius * np.sin(angle)
        x1, y1 = cx + radius * np.cos(end), cy + radius * np.sin(end)
        parts.append(
            f'<path d="M{cx:.1f} {cy:.1f}L{x0:.1f} {y0:.1f}A{radius:.1f} {radius:.1f} 0 {large} 1 '
            f'{x1:.1f} {y1:.1f}Z" '
            f'fill="{colors[i]}" stroke="#fff"/>'
        )
        y = cy - count * 10 + i * 20 + 10
        parts.append(
            f'<rect x="{2 * radius + 26:.1f}" y="{y - 9:.1f}" width="10" height="10" fill="{colors[i]}"/>'
        )
        parts.append(_text(2 * radius + 41, y, _short(writer, name, share, width - 2 * radius - 46)))
        angle = end
    return "".join(parts) + "</svg>"


def _short(writer: Writer, name: str, share: float, room: float) -> str:
    """A slice's name and share, or as much of it as surely fits."""
    wide = _TEXT * (1.05 if writer.lexicon.space == "" else 0.62)
    full, short = f"{name} {share:.0%}", f"{name.split(' ')[0]} {share:.0%}"
    for text in (full, short):
        if len(text) * wide < room:
            return text
    return f"{share:.0%}"


def diagram(writer: Writer, width: int, height: int) -> str:
    """Boxes with a name each, and arrows between them."""
    columns = max(2, min(4, width // 150))
    rows = 1 if height < 130 else 2
    colors = _colors(writer)
    names = writer.terms(columns * rows)
    wide, tall = width / columns, height / rows
    mark = '<path d="M0 0L8 4L0 8Z" fill="#444"/>'
    parts = [_open("diagram", width, height)]
    for i, name in enumerate(names):
        row, column = divmod(i, columns)
        x, y = column * wide + 6, row * tall + tall * 0.22
        box_w, box_h = wide - 34, tall * 0.56
        fill = writer.pick(("(255, 255, 255)", "(242, 244, 247)", "(238, 243, 234)"))
        radius = writer.pick(("0", "6", "14"))
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{box_w:.1f}" height="{box_h:.1f}" rx="{radius}" '
            f'fill="rgb{fill}" '
            f'stroke="{colors[row]}" stroke-width="1.6"/>'
        )
        words = name.split(" ") if " " in name else [name]
        shown = words[:2]
        room = int(box_w / (_TEXT * (1.0 if writer.lexicon.space == "" else 0.62)))
        for k, word in enumerate(shown):
            y_text = y + box_h / 2 + 4 + (k - (len(shown) - 1) / 2) * 14
            parts.append(_text(x + box_w / 2, y_text, word[: max(2, room)], "middle", ground=fill))
        if column < columns - 1:
            start, end = x + box_w + 2, (column + 1) * wide + 4
            middle = y + box_h / 2
            parts.append(
                f'<path d="M{start:.1f} {middle:.1f}H{end - 6:.1f}" stroke="#444" stroke-width="1.4"/>'
            )
            parts.append(f'<g transform="translate({end - 8:.1f} {middle - 4:.1f})">{mark}</g>')
        if row < rows - 1:
            start, end = y + box_h + 2, (row + 1) * tall + tall * 0.22 - 2
            middle = x + box_w / 2
            parts.append(
                f'<path d="M{middle:.1f} {start:.1f}V{end - 6:.1f}" stroke="#444" stroke-width="1.4"/>'
            )
            parts.append(f'<g transform="translate({middle + 4:.1f} {end - 8:.1f}) rotate(90)">{mark}</g>')
    return "".join(parts) + "</svg>"


def photo(writer: Writer, width: int, height: int) -> str:
    """A photograph: hills, a street of houses, or a still life; nothing written in it."""
    return embedded(photos.photo(writer.rng, (max(8, width), max(8, height))), width, height)


def portrait(writer: Writer, width: int, height: int) -> str:
    """A passport photograph."""
    return embedded(photos.portrait(writer.rng, (width, height)), width, height)


def embedded(image: Image.Image, width: int, height: int) -> str:
    """An image as part of the page."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=82)
    data = base64.b64encode(stream.getvalue()).decode()
    size = f'width="{width}" height="{height}"'
    return f'<img data-ink data-o="photo" {size} src="data:image/jpeg;base64,{data}" alt="">'


CHARTS = (bar_chart, line_chart, scatter_plot, pie_chart, diagram)


def figure_body(writer: Writer, width: int, height: int, *, photo_share: float = 0.25) -> str:
    """Any picture; `photo_share` is the share of photographs."""
    if writer.chance(photo_share):
        return photo(writer, width, height)
    return CHARTS[writer.whole(0, len(CHARTS) - 1)](writer, width, height)


def logo(writer: Writer, size: int, color: str) -> str:
    """A mark of simple shapes, without letters."""
    shapes = (
        f'<circle cx="20" cy="20" r="18" fill="{color}"/><path d="M9 25L20 8L31 25Z" fill="#fff"/>',
        f'<rect x="2" y="2" width="36" height="36" rx="9" fill="{color}"/><circle cx="20" cy="20" '
        f'r="9" fill="#fff"/>',
        f'<path d="M20 2L38 20L20 38L2 20Z" fill="{color}"/><path d="M20 11L29 20L20 29L11 20Z" '
        f'fill="#fff"/>',
        f'<path d="M3 37V3H37Z" fill="{color}"/><path d="M37 12V37H12Z" fill="{color}" fill-opacity=".55"/>',
        f'<g fill="none" stroke="{color}" stroke-width="5"><circle cx="14" cy="20" r="10"/><circle '
        f'cx="26" cy="20" r="10"/></g>',
    )
    shape = shapes[writer.whole(0, len(shapes) - 1)]
    return (
        f'<svg data-ink data-o="logo" data-n="the logo" width="{size}" height="{size}" '
        f'viewBox="0 0 40 40">{shape}</svg>'
    )


def signature(writer: Writer, width: int, height: int) -> str:
    """A hand-written scrawl."""
    points = writer.whole(7, 12)
    xs = np.linspace(4, width - 6, points) + writer.rng.normal(0, width / 40, points)
    ys = height / 2 + writer.rng.normal(0, height / 4.5, points)
    xs, ys = np.clip(xs, 3, width - 3), np.clip(ys, 3, height - 3)
    path = f"M{xs[0]:.1f} {ys[0]:.1f}"
    for i in range(1, points):
        bend = float(writer.rng.normal(0, height / 3))
        x, y = (xs[i - 1] + xs[i]) / 2 + bend, float(np.clip(ys[i] - 2 * bend, 2, height - 2))
        path += f"Q{x:.1f} {y:.1f} {xs[i]:.1f} {ys[i]:.1f}"
    color = writer.pick(("#1b2f7a", "#111111", "#24408e"))
    return (
        f'<svg data-ink data-o="signature" data-n="the signature|the handwritten signature" width="{width}" '
        f'height="{height}"><path d="{path}" fill="none" stroke="{color}" stroke-width="1.7" '
        f'stroke-linecap="round"/></svg>'
    )


def barcode(writer: Writer, width: int, height: int) -> str:
    """Upright bars."""
    bars, x = [], 4.0
    while x < width - 8:
        bar = float(writer.pick(("1.5", "1.5", "3", "4.5")))
        bars.append(f'<rect x="{x}" y="2" width="{bar}" height="{height - 4}" fill="#000"/>')
        x += bar + float(writer.pick(("1.5", "3", "4.5")))
    return f'<svg data-ink data-o="barcode" width="{width}" height="{height}">{"".join(bars)}</svg>'
