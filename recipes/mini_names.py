"""Sixth stage of locany-mini: what things are called.

    torchrun --nproc-per-node 2 -m locany train recipes/mini_names.py out=runs/mini_names compile=true
        begin=runs/mini_path/model begin_heads=runs/mini_path/heads.safetensors

After the fifth stage most of the wrong boxes among icons lay exactly on another thing. A visual token told
one of 718 names right in a quarter of the cases, and one in seven names was unclear to the decoder itself,
being written in pieces ("t", "u", "lip"). An image of the stages with questions shows some seven pictures;
here it is thirty, in more than twice as many drawings, no question is asked, and only the encoder learns.
Words that things are called by become tokens of their own, and the decoder's keys get as many heads as its
queries.
"""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from locany.codec.vocab import Vocab
from locany.data.answers import AnswerConfig
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.model.config import LocateConfig
from locany.synth.icons import IconsConfig
from locany.synth.icons.catalogue import catalogue
from locany.synth.icons.config import MORE_EMOJI_SETS, MORE_MONO_SETS
from locany.train.config import LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.sources import Rendered
from locany.train.vocabulary import make_vocabulary

FIRST_SEED = 60_000_000  # beyond those of the stages before
STEPS = 620
NUM_TOKENS = 3700  # of the vocabulary, without the added ones
PATH = runpy.run_path(str(Path(__file__).with_name("mini_path.py")))
MORE = PATH["MORE"]
WIDE = MORE["WIDE"]
MINI = WIDE["MINI"]

ICON_SETS = (*MORE["ICONS"].icon_sets, *MORE_EMOJI_SETS, *MORE_MONO_SETS)
CROWDS = IconsConfig.rich(
    icon_sets=ICON_SETS,
    side=(196, 364),
    num_patches=(256, 530),
    min_objects=24,
    max_objects=50,
    max_kinds=50,
    max_colors=8,
    sprite_side=(20, 72),
    two_sizes=0.0,
    word_share=0.0,
    grid_share=0.7,
    max_overlap=0.06,
    num_questions=1,
    families=(("emoji", 0.36), ("icons", 0.4), ("mixed", 0.24)),
)
# (engine, what it draws, share of the samples)
SOURCES = (
    ("icons", CROWDS, 0.6),
    ("icons", replace(WIDE["EMOJI"], num_questions=1), 0.05),
    ("scene_text", replace(MORE["SIGNS"], side=(224, 420), num_patches=(256, 576), num_questions=1), 0.17),
    ("documents", replace(MORE["DOCUMENTS"], side=(308, 448), num_questions=1), 0.1),
    ("gui", replace(MORE["GUI"], max_questions=1), 0.08),
)


def corpus() -> Iterator[str]:
    """What the vocabulary is made from: texts of the stages before, and names."""
    yield from MINI["corpus"]()
    yield from whole_names()


def whole_names() -> Iterator[str]:
    """What things are called, often enough to stay whole."""
    for concept in catalogue(ICON_SETS).concepts.values():
        for phrase in sorted(concept.phrases):
            yield from [phrase, " " + phrase] * (60 if phrase == concept.name else 15)


def shape(ids: Vocab) -> LocateConfig:
    """The model: keys and values have as many heads as queries."""
    config: LocateConfig = MINI["shape"](ids)
    return replace(config, text=replace(config.text, num_kv_heads=config.text.num_heads))


def make_tokenizer(folder: Path) -> LocateConfig:
    """Write the vocabulary and preprocessing files where they are missing, and give the model that fits."""
    return make_vocabulary(folder, corpus, NUM_TOKENS, shape, (MINI["SIDE"] // 14) ** 2)


def recipe(out: str = "runs/mini_names") -> TrainConfig:
    """Everything that decides the run; vocabulary and config are written into its folder."""
    tokenizer = Path(out) / "tokenizer"
    return TrainConfig(
        model=make_tokenizer(tokenizer),
        tokenizer=str(tokenizer),
        out=out,
        data=DataConfig(
            tuple(Rendered(name, config, weight, FIRST_SEED) for name, config, weight in SOURCES),
            answers=AnswerConfig(max_targets=12),
        ),
        stream=StreamConfig(PackConfig(1024, buffer_size=8), num_lanes=4),
        rows=4,
        seed=5,
        steps=STEPS,
        dense_steps=STEPS - 1,
        optim=OptimConfig(muon_lr=1.8e-3, adam_lr=9e-4, decay_share=0.97, warmup_steps=30),
        loss=LossConfig(
            dense_name=2.0, dense_characters=1.5, sigma_start=2.5, sigma_end=2.5, sigma_steps=STEPS
        ),
    )
