"""locany-mini, first version: icons and words from `synth/`, from scratch.

    locany train recipes/mini.py [out=runs/mini] [minutes=60] [device=cuda] [compile=true]

Write the checkpoint with `scripts/export_run.py`. The bundled weights came out of one
run during which this recipe grew (docs/log.md); what it says now is what that run ended with, not yet a run
of its own from the first step.
"""

from __future__ import annotations

import json
from pathlib import Path

from locany.codec.prompts import SYSTEM_TEXT, WORDING
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.image import PreprocessConfig
from locany.model.config import LocateConfig, TextConfig, VisionConfig
from locany.synth import assets
from locany.train.config import TrainConfig
from locany.train.data import DataConfig, Rendered
from locany.train.vocabulary import id_fields, train_bpe, vocabulary_files
from locany.weights import load_config


def names() -> list[str]:
    """Every label that the renderer can put into an image."""
    return sorted({*assets.sprite_names(), *assets.words()})


def corpus() -> list[str]:
    """What the vocabulary is made from: our prompts and names, each with and without a leading blank."""
    prompts = [wording.format("") for wording in WORDING.values()]
    fixed = [*prompts, "<image 1>", SYSTEM_TEXT, "system\n", "user\n", "assistant\n", "None", "none"]
    return [text for text in fixed for _ in range(50)] + [
        variant
        for name in names()
        for variant in (name, " " + name, name.title(), name.upper())
        for _ in range(20)
    ]


def make_tokenizer(folder: Path) -> LocateConfig:
    """Write the vocabulary and preprocessing files, and give the model that fits them.

    A folder that has them is left alone: a run goes on with the ids that it began with.
    """
    if (folder / "config.json").is_file():
        return load_config(folder)
    base, merges = train_bpe(corpus(), 1600)
    files, added = vocabulary_files(base, merges)
    ids = id_fields(base, added)
    config = LocateConfig(
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
    files["config.json"] = json.dumps(config.to_json(ids.to_config()), indent=2) + "\n"
    files["preprocessor_config.json"] = json.dumps(preprocess_fields(), indent=2) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return config


def preprocess_fields() -> dict:
    """`preprocessor_config.json`: images are shrunk to about 224 x 224, what the model was trained on."""
    config = PreprocessConfig(in_token_limit=256)
    return {
        "image_processor_type": "LocateAnythingImageProcessor",
        "patch_size": config.patch_size,
        "merge_kernel_size": [config.merge_size, config.merge_size],
        "in_token_limit": config.in_token_limit,
        "image_mean": list(config.mean),
        "image_std": list(config.std),
    }


def recipe(out: str = "runs/mini") -> TrainConfig:
    """Everything that decides the run; tokenizer and config are written into its folder."""
    tokenizer = Path(out) / "tokenizer"
    return TrainConfig(
        model=make_tokenizer(tokenizer),
        tokenizer=str(tokenizer),
        out=out,
        data=DataConfig((Rendered("icons"),), curriculum=64_000, easiest=0.2),
        # About one sample a pack: on the CPU a mask over a longer row costs more than its padding saves.
        stream=StreamConfig(PackConfig(budget=768, buffer_size=1), num_lanes=4),
        rows=32,
        steps=3120,
    )
