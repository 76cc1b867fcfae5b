"""Seventh stage of locany-mini: questions and answers again, by an encoder that knows the names of things.

    torchrun --nproc-per-node 2 -m locany train recipes/mini_know.py out=runs/mini_know compile=true
        begin=runs/mini_names/model begin_heads=runs/mini_names/heads.safetensors

The fifth stage once more, after `recipes/mini_names.py`: icons in all drawings, and images of many.
"""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from locany.train.config import OptimConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.sources import Rendered

FIRST_SEED = 70_000_000  # beyond those of the stages before
NAMES = runpy.run_path(str(Path(__file__).with_name("mini_names.py")))
PATH, MORE, WIDE, ICON_SETS = (NAMES[name] for name in ("PATH", "MORE", "WIDE", "ICON_SETS"))

ICONS = replace(MORE["ICONS"], icon_sets=ICON_SETS)
CROWDS = replace(NAMES["CROWDS"], side=(308, 448), num_patches=(400, 784), max_kinds=24, num_questions=5)
# (engine, what it draws, share of the samples)
SOURCES = (
    ("icons", WIDE["EMOJI"], 0.07),
    ("icons", ICONS, 0.32),
    ("icons", CROWDS, 0.05),
    ("scene_text", WIDE["MINI"]["SCENE_TEXT"], 0.05),
    ("scene_text", MORE["SIGNS"], 0.1),
    ("documents", MORE["DOCUMENTS"], 0.15),
    ("gui", MORE["GUI"], 0.21),
    ("gui", MORE["LARGER_GUI"], 0.05),
)


def recipe(out: str = "runs/mini_know") -> TrainConfig:
    """Everything that decides the run; the vocabulary is that of `recipes/mini_names.py`."""
    model = NAMES["make_tokenizer"](Path(out) / "tokenizer")  # first: the stages before take what is there
    path = PATH["recipe"](out)
    return replace(
        path,
        model=model,
        data=DataConfig(
            tuple(Rendered(name, config, weight, FIRST_SEED) for name, config, weight in SOURCES),
            answers=path.data.answers,
        ),
        seed=7,
        steps=560,
        optim=OptimConfig(muon_lr=2e-3, adam_lr=1e-3, decay_share=0.97, warmup_steps=30),
    )
