"""Write the example images of the repository: rendered from seeds and with sets that training never sees.

python scripts/make_examples.py        (needs `locany data setup`)
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from locany.pipeline.config import RenderSource
from locany.pipeline.held_out import recipe
from locany.synth.renderer import engine

FOLDER = Path(__file__).resolve().parent.parent / "examples"
# Name of the image: of the held-out set that it is drawn like, and its seed.
SEEDS = {
    "band.png": ("emoji", 300_003),
    "paper.png": ("documents_small", 300_001),
    "sailing.png": ("emoji", 300_018),
    "shop.png": ("gui_small", 300_015),
}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    sources = {source.name: source for source in recipe().sources}
    for name, (of_set, seed) in SEEDS.items():
        source = sources[of_set]
        assert isinstance(source, RenderSource)
        sample = engine(source.engine).render(seed, source.config)
        Image.fromarray(sample.pixels()).save(FOLDER / name, optimize=True)
        print(name, sample.size_wh, [o.label for o in sample.objects])


if __name__ == "__main__":
    main()
