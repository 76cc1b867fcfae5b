"""Fourth stage of locany-mini: more of the third, with grids of things that count on, and larger screens.

    torchrun --nproc-per-node 2 -m locany train recipes/mini_more.py out=runs/mini_more compile=true
        begin=runs/mini_wide/model begin_heads=runs/mini_wide/heads.safetensors

The third stage ended while its loss was still falling. What was wrong most was added: seats, keys and times
that differ by a letter, lists of two lines, more names that are not there, and screens that are shrunk.
"""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from locany.train.config import LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.sources import Rendered

FIRST_SEED = 30_000_000  # beyond those of the stages before
WIDE = runpy.run_path(str(Path(__file__).with_name("mini_wide.py")))
_LARGER = ((560, 420), (420, 560), (640, 480), (480, 640), (640, 640), (800, 600))

ICONS = replace(WIDE["ICONS"], side=(196, 504), max_objects=15, sprite_side=(18, 120), negative_rate=0.3)
SIGNS = replace(WIDE["SIGNS"], text_height=(6, 60), negative_rate=0.24)
DOCUMENTS = replace(WIDE["DOCUMENTS"], mixed_rate=0.6, absent_rate=0.1)
GUI = replace(WIDE["GUI"], mixed_rate=0.5, negative_rate=0.12)
LARGER_GUI = replace(GUI, viewports=tuple((size, 1.0) for size in _LARGER))
# (engine, what it draws, share of the samples)
SOURCES = (
    ("icons", WIDE["EMOJI"], 0.09),
    ("icons", ICONS, 0.28),
    ("scene_text", WIDE["MINI"]["SCENE_TEXT"], 0.06),
    ("scene_text", SIGNS, 0.12),
    ("documents", DOCUMENTS, 0.17),
    ("gui", GUI, 0.23),
    ("gui", LARGER_GUI, 0.05),
)


def recipe(out: str = "runs/mini_more") -> TrainConfig:
    """Everything that decides the run; the vocabulary is that of `recipes/mini.py`."""
    wide = WIDE["recipe"](out)
    return replace(
        wide,
        data=DataConfig(
            tuple(Rendered(name, config, weight, FIRST_SEED) for name, config, weight in SOURCES),
            answers=wide.data.answers,
        ),
        seed=2,
        steps=1400,
        optim=OptimConfig(muon_lr=2.2e-3, adam_lr=1.1e-3, decay_share=0.97, warmup_steps=40),
        loss=LossConfig(sigma_start=3.0, sigma_end=2.5, sigma_steps=1400),
    )
