"""A model small enough for any test: the published layout with toy sizes and random weights.

Token ids and vocabulary size are those of the toy vocabulary described in `TINY_TOKEN_IDS`, so that the same
model can be driven by `codec` with a tokenizer of that layout.
"""

from __future__ import annotations

from typing import Any

import torch

from locany.model import LocateConfig, LocateModel, TextConfig, VisionConfig

# 520 byte-level tokens, 22 added tokens of Qwen2.5, then the grounding tokens in the published order.
TINY_VOCAB_SIZE = 1558
TINY_IMAGE_TOKEN_ID = 542
TINY_TOKEN_IDS: dict[str, int] = {
    "box_start_token_id": 545,
    "box_end_token_id": 546,
    "ref_start_token_id": 549,
    "ref_end_token_id": 550,
    "coord_start_token_id": 554,
    "coord_end_token_id": 1554,
    "none_token_id": 269,
    "text_mask_token_id": 553,
    "null_token_id": 1555,
    "switch_token_id": 1556,
    "bos_token_id": 520,
    "eos_token_id": 522,
}


def tiny_config(*, dtype: str = "float32", **text: Any) -> LocateConfig:
    """About 0.2 M parameters. Keyword arguments replace fields of the text config."""
    text_fields: dict[str, Any] = {
        "vocab_size": TINY_VOCAB_SIZE,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_layers": 2,
        "num_heads": 4,
        "num_kv_heads": 2,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1e6,
        "max_positions": 4096,
        "block_size": 6,
        "causal_attn": False,
    }
    return LocateConfig(
        vision=VisionConfig(
            hidden_size=32,
            intermediate_size=48,
            num_layers=2,
            num_heads=2,
            patch_size=14,
            merge_size=2,
            position_table_hw=(8, 8),
        ),
        text=TextConfig(**(text_fields | text)),
        image_token_id=TINY_IMAGE_TOKEN_ID,
        dtype=dtype,
    )


def tiny_model(
    seed: int = 0,
    *,
    config: LocateConfig | None = None,
    dtype: torch.dtype = torch.float32,
    std: float = 0.02,
) -> LocateModel:
    """A model in eval mode whose every tensor is random: normal(0, std), norm scales around 1.

    The same seed gives the same float32 values for every `dtype` before rounding; the global random state
    is left alone.
    """
    with torch.device("meta"):
        model = LocateModel(config or tiny_config())
    model = model.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            mean = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.normal_(mean, std, generator=generator)
    return model.to(dtype).requires_grad_(False).eval()
