"""Third stage of locany-mini: the same tasks on far more kinds of pages, pictures and signs.

    torchrun --nproc-per-node 2 -m locany train recipes/mini_wide.py out=runs/mini_wide compile=true
        begin=runs/mini/model begin_heads=runs/mini/heads.safetensors

After `recipes/mini.py` the model read the pages of the templates that it had learnt from, and half as well
those of others: it had learnt where things stand on them. Here four in ten screens and half of the pages are
no template at all, and half of the screens carry words that say nothing about where to look (docs/log.md).
"""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from locany.data.answers import AnswerConfig
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.synth.gui.words import LANGUAGES
from locany.train.config import LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.sources import Rendered

FIRST_SEED = 20_000_000  # beyond those of the stages before
MINI = runpy.run_path(str(Path(__file__).with_name("mini.py")))
_EUROPEAN = ("de", "fr", "es", "pt")
_SCREENS = (("en", 0.8), *((name, 0.03 if name in _EUROPEAN else 0.016) for name in LANGUAGES[1:]))
_PAGES = (("en", 0.76), ("de", 0.05), ("fr", 0.05), ("es", 0.05), ("ru", 0.03), ("zh", 0.03), ("ja", 0.03))

EMOJI = replace(MINI["EMOJI"], sprite_side=(24, 190), num_patches=(140, 400), side=(140, 420))
ICONS = replace(
    MINI["ICONS"],
    side=(196, 476),
    num_patches=(196, 900),
    max_objects=13,
    sprite_side=(20, 120),
    max_categories=6,
)
SIGNS = replace(
    MINI["SCENE_TEXT"],
    languages=(),
    side=(224, 532),
    num_patches=(300, 960),
    num_words=(1, 40),
    text_height=(7, 60),
)
DOCUMENTS = replace(
    MINI["DOCUMENTS"],
    languages=_PAGES,
    side=(336, 540),
    density=(0.0, 0.7),
    scan_rate=0.4,
    mixed_rate=0.5,
)
GUI = replace(
    MINI["GUI"],
    languages=_SCREENS,
    mixed_rate=0.4,
    random_words_rate=0.55,
    free_look_rate=0.5,
    negative_rate=0.08,
)
# (engine, what it draws, share of the samples)
SOURCES = (
    ("icons", EMOJI, 0.10),
    ("icons", ICONS, 0.26),
    ("scene_text", MINI["SCENE_TEXT"], 0.08),
    ("scene_text", SIGNS, 0.12),
    ("documents", DOCUMENTS, 0.17),
    ("gui", GUI, 0.27),
)


def recipe(out: str = "runs/mini_wide") -> TrainConfig:
    """Everything that decides the run; the vocabulary is that of `recipes/mini.py`."""
    tokenizer = Path(out) / "tokenizer"
    return TrainConfig(
        model=MINI["make_tokenizer"](tokenizer),
        tokenizer=str(tokenizer),
        out=out,
        data=DataConfig(
            tuple(Rendered(name, config, weight, FIRST_SEED) for name, config, weight in SOURCES),
            answers=AnswerConfig(max_targets=24),
        ),
        stream=StreamConfig(PackConfig(1024, buffer_size=12), num_lanes=4),
        rows=10,
        seed=1,
        steps=1400,
        dense_steps=0,
        optim=OptimConfig(muon_lr=2.5e-3, adam_lr=1.2e-3, decay_share=0.95, warmup_steps=60),
        loss=LossConfig(sigma_start=4.0, sigma_end=3.0, sigma_steps=1400),
    )
