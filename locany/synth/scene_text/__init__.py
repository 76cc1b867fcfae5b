"""Words and lines on signs, walls, packages and paper as a camera sees them, with exact boxes and polygons.

1. a scene orders signs and draws the backdrop      scenes.py, outdoors.py, indoors.py, scenery.py
2. each sign is worded                              lexicon.py
   set in lines, each word with its own coverage    layout.py, typefaces.py
   given a body, colours and letters                dressing.py, colors.py
   put into the picture, turned, bent, measured     stage.py, warps.py
3. light, lens, sensor and file                     camera.py
   colours as they are called then                  afterwards.py
4. questions                                        asking.py

A word's box is the extent of its coverage after the warp, drawn alone; its polygon follows the baseline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from locany.data.sample import Sample
from locany.errors import DataError
from locany.synth.scene_text import typefaces
from locany.synth.scene_text.afterwards import as_seen
from locany.synth.scene_text.asking import ask, objects, page_of
from locany.synth.scene_text.camera import photograph
from locany.synth.scene_text.config import SceneTextConfig, sizes
from locany.synth.scene_text.scenes import SCENES
from locany.synth.scene_text.stage import Order, Sign, Stage, Written

NAME = "scene_text"
VERSION = 2  # raise it when a seed no longer gives the same sample
Config = SceneTextConfig

_DEFAULT = SceneTextConfig()
_STREAM = 0x7E87  # keeps our seeds apart from those of other renderers


@dataclass(frozen=True)
class Picture:
    """A sample before it is asked about.

    Attributes:
        image: RGB, finished.
        words: each with its coverage, for checks of the truth.
        signs: that the words stand on.
        provenance: of the sample.
    """

    image: Image.Image
    words: tuple[Written, ...]
    signs: tuple[Sign, ...]
    provenance: Mapping[str, Any]


def render(seed: int, config: SceneTextConfig = _DEFAULT, *, step: float = 1.0) -> Sample:
    """The sample of a seed: the same seed, config and step give the same bytes.

    Args:
        seed: any integer from 0.
        config: what to draw and ask.
        step: progress of the curriculum from 0 to 1, see `SceneTextConfig.at`.

    Raises:
        MissingAssetsError: a font of the config is not installed.
        DataError: the seed is negative, or no image size fits the config.
    """
    config = config.at(step)
    rng, picture = _draw(seed, config)
    page = page_of(picture.words, picture.signs)
    questions = ask(rng, page, config)
    # np.array, not asarray: the caller gets pixels that it may write to
    return Sample(np.array(picture.image), questions, objects(page, config.level), picture.provenance)


def draw(seed: int, config: SceneTextConfig = _DEFAULT, *, step: float = 1.0) -> Picture:
    """The picture of `render` with the coverage of every word, drawn alone."""
    return _draw(seed, config.at(step))[1]


def names_used(config: SceneTextConfig) -> Mapping[str, tuple[str, ...]]:
    """What a config may draw with, by the kinds of `splits.HELD_OUT`."""
    return {"fonts": typefaces.names_used(config)}


def _draw(seed: int, config: SceneTextConfig) -> tuple[np.random.Generator, Picture]:
    if seed < 0:
        raise DataError(f"a seed is an integer from 0, got {seed}")
    typefaces.names_used(config)  # refuse at once, not at the first image that happens to need a font
    rng = np.random.default_rng((_STREAM, VERSION, seed))
    size_wh = sizes(config)[int(rng.integers(len(sizes(config))))]
    script, scene = _weighted(rng, config.scripts), _weighted(rng, config.scenes)
    stage = Stage(rng, config, Image.new("RGB", size_wh), script)
    blank = rng.random() < config.blank_rate
    stage.words_left *= not blank
    SCENES[scene](stage)
    if not stage.words and not blank:  # no sign of the scene found room
        stage.taken.clear()
        stage.put(Order("word", "shop", (12, 30), "rounded"))
    image = photograph(rng, stage.image, config.degrade)
    provenance = {
        "renderer": NAME,
        "seed": seed,
        "version": VERSION,
        "split": config.split,
        "scene": scene,
        "script": script,
        "fonts": sorted({written.word.face.name for written in stage.words}),
        "kinds": sorted({sign.wording.kind for sign in stage.signs}),
    }
    signs = as_seen(image, stage.words, stage.signs)
    return rng, Picture(image, tuple(stage.words), signs, provenance)


def _weighted(rng: np.random.Generator, pairs: tuple[tuple[str, float], ...]) -> str:
    left = rng.random() * sum(weight for _, weight in pairs)
    for name, weight in pairs:
        left -= weight
        if left < 0:
            return name
    return pairs[-1][0]
