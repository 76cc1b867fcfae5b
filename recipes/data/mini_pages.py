"""Screens and documents for recipes/mini_gpu.py, small enough to be carried to a machine without a browser.

    locany data build recipes/data/mini_pages.py --out DIR

`scripts/device/prepare_mini.py` builds these in parts, and what a run is measured on with them.
"""

from __future__ import annotations

import runpy
from pathlib import Path

from locany.pipeline.config import BuildConfig, RenderSource
from locany.pipeline.images import EncodeImage
from locany.pipeline.steps import HasQuestions, NotBlank, TargetsPerQuestion
from locany.synth.documents import DocumentsConfig
from locany.synth.gui import GuiConfig
from locany.synth.icons import IconsConfig
from locany.synth.scene_text import SceneTextConfig

MINI = runpy.run_path(str(Path(__file__).parent.parent / "mini_gpu.py"))
TRAIN_SEEDS = 3_000_000  # other seeds than those of the vocabulary
HELD_OUT_SEEDS = 300_000
STEPS = (HasQuestions(), NotBlank(), TargetsPerQuestion(most=300))


def pages(engine: str, count: int, first: int, quality: int = 60) -> BuildConfig:
    """`count` pages of an engine from seed number `first` up."""
    config = {"documents": MINI["DOCUMENTS"], "gui": MINI["GUI"]}[engine]
    source = RenderSource(engine, count, config, TRAIN_SEEDS + first)
    return BuildConfig(sources=(source,), steps=(*STEPS, EncodeImage("webp", quality)), shard_size=500)


def held_out(engine: str, count: int) -> BuildConfig:
    """What no training draws with, at the sizes that training has."""
    config = {
        "icons": IconsConfig.rich("held-out"),
        "scene_text": SceneTextConfig(split="held-out", scripts=MINI["LATIN"]),
        "documents": DocumentsConfig(split="held-out", side=(400, 560), text_unit="line"),
        "gui": GuiConfig(split="held-out", viewports=(((448, 448), 1.0),), scales=((1.0, 1.0),)),
    }[engine]
    source = RenderSource(engine, count, config, HELD_OUT_SEEDS)
    return BuildConfig(sources=(source,), steps=(*STEPS, EncodeImage("webp", 85)), shard_size=500)


def recipe() -> BuildConfig:
    """A look at what is carried: 100 documents and 100 screens."""
    documents, screens = pages("documents", 100, 0), pages("gui", 100, 0)
    return BuildConfig(sources=(*documents.sources, *screens.sources), steps=documents.steps, shard_size=500)
