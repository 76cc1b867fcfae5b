"""Twelfth stage of locany-mini: blocks weigh more, and icons and larger images come more often.

    torchrun --nproc-per-node 2 -m locany train recipes/mini_blocks.py out=runs/mini_blocks compile=true
        begin=runs/mini_screens/model begin_heads=runs/mini_screens/heads.safetensors

Before, `fast` found an eighth less of the icons than `slow`, screens had taken the place of icons and pages,
and on pages of others fields beside their labels and links were still missed.
"""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from locany.train.config import TrainConfig
from locany.train.sources import Rendered

FIRST_SEED = 170_000_000  # beyond those of the stages before
SCREENS = runpy.run_path(str(Path(__file__).with_name("mini_screens.py")))
LARGE, TEXT, WIDE = (SCREENS[name] for name in ("LARGE", "TEXT", "WIDE"))

GUI = replace(SCREENS["GUI"], beside_rate=0.4)
LARGER_GUI = replace(SCREENS["LARGER_GUI"], beside_rate=0.4)
# (engine, what it draws, share of the samples)
SOURCES = (
    ("icons", WIDE["EMOJI"], 0.06),
    ("icons", SCREENS["ICONS"], 0.19),
    ("icons", TEXT["CROWDS"], 0.03),
    ("icons", LARGE["LARGER_ICONS"], 0.04),
    ("scene_text", WIDE["MINI"]["SCENE_TEXT"], 0.02),
    ("scene_text", SCREENS["SIGNS"], 0.08),
    ("scene_text", LARGE["LARGER_SIGNS"], 0.03),
    ("documents", SCREENS["DOCUMENTS"], 0.14),
    ("documents", LARGE["LARGER_DOCUMENTS"], 0.06),
    ("gui", GUI, 0.20),
    ("gui", LARGER_GUI, 0.15),
)


def recipe(out: str = "runs/mini_blocks") -> TrainConfig:
    """Everything that decides the run; the vocabulary is that of `recipes/mini_names.py`."""
    screens: TrainConfig = SCREENS["recipe"](out)
    return replace(
        screens,
        data=replace(
            screens.data,
            sources=tuple(Rendered(name, config, share, FIRST_SEED) for name, config, share in SOURCES),
        ),
        loss=replace(screens.loss, block=1.5),
        seed=12,
        steps=1150,
    )
