"""Write the example images of the repository: rendered from seeds that training never sees, twice as large.

python scripts/make_examples.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from locany.synth.icons import IconsConfig, render

FOLDER = Path(__file__).resolve().parent.parent / "examples"
SEEDS = {"picnic.png": 3, "shelf.png": 8, "signs.png": 11, "wall.png": 6}
CONFIG = IconsConfig(
    side=(392, 616),
    num_patches=(800, 1024),
    sprite_side=(64, 180),
    word_height=(30, 64),
    split="held-out",
    jpeg_rate=0.0,
)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, seed in SEEDS.items():
        sample = render(seed, CONFIG)
        Image.fromarray(sample.pixels()).save(FOLDER / name, optimize=True)
        print(name, sample.size_wh, [o.label for o in sample.objects])


if __name__ == "__main__":
    main()
