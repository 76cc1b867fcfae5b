"""Eleventh stage of locany-mini: screens more often, small ones and links among words above all.

    torchrun --nproc-per-node 2 -m locany train recipes/mini_screens.py out=runs/mini_screens compile=true
        begin=runs/mini_large/model begin_heads=runs/mini_large/heads.safetensors

Before, larger images took the place of small screens, which were worse for it, and one mixed screen in twelve
had links in its text, which could hardly be asked for by their label.
"""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from locany.train.config import TrainConfig
from locany.train.sources import Rendered

FIRST_SEED = 150_000_000  # beyond those of the stages before
LARGE = runpy.run_path(str(Path(__file__).with_name("mini_large.py")))
TEXT, WIDE, ICONS, SIGNS, DOCUMENTS = (
    LARGE[name] for name in ("TEXT", "WIDE", "ICONS", "SIGNS", "DOCUMENTS")
)

GUI = replace(LARGE["GUI"], mixed_rate=0.6, link_rate=1.0)
LARGER_GUI = replace(LARGE["LARGER_GUI"], mixed_rate=0.6, link_rate=1.0)
# (engine, what it draws, share of the samples)
SOURCES = (
    ("icons", WIDE["EMOJI"], 0.05),
    ("icons", ICONS, 0.16),
    ("icons", TEXT["CROWDS"], 0.04),
    ("icons", LARGE["LARGER_ICONS"], 0.03),
    ("scene_text", WIDE["MINI"]["SCENE_TEXT"], 0.03),
    ("scene_text", SIGNS, 0.09),
    ("scene_text", LARGE["LARGER_SIGNS"], 0.02),
    ("documents", DOCUMENTS, 0.13),
    ("documents", LARGE["LARGER_DOCUMENTS"], 0.05),
    ("gui", GUI, 0.27),
    ("gui", LARGER_GUI, 0.13),
)


def recipe(out: str = "runs/mini_screens") -> TrainConfig:
    """Everything that decides the run; the vocabulary is that of `recipes/mini_names.py`."""
    large: TrainConfig = LARGE["recipe"](out)
    return replace(
        large,
        data=replace(
            large.data,
            sources=tuple(Rendered(name, config, share, FIRST_SEED) for name, config, share in SOURCES),
        ),
        seed=11,
        steps=1150,
    )
