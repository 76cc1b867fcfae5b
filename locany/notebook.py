"""The picture of a result in a notebook: an SVG over the image; and the colours that labels get.

SVG rather than pixels: it stays sharp at any zoom, shows label and score under the mouse, and lets the
result type draw itself without knowing `draw`. Coordinates are pixels of the image, as in `geometry`.
"""

from __future__ import annotations

import base64
import html
import io
import zlib
from collections.abc import Iterable, Sequence

import numpy as np

NOTEBOOK_SIDE = 1280  # pixels, longer side; a notebook stores the picture in every copy of itself

# Okabe and Ito's palette for colour-blind readers, then colours close to Paul Tol's "muted" scheme.
PALETTE = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00",
    "#f0e442", "#5b4fc4", "#44aa99", "#a02c6b", "#999933", "#aa4499",
)  # fmt: skip


def label_colors(labels: Iterable[str]) -> dict[str, str]:
    """A colour, '#rrggbb', for each distinct label.

    A label's colour comes from its text, so it is the same in every picture. When two labels of one
    picture want the same colour, the later one takes the next free; beyond 12 labels colours repeat.
    """
    colors: dict[str, str] = {}
    for label in labels:
        if label not in colors:
            start = zlib.crc32(label.encode("utf-8", "replace"))
            wanted = [PALETTE[(start + i) % len(PALETTE)] for i in range(len(PALETTE))]
            taken = set(colors.values())
            colors[label] = next((color for color in wanted if color not in taken), wanted[0])
    return colors


def text_color(background: str) -> str:
    """Black or white, whichever reads better on '#rrggbb' (by the WCAG contrast ratio)."""
    channels = [int(background[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"


def svg_picture(
    xyxy: np.ndarray,
    labels: Sequence[str],
    scores: np.ndarray,
    is_point: np.ndarray,
    size_wh: tuple[int, int],
    image: np.ndarray | None,
) -> str:
    """One self-contained <svg> element: no script, no link, every text escaped.

    Args:
        xyxy: [N, 4] pixels.
        labels: N labels.
        scores: [N] in 0..1.
        is_point: [N] bool.
        size_wh: (width, height), pixels.
        image: [height, width, 3] uint8 RGB, or None for a grey ground.
    """
    width, height = size_wh
    font = max(np.sqrt(width * height) / 40, 8.0)
    stroke = font / 7
    ground = f'<rect width="{width}" height="{height}" fill="#dddddd"/>'
    if image is not None:
        ground = f'<image width="{width}" height="{height}" href="{_data_url(image)}"/>'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'style="width:100%;max-height:80vh" font-family="sans-serif" font-size="{font:.1f}">',
        ground,
    ]
    colors = label_colors(labels)
    # Large boxes first, so that a small one inside stays on top and under the mouse.
    for i in np.argsort(-np.prod(xyxy[:, 2:] - xyxy[:, :2], axis=1), kind="stable"):
        x0, y0, x1, y1 = (float(value) for value in xyxy[i])
        color, caption = colors[labels[i]], html.escape(f"{labels[i]} {scores[i]:.2f}")
        if is_point[i]:
            shape, text_x, text_y = (
                f'<circle cx="{x0:.2f}" cy="{y0:.2f}" r="{font / 3:.2f}"',
                x0 + font / 2,
                y0,
            )
        else:
            shape = f'<rect x="{x0:.2f}" y="{y0:.2f}" width="{x1 - x0:.2f}" height="{y1 - y0:.2f}"'
            text_x, text_y = x0, y0 - font * 0.3
        text_y = min(max(text_y, font), height - font * 0.3)  # a caption above the image would be cut
        anchor = "end" if text_x > width * 0.85 else "start"
        parts.append(
            f"<g><title>{caption}</title>"
            f'{shape} fill="none" stroke="#000000" stroke-opacity="0.45" stroke-width="{stroke * 1.8:.2f}"/>'
            f'{shape} fill="{color}" fill-opacity="{0.9 if is_point[i] else 0.08}" '
            f'stroke="{color if not is_point[i] else "#ffffff"}" stroke-width="{stroke:.2f}"/>'
            f'<text x="{min(max(text_x, 0), width):.2f}" y="{text_y:.2f}" text-anchor="{anchor}" '
            f'fill="{text_color(color)}" stroke="{color}" stroke-width="{font / 3:.2f}" '
            f'stroke-linejoin="round" paint-order="stroke">{caption}</text></g>'
        )
    return "".join([*parts, "</svg>"])


def _data_url(image: np.ndarray) -> str:
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((NOTEBOOK_SIDE, NOTEBOOK_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
