"""What the model has never seen: fonts, icon sets, toolkits and templates that no training recipe draws with.

One set, `emoji`, has pictures that training shows, in images that it does not.
Pages come at the size that suits a small model and at their usual sizes; pictures and signs are small anyway.
`recipes/data/held_out.py` builds all of it; `locany eval home` a part (`eval.benchmarks.home.IMAGES`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from locany.errors import DataError
from locany.pipeline.config import BuildConfig, RenderSource
from locany.pipeline.images import EncodeImage
from locany.pipeline.steps import HasQuestions, NotBlank
from locany.synth.documents import DocumentsConfig
from locany.synth.gui import GuiConfig
from locany.synth.icons import IconsConfig
from locany.synth.scene_text import SceneTextConfig
from locany.synth.scene_text.config import DEFAULT_SCRIPTS

FIRST_SEED = 200_000  # evaluation takes seeds below a million, training from there up

# Of most scripts other than Latin there are too few fonts to hold one out, so they are measured apart.
LATIN = (("latin", 1.0),)
OTHERS = tuple((script, share) for script, share in DEFAULT_SCRIPTS if script != "latin")


def recipe(images: Mapping[str, int] | None = None) -> BuildConfig:
    """Evaluation data, stored without loss.

    Args:
        images: for each set, how many of its images are wanted, from the first on; None for all of all sets.

    Raises:
        DataError: there is no such set, or it has fewer images.
    """
    # One prompt asks for all text; on pages it means lines here, as on screens.
    pages = DocumentsConfig(split="held-out", text_unit="line")
    small_screens = GuiConfig(split="held-out", viewports=(((448, 448), 1.0),), scales=((1.0, 1.0),))
    sources = (
        _source("icons", 100, IconsConfig(split="held-out"), "emoji"),
        _source("icons", 100, IconsConfig.rich("held-out")),
        _source("icons", 20, IconsConfig.dense(50, "held-out"), "icons_dense"),
        _source("scene_text", 100, SceneTextConfig(split="held-out", scripts=LATIN)),
        _source("scene_text", 60, SceneTextConfig(split="held-out", scripts=OTHERS), "scene_text_others"),
        _source("documents", 100, _small(pages), "documents_small"),
        _source("documents", 60, pages),
        _source("gui", 100, small_screens, "gui_small"),
        _source("gui", 60, GuiConfig(split="held-out")),
    )
    return BuildConfig(
        sources=sources if images is None else _first(sources, images),
        steps=(HasQuestions(), NotBlank(), EncodeImage("png")),
        shard_size=100,
        mixture="sequential",
    )


def _source(engine: str, num_samples: int, config: object, name: str = "") -> RenderSource:
    return RenderSource(engine, num_samples, config, FIRST_SEED, name)


def _first(sources: tuple[RenderSource, ...], images: Mapping[str, int]) -> tuple[RenderSource, ...]:
    there = {source.name: source.num_samples for source in sources}
    for name, number in images.items():
        if not 0 < number <= there.get(name, 0):
            listed = ", ".join(f"{known} ({most})" for known, most in there.items())
            raise DataError(f"{number} images of {name!r} are asked for; there are: {listed}")
    return tuple(replace(s, num_samples=images[s.name]) for s in sources if s.name in images)


def _small(pages: DocumentsConfig) -> DocumentsConfig:
    """The same pages as an image of at most 560 pixels; what cannot be read at that size is not asked."""
    return replace(pages, side=(400, 560))
