"""From nothing to F1 in three minutes on two cores: a toy that learns five emoji.

    locany train recipes/smoke.py [out=runs/smoke]

Renders, trains both streams from scratch with the auxiliary losses, and measures fast, hybrid and slow on
images that training has not seen. `make train-smoke` runs it and fails below an F1 that no guess can reach.
"""

from __future__ import annotations

import json
from pathlib import Path

from locany.codec.prompts import SYSTEM_TEXT, WORDING
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.model.config import LocateConfig, TextConfig, VisionConfig
from locany.synth.icons import IconsConfig
from locany.tasks import TaskKind
from locany.train.config import EvaluationConfig, LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig, Rendered
from locany.train.vocabulary import id_fields, train_bpe, vocabulary_files
from locany.weights import load_config

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


def make_tokenizer(folder: Path) -> LocateConfig:
    """Write vocabulary, config and preprocessing of the toy; a folder that has them is left alone."""
    if (folder / "config.json").is_file():
        return load_config(folder)
    prompts = [wording.format("") for wording in WORDING.values()]
    texts = [*prompts, "<image 1>", SYSTEM_TEXT, "system\n", "user\n", "assistant\n", "None", "none", *NAMES]
    base, merges = train_bpe([text for text in texts for _ in range(20)], 400)
    files, added = vocabulary_files(base, merges)
    ids = id_fields(base, added)
    config = LocateConfig(
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
            block_size=6,
            causal_attn=False,
        ),
        image_token_id=ids.image_token,
    )
    files["config.json"] = json.dumps(config.to_json(ids.to_config()), indent=2) + "\n"
    fields = {
        "image_processor_type": "LocateAnythingImageProcessor",
        "patch_size": 14,
        "merge_kernel_size": [2, 2],
        "in_token_limit": 64,
    }
    files["preprocessor_config.json"] = json.dumps(fields, indent=2) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return config


def recipe(out: str = "runs/smoke") -> TrainConfig:
    """Everything that decides the run."""
    tokenizer = Path(out) / "tokenizer"
    return TrainConfig(
        model=make_tokenizer(tokenizer),
        tokenizer=str(tokenizer),
        out=out,
        data=DataConfig((Rendered("icons", ICONS),)),
        evaluation=EvaluationConfig((Rendered("icons", ICONS, first_seed=0),), num_samples=60),
        stream=StreamConfig(PackConfig(384, buffer_size=16), num_lanes=2),
        rows=16,
        steps=400,
        dense_steps=100,
        save_every=200,
        log_every=25,
        optim=OptimConfig(decay_share=0.4, warmup_steps=40),
        loss=LossConfig(deep_layers=1, guided_layer=2, sigma_start=25.0, sigma_end=8.0, sigma_steps=240),
    )
