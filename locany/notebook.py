"""The picture of a result in a notebook: an SVG over the image.

SVG rather than pixels: it stays sharp at any zoom, shows label and score under the mouse, and lets the
result type draw itself without knowing `draw`. Coordinates are pixels of the image, as in `geometry`.
"""

from __future__ import annotations

import base64
import html
import io
import unicodedata
from collections.abc import Sequence

import numpy as np

from locany.labels import fitting_line, label_colors, place_tag, text_color

NOTEBOOK_SIDE = 1280  # pixels, longer side; a notebook stores the picture in every copy of itself


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
    order = np.argsort(-np.prod(xyxy[:, 2:] - xyxy[:, :2], axis=1), kind="stable")
    reach = np.where(is_point, font / 2, stroke)[:, None] * [-1, -1, 1, 1]
    frames = np.clip(xyxy + reach, 0, [width, height] * 2)
    texts, places = [""] * len(labels), np.zeros((0, 4))
    for i in order[::-1]:  # small ones first: they have the fewest good places
        room = min(max(frames[i, 2] - frames[i, 0], 0.4 * width, 8 * font), width) - font / 2
        texts[i] = fitting_line(
            " ".join(labels[i].split()), f"{scores[i]:.2f}", room, lambda t: _ems(t) * font
        )
        tag_wh = (int(np.ceil(_ems(texts[i]) * font + font / 2)), int(np.ceil(font * 1.3)))
        places = np.vstack([places, place_tag(frames, i, bool(is_point[i]), places, tag_wh, size_wh)])
    for i, (left, top, right, bottom) in zip(order, places[::-1], strict=True):
        x0, y0, x1, y1 = (float(value) for value in xyxy[i])
        color, caption = colors[labels[i]], html.escape(f"{labels[i]} {scores[i]:.2f}")
        # Held at the side where it touches something: with another font it is shorter or longer than guessed.
        to_left, to_right = abs(left - frames[i, 0]), abs(right - frames[i, 2])
        at_end = to_right < to_left or right >= width - 1
        anchor, text_x = ("end", right - font / 4) if at_end else ("start", left + font / 4)
        if is_point[i]:
            shape = f'<circle cx="{x0:.2f}" cy="{y0:.2f}" r="{font / 3:.2f}"'
        else:
            shape = f'<rect x="{x0:.2f}" y="{y0:.2f}" width="{x1 - x0:.2f}" height="{y1 - y0:.2f}"'
        parts.append(
            f"<g><title>{caption}</title>"
            f'{shape} fill="none" stroke="#000000" stroke-opacity="0.45" stroke-width="{stroke * 1.8:.2f}"/>'
            f'{shape} fill="{color}" fill-opacity="{0.9 if is_point[i] else 0.08}" '
            f'stroke="{color if not is_point[i] else "#ffffff"}" stroke-width="{stroke:.2f}"/>'
            f'<text x="{text_x:.2f}" y="{(top + bottom) / 2 + font * 0.35:.2f}" text-anchor="{anchor}" '
            f'fill="{text_color(color)}" stroke="{color}" stroke-width="{font / 3:.2f}" '
            f'stroke-linejoin="round" paint-order="stroke">{html.escape(texts[i])}</text></g>'
        )
    return "".join([*parts, "</svg>"])


def _ems(text: str) -> float:
    """Width of a line in font sizes, rather too wide: the notebook chooses the font, so it is a guess."""
    return sum(
        0.0 if unicodedata.combining(c)
        else 1.0 if unicodedata.east_asian_width(c) in "WF" or c in "mwMW@%…"
        else 0.34 if c in " ijlt.,:;!|'"
        else 0.7 if c.isupper()
        else 0.58
        for c in text
    )  # fmt: skip


def _data_url(image: np.ndarray) -> str:
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((NOTEBOOK_SIDE, NOTEBOOK_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
