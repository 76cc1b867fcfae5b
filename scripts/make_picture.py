"""Put the demo's annotated pictures side by side: the picture of the README.

make demo && python scripts/make_picture.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
HEIGHT, GAP = 360, 12


def main() -> None:
    pictures = [Image.open(path) for path in sorted((ROOT / "demo-out").glob("*.png"))]
    pictures = [p.resize((round(p.width * HEIGHT / p.height), HEIGHT)) for p in pictures]
    width = sum(p.width for p in pictures) + GAP * (len(pictures) - 1)
    whole = Image.new("RGB", (width, HEIGHT), "white")
    at = 0
    for picture in pictures:
        whole.paste(picture, (at, 0))
        at += picture.width + GAP
    whole.save(ROOT / "docs" / "picture.png", optimize=True)


if __name__ == "__main__":
    main()
