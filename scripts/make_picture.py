"""Put the demo's annotated pictures side by side, in columns of one height: the picture of the README.

make demo && python scripts/make_picture.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = (("shop.png",), ("paper.png",), ("sailing.png", "band.png"))
HEIGHT, GAP = 500, 12


def column(pictures: list[Image.Image]) -> Image.Image:
    """Pictures above each other, equally wide, `HEIGHT` together."""
    room = HEIGHT - GAP * (len(pictures) - 1)
    width = round(room / sum(p.height / p.width for p in pictures))
    whole, at = Image.new("RGB", (width, HEIGHT), "white"), 0
    for number, picture in enumerate(pictures):
        is_last = number == len(pictures) - 1
        height = HEIGHT - at if is_last else round(width * picture.height / picture.width)
        whole.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (0, at))
        at += height + GAP
    return whole


def main() -> None:
    columns = [column([Image.open(ROOT / "demo-out" / name) for name in names]) for names in COLUMNS]
    whole = Image.new("RGB", (sum(c.width + GAP for c in columns) - GAP, HEIGHT), "white")
    at = 0
    for one in columns:
        whole.paste(one, (at, 0))
        at += one.width + GAP
    whole.save(ROOT / "docs" / "picture.png", optimize=True)


if __name__ == "__main__":
    main()
