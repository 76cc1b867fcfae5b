"""What the model has never seen: fonts, icon sets, toolkits and templates that no training recipe draws with.

locany data build recipes/data/held_out.py --out data/held_out
"""

from __future__ import annotations

from locany.pipeline.config import BuildConfig, RenderSource
from locany.pipeline.images import EncodeImage
from locany.pipeline.steps import HasQuestions, NotBlank
from locany.synth.documents import DocumentsConfig
from locany.synth.gui import GuiConfig
from locany.synth.icons import IconsConfig
from locany.synth.scene_text import SceneTextConfig

FIRST_SEED = 200_000  # evaluation takes seeds below a million, training from there up


def recipe() -> BuildConfig:
    """Evaluation data, stored without loss."""
    return BuildConfig(
        sources=(
            RenderSource("icons", 200, IconsConfig.rich("held-out"), FIRST_SEED),
            RenderSource("icons", 20, IconsConfig.dense(100, "held-out"), FIRST_SEED, name="dense"),
            RenderSource("scene_text", 200, SceneTextConfig(split="held-out"), FIRST_SEED),
            RenderSource("documents", 100, DocumentsConfig(split="held-out"), FIRST_SEED),
            RenderSource("gui", 100, GuiConfig(split="held-out"), FIRST_SEED),
        ),
        steps=(HasQuestions(), NotBlank(), EncodeImage("png")),
        shard_size=100,
    )
