"""From nothing to F1 in three minutes on two cores: a toy that learns five emoji.

    locany train recipes/smoke.py [out=runs/smoke]

Renders, trains both streams from scratch with the auxiliary losses, and measures fast, hybrid and slow on
images that training has not seen. `make train-smoke` runs it and fails below an F1 that no guess can reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from locany.codec.prompts import SYSTEM_TEXT, WORDING
from locany.codec.vocab import Vocab
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.model.config import LocateConfig, TextConfig, VisionConfig
from locany.synth.icons import IconsConfig
from locany.tasks import TaskKind
from locany.train.config import EvaluationConfig, LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.sources import Rendered
from locany.train.vocabulary import make_vocabulary

NAMES = ("sun", "apple", "cat", "key", "rocket")
ICONS = IconsConfig(
    names=NAMES,
    side=(112, 112),
    num_patches=(64, 64),
    max_objects=2,
    max_kinds=2,
    sprite_side=(36, 64),
    max_words=0,
    busy=0.2,
    num_questions=3,
    max_categories=2,
    weights=((TaskKind.DETECT, 0.7), (TaskKind.POINT, 0.3)),
)


def texts(names: Sequence[str] = NAMES) -> list[str]:
    """What the vocabulary is made from."""
    prompts = [wording.format("") for wording in WORDING.values()]
    fixed = [*prompts, "<image 1>", SYSTEM_TEXT, "system\n", "user\n", "assistant\n", "None", "none"]
    return [text for text in (*fixed, *names) for _ in range(20)]


def shape(ids: Vocab) -> LocateConfig:
    """The toy."""
    return LocateConfig(
        vision=VisionConfig(
            hidden_size=96,
            intermediate_size=256,
            num_layers=4,
            num_heads=2,
            patch_size=14,
            merge_size=2,
            position_table_hw=(8, 8),
        ),
        text=TextConfig(
            vocab_size=ids.size,
            hidden_size=128,
            intermediate_size=256,
            num_layers=4,
            num_heads=2,
            num_kv_heads=1,
            rms_norm_eps=1e-6,
            rope_theta=10000.0,
            max_positions=1024,
            block_size=ids.block_size,
            causal_attn=False,
        ),
        image_token_id=ids.image_token,
    )


def recipe(out: str = "runs/smoke") -> TrainConfig:
    """Everything that decides the run."""
    tokenizer = Path(out) / "tokenizer"
    return TrainConfig(
        model=make_vocabulary(tokenizer, texts, 400, shape, max_patches=64),
        tokenizer=str(tokenizer),
        out=out,
        data=DataConfig((Rendered("icons", ICONS),)),
        evaluation=EvaluationConfig((Rendered("icons", ICONS, first_seed=0),), num_samples=60),
        stream=StreamConfig(PackConfig(384, buffer_size=16), num_lanes=2),
        rows=16,
        steps=320,
        dense_steps=80,
        save_every=160,
        log_every=25,
        optim=OptimConfig(decay_share=0.4, warmup_steps=40),
        loss=LossConfig(deep_layers=1, guided_layer=2, sigma_start=25.0, sigma_end=8.0, sigma_steps=200),
    )
