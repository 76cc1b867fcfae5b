"""Ninth stage of locany-mini: whole pages of text, which were asked for too seldom.

    torchrun --nproc-per-node 2 -m locany train recipes/mini_text.py out=runs/mini_text compile=true
        begin=runs/mini_long/model begin_heads=runs/mini_long/heads.safetensors

Of the pages before one in four asked for all of its text, of the screens one in thirty, and an answer of more
than 15 lines did not fit into a pack of 1,024: so signs with eight words taught what "all text" is.
"""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from locany.data.answers import AnswerConfig
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.synth.documents.config import DEFAULT_WEIGHTS
from locany.tasks import TaskKind
from locany.train.config import OptimConfig, TrainConfig
from locany.train.sources import Rendered

FIRST_SEED = 110_000_000  # beyond those of the stages before
LONG = runpy.run_path(str(Path(__file__).with_name("mini_long.py")))
KNOW = LONG["KNOW"]
MORE, WIDE, ICONS, CROWDS = (KNOW[name] for name in ("MORE", "WIDE", "ICONS", "CROWDS"))

SIGNS = replace(MORE["SIGNS"], num_words=(1, 60))
DOCUMENTS = replace(
    MORE["DOCUMENTS"],
    max_text=45,
    weights=tuple((kind, 0.3 if kind is TaskKind.TEXT else share) for kind, share in DEFAULT_WEIGHTS),
)
GUI = replace(MORE["GUI"], text_rate=1.0)
LARGER_GUI = replace(MORE["LARGER_GUI"], text_rate=1.0)
# (engine, what it draws, share of the samples)
SOURCES = (
    ("icons", WIDE["EMOJI"], 0.06),
    ("icons", ICONS, 0.22),
    ("icons", CROWDS, 0.04),
    ("scene_text", WIDE["MINI"]["SCENE_TEXT"], 0.05),
    ("scene_text", SIGNS, 0.12),
    ("documents", DOCUMENTS, 0.22),
    ("gui", GUI, 0.23),
    ("gui", LARGER_GUI, 0.06),
)


def recipe(out: str = "runs/mini_text") -> TrainConfig:
    """Everything that decides the run; the vocabulary is that of `recipes/mini_names.py`."""
    long: TrainConfig = LONG["recipe"](out)
    return replace(
        long,
        data=replace(
            long.data,
            sources=tuple(Rendered(name, config, share, FIRST_SEED) for name, config, share in SOURCES),
            answers=AnswerConfig(max_targets=45),
        ),
        stream=StreamConfig(PackConfig(1536, buffer_size=12), num_lanes=4),
        rows=6,
        seed=9,
        steps=2300,
        optim=OptimConfig(muon_lr=1.6e-3, adam_lr=8e-4, decay_share=0.97, warmup_steps=30),
    )
