"""Where signs are met, by name."""

from __future__ import annotations

from collections.abc import Callable

from locany.synth.scene_text.indoors import desk, night, package, poster, shelf
from locany.synth.scene_text.outdoors import shopfront, street, wall
from locany.synth.scene_text.stage import Stage

# Each fills a stage: the backdrop, then signs until there are enough words or no room.
SCENES: dict[str, Callable[[Stage], None]] = {
    "wall": wall,
    "shopfront": shopfront,
    "street": street,
    "poster": poster,
    "shelf": shelf,
    "package": package,
    "desk": desk,
    "night": night,
}
