"""Sixth stage of locany-mini: one mistake is not to be followed by more of its kind.

    torchrun --nproc-per-node 2 -m locany train recipes/mini_slips.py out=runs/mini_slips compile=true
        begin=runs/mini_path/model begin_heads=runs/mini_path/heads.safetensors

After the fifth stage most of the wrong boxes among icons lay exactly on another thing, and seven in ten of
those came behind an earlier wrong one: in training every box before the next had been right, so what was
boxed last told what was asked for. Half of the labels now come with wrong boxes that are seen and not learnt
(`data/slips.py`), and icons come in more than twice as many drawings.
"""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from locany.synth.icons import IconsConfig
from locany.synth.icons.config import MORE_EMOJI_SETS, MORE_MONO_SETS
from locany.train.config import OptimConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.sources import Rendered

FIRST_SEED = 60_000_000  # beyond those of the stages before
PATH = runpy.run_path(str(Path(__file__).with_name("mini_path.py")))
MORE = PATH["MORE"]
WIDE = MORE["WIDE"]

ICON_SETS = (*MORE["ICONS"].icon_sets, *MORE_EMOJI_SETS, *MORE_MONO_SETS)
ICONS = replace(MORE["ICONS"], icon_sets=ICON_SETS)
CROWDS = IconsConfig.rich(
    icon_sets=ICON_SETS,
    side=(308, 448),
    num_patches=(400, 784),
    min_objects=24,
    max_objects=50,
    max_kinds=24,
    sprite_side=(20, 72),
    two_sizes=0.0,
    word_share=0.0,
    grid_share=0.7,
    max_overlap=0.06,
    num_questions=5,
)
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


def recipe(out: str = "runs/mini_slips") -> TrainConfig:
    """Everything that decides the run; the vocabulary is that of `recipes/mini.py`."""
    path = PATH["recipe"](out)
    return replace(
        path,
        data=DataConfig(
            tuple(Rendered(name, config, weight, FIRST_SEED) for name, config, weight in SOURCES),
            answers=replace(path.data.answers, slip_rate=0.5),
        ),
        seed=7,
        steps=1100,
        optim=OptimConfig(muon_lr=2e-3, adam_lr=1e-3, decay_share=0.97, warmup_steps=40),
    )
