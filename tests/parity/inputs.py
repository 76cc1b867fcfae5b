"""What the stages share: the toy checkpoint, images from files, chat messages to one text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from locany.codec import Tokenizer
from locany.codec.prompts import render_chat
from locany.image import PreprocessConfig, load_image, preprocess
from locany.model import LocateModel
from locany.weights import load_model

CHECKPOINT = "tiny-checkpoint"


@dataclass(frozen=True)
class Checkpoint:
    """The model that the recorded numbers belong to, in float32 on the CPU."""

    model: LocateModel
    tokenizer: Tokenizer
    preprocess: PreprocessConfig


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read the checkpoint of a golden folder."""
    path = Path(folder) / CHECKPOINT
    fields = json.loads((path / "preprocessor_config.json").read_text(encoding="utf-8"))
    return Checkpoint(
        model=load_model(path, device="cpu", dtype=torch.float32),
        tokenizer=Tokenizer.from_folder(path),
        preprocess=PreprocessConfig.from_json(fields),
    )


@dataclass(frozen=True)
class Images:
    """Some images one after the other, as the encoder takes them; `num_tokens` visual tokens each."""

    pixel_values: Tensor
    grids: list[tuple[int, int]]
    num_tokens: list[int]


def read_images(paths: Sequence[Path], config: PreprocessConfig) -> Images:
    """Load and preprocess by the published rules."""
    patches = [preprocess(load_image(path, parity=True), config) for path in paths]
    side = config.patch_size
    pixels = [p.pixel_values for p in patches] or [np.zeros((0, 3, side, side), np.float32)]
    return Images(
        pixel_values=torch.from_numpy(np.concatenate(pixels)),
        grids=[p.grid_hw for p in patches],
        num_tokens=[p.num_visual_tokens for p in patches],
    )


def message_images(messages: Sequence[dict[str, Any]]) -> list[str]:
    """File names of the image items of chat messages, in order."""
    return [
        item["image"]
        for message in messages
        if not isinstance(message["content"], str)
        for item in message["content"]
        if item["type"] == "image"
    ]


def render_messages(messages: Sequence[dict[str, Any]]) -> str:
    """Chat messages to the published prompt text, placeholders in place (spec `locateanything` 2.3 a).

    Items of a message are emitted in order; the k-th image emits `<image-k>` unless some user already wrote
    exactly that.
    """
    user_text = "".join(_text(m["content"]) for m in messages if m["role"] == "user")
    turns, number = [], 0
    for message in messages:
        content, parts = message["content"], []
        for item in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if item["type"] == "image":
                number += 1
                placeholder = f"<image-{number}>"
                parts.append("" if placeholder in user_text else placeholder)
            else:
                parts.append(item["text"])
        turns.append((message["role"], "".join(parts)))
    return render_chat(turns, answer_follows=True)


def _text(content: str | list[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "".join(item["text"] for item in content if item["type"] == "text")
