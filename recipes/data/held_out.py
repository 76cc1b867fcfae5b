"""What the model has never seen: fonts, icon sets, toolkits and templates that no training recipe draws with.

locany data build recipes/data/held_out.py --out data/held_out
python scripts/evaluate_mini.py --data data/held_out

Pages come at the size that suits a small model and at their usual sizes; pictures and signs are small anyway.
"""

from __future__ import annotations

from dataclasses import replace

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
SMALL_SCREEN = {"viewports": (((448, 448), 1.0),), "scales": ((1.0, 1.0),)}


def recipe() -> BuildConfig:
    """Evaluation data, stored without loss."""
    # One prompt asks for all text; on pages it means lines here, as on screens.
    pages = DocumentsConfig(split="held-out", text_unit="line")
    return BuildConfig(
        sources=(
            _source("icons", 100, IconsConfig.rich("held-out")),
            _source("icons", 20, IconsConfig.dense(50, "held-out"), "icons_dense"),
            _source("scene_text", 100, SceneTextConfig(split="held-out", scripts=LATIN)),
            _source("scene_text", 60, SceneTextConfig(split="held-out", scripts=OTHERS), "scene_text_others"),
            _source("documents", 100, _small(pages), "documents_small"),
            _source("documents", 60, pages),
            _source("gui", 100, GuiConfig(split="held-out", **SMALL_SCREEN), "gui_small"),
            _source("gui", 60, GuiConfig(split="held-out")),
        ),
        steps=(HasQuestions(), NotBlank(), EncodeImage("png")),
        shard_size=100,
        mixture="sequential",
    )


def _source(engine: str, num_samples: int, config: object, name: str = "") -> RenderSource:
    return RenderSource(engine, num_samples, config, FIRST_SEED, name)


def _small(pages: DocumentsConfig) -> DocumentsConfig:
    """The same pages as an image of at most 560 pixels; what cannot be read at that size is not asked."""
    return replace(pages, side=(400, 560))
