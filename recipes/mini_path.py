"""Fifth stage of locany-mini: more of the fourth, and blocks that hold one object only.

    torchrun --nproc-per-node 2 -m locany train recipes/mini_path.py out=runs/mini_path compile=true
        begin=runs/mini_more/model begin_heads=runs/mini_more/heads.safetensors

After the fourth stage `fast` was 16 points behind `slow` on icons: where several of a kind stand in an image,
the slots of a block took their coordinates from different ones. Here a slot learns only what goes with what
the slots before it would choose (`LossConfig.path_reach`). Icons, which were as far from their goal on sets
that training knows, are asked more often.
"""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from locany.train.config import LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.sources import Rendered

FIRST_SEED = 40_000_000  # beyond those of the stages before
MORE = runpy.run_path(str(Path(__file__).with_name("mini_more.py")))
# (engine, what it draws, share of the samples)
SOURCES = (
    ("icons", MORE["WIDE"]["EMOJI"], 0.08),
    ("icons", MORE["ICONS"], 0.34),
    ("scene_text", MORE["WIDE"]["MINI"]["SCENE_TEXT"], 0.05),
    ("scene_text", MORE["SIGNS"], 0.12),
    ("documents", MORE["DOCUMENTS"], 0.15),
    ("gui", MORE["GUI"], 0.21),
    ("gui", MORE["LARGER_GUI"], 0.05),
)


def recipe(out: str = "runs/mini_path") -> TrainConfig:
    """Everything that decides the run; the vocabulary is that of `recipes/mini.py`."""
    more = MORE["recipe"](out)
    return replace(
        more,
        data=DataConfig(
            tuple(Rendered(name, config, weight, FIRST_SEED) for name, config, weight in SOURCES),
            answers=more.data.answers,
        ),
        seed=3,
        steps=1000,
        optim=OptimConfig(muon_lr=2e-3, adam_lr=1e-3, decay_share=0.97, warmup_steps=40),
        loss=LossConfig(sigma_start=2.5, sigma_end=2.5, sigma_steps=1000, path_reach=25),
    )
