"""Emoji, icons, shapes and short words on a background, with their exact boxes: the cheapest engine.

1. a background of a random size        backgrounds.py
2. words, on ground that contrasts      words.py: they come first because they are hardest to place
3. pictures, several of one kind        plan.py, draw.py: never hiding more than `max_overlap` of another
4. a little blur or JPEG loss           never so much that a box moves
5. questions                            questions.py

A box is the extent of what was drawn, covered parts included.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageFilter

from locany.data.sample import Sample
from locany.errors import DataError
from locany.synth import assets
from locany.synth.backgrounds import background
from locany.synth.ground import Ground
from locany.synth.icons.catalogue import Catalogue
from locany.synth.icons.config import SHAPES, IconsConfig
from locany.synth.icons.draw import in_cells, scatter
from locany.synth.icons.layers import Layer
from locany.synth.icons.plan import all_concepts, choose_colors, choose_sets, plan
from locany.synth.icons.words import draw_words
from locany.synth.questions import Scene, ask

VERSION = 2  # raise it when a seed no longer gives the same sample
NAME = "icons"
Config = IconsConfig

_DEFAULT = IconsConfig()
_STREAM = 0x1C0  # keeps our seeds apart from those of other renderers

__all__ = ["NAME", "VERSION", "Config", "IconsConfig", "Layer", "layers", "names_used", "render"]


def render(seed: int, config: IconsConfig = _DEFAULT, *, step: float = 1.0) -> Sample:
    """The sample of a seed: the same seed, config and step give the same bytes.

    Args:
        seed: any integer from 0.
        config: what to draw and ask.
        step: progress of the curriculum from 0 to 1, see `IconsConfig.at`.

    Raises:
        DataError: the seed is negative, or no image has the size asked for.
        MissingAssetsError: the config draws with sets that are not installed.
    """
    return _make(seed, config, step)[0]


def layers(seed: int, config: IconsConfig = _DEFAULT, *, step: float = 1.0) -> tuple[Layer, ...]:
    """What `render` put into the image, in this order: the masks behind the boxes of `Sample.objects`."""
    return _make(seed, config, step)[1]


def names_used(config: IconsConfig) -> Mapping[str, tuple[str, ...]]:
    """Font families and icon sets that a config may draw with."""
    families = sorted({font.family for font in assets.fonts(config.split)})
    drawn = config.max_words > 0 and config.word_share > 0
    return {"fonts": tuple(families) if drawn else (), "icon_sets": config.icon_sets}


def _make(seed: int, config: IconsConfig, step: float) -> tuple[Sample, tuple[Layer, ...]]:
    if seed < 0:
        raise DataError(f"a seed is an integer from 0, got {seed}")
    config = config.at(step)
    rng = np.random.default_rng((_STREAM, VERSION, seed))

    sizes = _sizes(config.side, config.side_multiple, config.patch_size, config.num_patches)
    size_wh = sizes[int(rng.integers(len(sizes)))]
    icon_sets = choose_sets(rng, config)
    concepts = all_concepts(config, icon_sets)
    # Squares and circles are asked for by name only where the background has none.
    calm = SHAPES in icon_sets
    rgb = background(rng, size_wh, busy=0.0 if calm else config.busy, screens=0.0 if calm else config.screens)
    image = Image.fromarray(rgb)
    ground = Ground(size_wh, config.max_overlap)
    grid = bool(config.grid_share) and rng.random() < config.grid_share

    lexicon = _lexicon(concepts)
    words: list[Layer] = []
    if config.max_words and rng.random() < config.word_share and not grid:
        words = draw_words(rng, config, lexicon, image, ground, plates=not calm)
    colors = choose_colors(rng, config) if concepts.takes_color else ()
    plans = plan(rng, config, concepts, colors)
    things = (in_cells if grid else scatter)(rng, config, plans, image, ground)
    image = _degrade(rng, config, image)

    scene = Scene(
        [layer.target for layer in things],
        [layer.target for layer in words],
        concepts.names,
        lexicon,
        size_wh=size_wh,
        synonyms=_synonyms(things),
        alike=concepts.alike,
    )
    questions = ask(
        rng,
        scene,
        num_questions=config.num_questions,
        weights=config.weights,
        negative_rate=config.negative_rate,
        max_categories=config.max_categories,
        forms=config.forms,
        synonym_rate=config.synonym_rate,
    )
    drawn = (*words, *things)
    # np.array, not asarray: the caller gets pixels that it may write to
    objects = tuple(layer.target for layer in drawn)
    return Sample(np.array(image), questions, objects, _provenance(seed, drawn)), drawn


def _provenance(seed: int, drawn: Sequence[Layer]) -> dict[str, object]:
    found = [layer.target for layer in drawn]
    kinds = [target.attributes["type"] for target in found]
    return {
        "renderer": NAME,
        "seed": seed,
        "version": VERSION,
        "kinds": sorted({t.label for t, kind in zip(found, kinds, strict=True) if kind != "word"}),
        "object_kinds": kinds,
        "fonts": sorted({t.attributes["font"] for t in found if "font" in t.attributes}),
        "icon_sets": sorted({t.attributes["icon_set"] for t in found if "icon_set" in t.attributes}),
    }


def _synonyms(things: Sequence[Layer]) -> dict[str, tuple[str, ...]]:
    """Other names by name: those that everything of that name goes by."""
    found: dict[str, tuple[str, ...]] = {}
    for thing in things:
        name = thing.target.label
        found[name] = tuple(s for s in found.get(name, thing.synonyms) if s in thing.synonyms)
    return found


def _lexicon(concepts: Catalogue) -> tuple[str, ...]:
    """Words to write: none that also goes for a picture that could stand beside it."""
    return _words_besides(concepts.names) if concepts.exclusive else assets.words()


@cache
def _words_besides(names: tuple[str, ...]) -> tuple[str, ...]:
    taken = {word for name in names for word in name.split()}
    return tuple(word for word in assets.words() if word not in taken)


def _degrade(rng: np.random.Generator, config: IconsConfig, image: Image.Image) -> Image.Image:
    """A little of what cameras and savers do."""
    if rng.random() < config.blur_rate:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 0.8))))
    if rng.random() < config.jpeg_rate:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=int(rng.integers(50, 95)))
        image = Image.open(stream)
        image.load()
    return image


@cache
def _sizes(
    side: tuple[int, int], multiple: int, patch_size: int, num_patches: tuple[int, int]
) -> Sequence[tuple[int, int]]:
    """Every (width, height) that the ranges allow."""
    sides = range(-(-side[0] // multiple) * multiple, side[1] + 1, multiple)
    low, high = (count * patch_size**2 for count in num_patches)
    found = [(w, h) for w in sides for h in sides if low <= w * h <= high]
    if not found:
        raise DataError(f"no image size has sides in {side}, multiples of {multiple}, {num_patches} patches")
    return found
