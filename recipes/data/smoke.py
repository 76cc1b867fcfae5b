"""A little of everything: 380 images of all four render engines, to see that a machine can make data.

locany data build recipes/data/smoke.py --out data/smoke
locany data stats data/smoke
"""

from __future__ import annotations

from locany.pipeline.config import BuildConfig, RenderSource
from locany.pipeline.duplicates import Deduplicate
from locany.pipeline.images import EncodeImage
from locany.pipeline.steps import BoxSide, HasQuestions, NotBlank, TargetsPerQuestion
from locany.synth.icons import IconsConfig

TRAIN_SEEDS = 1_000_000  # training takes seeds from here up, evaluation those below


def recipe() -> BuildConfig:
    """Training data: every engine as it is, with what is not held out."""
    return BuildConfig(
        sources=(
            RenderSource("icons", 200, IconsConfig.rich(), TRAIN_SEEDS),
            RenderSource("scene_text", 100, first_seed=TRAIN_SEEDS),
            RenderSource("documents", 40, first_seed=TRAIN_SEEDS),
            RenderSource("gui", 40, first_seed=TRAIN_SEEDS),
        ),
        steps=(
            HasQuestions(),
            TargetsPerQuestion(most=300),
            NotBlank(),
            Deduplicate(),
            EncodeImage("jpeg", quality=90, max_side=2048),
            BoxSide(2.0),
        ),
        shard_size=100,
    )
