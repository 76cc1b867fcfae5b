"""First stage of locany-mini: the encoder learns to read and to name, from the dense truth alone.

    locany train recipes/mini_read.py [out=runs/mini_read] [begin=bundled]

Small images with small letters and no questions: two rows of about five images a step, since small steps
learn far more per image here (docs/log.md). `recipes/mini.py` goes on from `out/model` and
`out/heads.safetensors`.
"""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from locany.data.answers import AnswerConfig
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.synth.documents import DocumentsConfig
from locany.synth.gui import GuiConfig
from locany.synth.scene_text import SceneTextConfig
from locany.train.config import LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.sources import Rendered

MINI = runpy.run_path(str(Path(__file__).with_name("mini.py")))
STEPS = 6000

SCENE_TEXT = SceneTextConfig(
    scripts=MINI["LATIN"],
    languages=("en",),
    side=(196, 364),
    num_patches=(196, 324),
    num_words=(3, 20),
    text_height=(8, 28),
    rotation=8,
    perspective=15,
    bend_rate=0.03,
    degrade=0.5,
    blank_rate=0,
    num_questions=1,
)
DOCUMENTS = DocumentsConfig(
    languages=MINI["ENGLISH"],
    side=(280, 420),
    density=(0.0, 0.1),
    scan_rate=0.2,
    scan_strength=(0.1, 0.5),
    num_questions=1,
    text_unit="line",
    max_text=10,
)
_VIEWPORTS = ((336, 280), (280, 336), (308, 308), (420, 252), (252, 420))
GUI = GuiConfig(
    viewports=tuple((size, 1.0) for size in _VIEWPORTS),
    scales=((1.0, 1.0),),
    languages=MINI["ENGLISH"],
    max_questions=1,
)
ICONS = replace(MINI["ICONS"], side=(168, 308), num_patches=(196, 324), num_questions=1)
EMOJI = replace(MINI["EMOJI"], num_questions=1)


def recipe(out: str = "runs/mini_read") -> TrainConfig:
    """Everything that decides the run."""
    tokenizer = Path(out) / "tokenizer"
    return TrainConfig(
        model=MINI["make_tokenizer"](tokenizer),
        tokenizer=str(tokenizer),
        out=out,
        data=DataConfig(
            (
                Rendered("scene_text", SCENE_TEXT, 0.42),
                Rendered("icons", ICONS, 0.18),
                Rendered("gui", GUI, 0.16),
                Rendered("documents", DOCUMENTS, 0.12),
                Rendered("icons", EMOJI, 0.12),
            ),
            answers=AnswerConfig(max_targets=12),
        ),
        stream=StreamConfig(PackConfig(1024, buffer_size=8), num_lanes=4),
        rows=2,
        steps=STEPS,
        dense_steps=STEPS - 1,
        optim=OptimConfig(muon_lr=5e-3, adam_lr=2e-3, decay_share=0.001, warmup_steps=30),
        loss=LossConfig(sigma_start=5.0, sigma_end=5.0),
    )
