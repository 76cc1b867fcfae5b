"""locany-mini: icons, scene text, documents and screens in one small model.

    make mini            all stages, on the CPU
    torchrun --nproc-per-node 2 -m locany train recipes/mini.py out=runs/mini compile=true
        begin=runs/mini_read/model begin_heads=runs/mini_read/heads.safetensors

The second stage: questions and answers, after `recipes/mini_read.py` has taught the encoder to read. The run
folder gets the vocabulary, made from what the render engines say, and at the end the checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from locany.codec.prompts import SYSTEM_TEXT, WORDING
from locany.codec.vocab import Vocab
from locany.data.answers import AnswerConfig
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.model.config import LocateConfig, TextConfig, VisionConfig
from locany.synth import assets
from locany.synth.documents import DocumentsConfig
from locany.synth.gui import GuiConfig
from locany.synth.icons import IconsConfig
from locany.synth.scene_text import SceneTextConfig
from locany.train.config import LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.sources import TRAIN_SEEDS, Rendered
from locany.train.vocabulary import make_vocabulary, rendered_texts

SIDE = 448  # pixels: an image of the area of SIDE x SIDE is seen as it is, a larger one is shrunk to it
VIEWPORTS = ((448, 448), (364, 532), (532, 364), (392, 504), (504, 392), (336, 588), (588, 336))
ENGLISH = (("en", 1.0),)
LATIN = (("latin", 1.0),)
NUM_TOKENS = 3000  # of the vocabulary, without the added ones

ICONS = IconsConfig.rich(
    side=(168, 336),
    num_patches=(196, 400),
    max_objects=9,
    sprite_side=(22, 96),
    forms=(
        ("name", 0.4),
        ("color", 0.26),
        ("size", 0.1),
        ("place", 0.1),
        ("order", 0.06),
        ("relation", 0.08),
    ),
    max_categories=4,
)
EMOJI = IconsConfig(num_questions=5)
SCENE_TEXT = SceneTextConfig(
    scripts=LATIN,
    languages=("en",),
    side=(196, 420),
    num_patches=(196, 625),
    num_words=(1, 20),
    text_height=(8, 56),
)
DOCUMENTS = DocumentsConfig(
    languages=ENGLISH,
    side=(308, 476),
    density=(0.0, 0.3),
    scan_rate=0.3,
    num_questions=10,
    max_text=24,
    text_unit="line",
)
GUI = GuiConfig(
    viewports=tuple((size, 1.0) for size in VIEWPORTS),
    scales=((1.0, 1.0),),
    languages=ENGLISH,
    max_questions=14,
)
# (engine, what it draws, share of the samples, samples that the vocabulary is made from)
SOURCES = (
    ("icons", EMOJI, 0.14, 0),
    ("icons", ICONS, 0.26, 1500),
    ("scene_text", SCENE_TEXT, 0.24, 500),
    ("documents", DOCUMENTS, 0.12, 120),
    ("gui", GUI, 0.24, 250),
)


def corpus(sources: Sequence[tuple[str, object, float, int]] = SOURCES) -> Iterator[str]:
    """What the vocabulary is made from: our prompts, and what the engines ask for and write."""
    prompts = [wording.format("") for wording in WORDING.values()]
    fixed = [*prompts, "<image 1>", SYSTEM_TEXT, "system\n", "user\n", "assistant\n", "None", "none"]
    for text in fixed:
        yield from [text] * 200
    for name in (*assets.sprite_names(), *assets.words()):
        yield from [name, " " + name] * 3
    for name, config, _, count in sources:
        if count:
            yield from rendered_texts(name, config, range(TRAIN_SEEDS, TRAIN_SEEDS + count))


def shape(ids: Vocab) -> LocateConfig:
    """The model, 7.7 M parameters."""
    return LocateConfig(
        vision=VisionConfig(
            hidden_size=192,
            intermediate_size=768,
            num_layers=7,
            num_heads=3,
            patch_size=14,
            merge_size=2,
            position_table_hw=(32, 32),
        ),
        text=TextConfig(
            vocab_size=ids.size,
            hidden_size=256,
            intermediate_size=512,
            num_layers=5,
            num_heads=4,
            num_kv_heads=2,
            rms_norm_eps=1e-6,
            rope_theta=10000.0,
            max_positions=4096,
            block_size=6,
            causal_attn=False,
        ),
        image_token_id=ids.image_token,
    )


def make_tokenizer(folder: Path) -> LocateConfig:
    """Write the vocabulary and preprocessing files where they are missing, and give the model that fits."""
    return make_vocabulary(folder, corpus, NUM_TOKENS, shape, (SIDE // 14) ** 2)


def recipe(out: str = "runs/mini") -> TrainConfig:
    """Everything that decides the run; tokenizer and config are written into its folder."""
    tokenizer = Path(out) / "tokenizer"
    return TrainConfig(
        model=make_tokenizer(tokenizer),
        tokenizer=str(tokenizer),
        out=out,
        data=DataConfig(
            tuple(Rendered(name, config, weight) for name, config, weight, _ in SOURCES),
            answers=AnswerConfig(max_targets=20),
            curriculum=12_000,
            easiest=0.3,
        ),
        stream=StreamConfig(PackConfig(1024, buffer_size=12), num_lanes=4),
        rows=10,
        steps=2050,
        dense_steps=0,
        optim=OptimConfig(muon_lr=3e-3, adam_lr=1.5e-3, decay_share=0.56, warmup_steps=60),
        loss=LossConfig(sigma_start=6.0, sigma_end=4.0, sigma_steps=1500),
    )
