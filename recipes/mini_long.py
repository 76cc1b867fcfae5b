"""Eighth stage of locany-mini: the questions and answers of the seventh for longer, with more screens.

    torchrun --nproc-per-node 2 -m locany train recipes/mini_long.py out=runs/mini_long compile=true
        begin=runs/mini_know/model begin_heads=runs/mini_know/heads.safetensors

Names are learnt without screens, and 560 steps did not bring back all that screens had lost by that.
"""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from locany.train.config import OptimConfig, TrainConfig
from locany.train.sources import Rendered

FIRST_SEED = 90_000_000  # beyond those of the stages before
KNOW = runpy.run_path(str(Path(__file__).with_name("mini_know.py")))
SHARES = (0.05, 0.28, 0.05, 0.04, 0.08, 0.18, 0.26, 0.06)  # of the sources there, in that order


def recipe(out: str = "runs/mini_long") -> TrainConfig:
    """Everything that decides the run; the vocabulary is that of `recipes/mini_names.py`."""
    know = KNOW["recipe"](out)
    sources = tuple(
        Rendered(name, config, share, FIRST_SEED)
        for (name, config, _), share in zip(KNOW["SOURCES"], SHARES, strict=True)
    )
    return replace(
        know,
        data=replace(know.data, sources=sources),
        seed=8,
        steps=1250,
        optim=OptimConfig(muon_lr=1.8e-3, adam_lr=9e-4, decay_share=0.97, warmup_steps=30),
    )
