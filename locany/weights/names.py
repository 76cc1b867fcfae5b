"""The published tensor names and ours: one table, read in both directions (spec `locateanything` 1.3)."""

from __future__ import annotations

import re

import torch

from locany.errors import CheckpointConfigError, CheckpointTensorError
from locany.model import LocateConfig, LocateModel

# The output head is stored in the release although it is tied to the embedding, which wins (spec 1.4).
HEAD_NAME = "language_model.lm_head.weight"
EMBEDDING_NAME = "language_model.model.embed_tokens.weight"

# (published, ours); # is a layer number, * is weight or bias.
_TABLE = (
    ("language_model.model.embed_tokens.*", "decoder.embed.*"),
    ("language_model.model.layers.#.input_layernorm.*", "decoder.layers.#.attn_norm.*"),
    ("language_model.model.layers.#.self_attn.q_proj.*", "decoder.layers.#.q.*"),
    ("language_model.model.layers.#.self_attn.k_proj.*", "decoder.layers.#.k.*"),
    ("language_model.model.layers.#.self_attn.v_proj.*", "decoder.layers.#.v.*"),
    ("language_model.model.layers.#.self_attn.o_proj.*", "decoder.layers.#.attn_out.*"),
    ("language_model.model.layers.#.post_attention_layernorm.*", "decoder.layers.#.mlp_norm.*"),
    ("language_model.model.layers.#.mlp.gate_proj.*", "decoder.layers.#.mlp.gate.*"),
    ("language_model.model.layers.#.mlp.up_proj.*", "decoder.layers.#.mlp.up.*"),
    ("language_model.model.layers.#.mlp.down_proj.*", "decoder.layers.#.mlp.down.*"),
    ("language_model.model.norm.*", "decoder.norm.*"),
    ("mlp1.0.*", "projector.norm.*"),
    ("mlp1.1.*", "projector.lift.*"),  # mlp1.2 is the activation
    ("mlp1.3.*", "projector.out.*"),
    ("vision_model.patch_embed.proj.*", "vision.patch_embed.*"),
    ("vision_model.patch_embed.pos_emb.weight", "vision.patch_embed.position_table"),
    ("vision_model.encoder.blocks.#.norm0.*", "vision.layers.#.attn_norm.*"),
    ("vision_model.encoder.blocks.#.wqkv.*", "vision.layers.#.qkv.*"),
    ("vision_model.encoder.blocks.#.wo.*", "vision.layers.#.attn_out.*"),
    ("vision_model.encoder.blocks.#.norm1.*", "vision.layers.#.mlp_norm.*"),
    ("vision_model.encoder.blocks.#.mlp.fc0.*", "vision.layers.#.mlp_in.*"),
    ("vision_model.encoder.blocks.#.mlp.fc1.*", "vision.layers.#.mlp_out.*"),
    ("vision_model.encoder.final_layernorm.*", "vision.final_norm.*"),
)

_Rules = list[tuple[re.Pattern[str], str]]


def _rules(rows: list[tuple[str, str]]) -> _Rules:
    """Patterns of the left names with templates of the right ones; the captures come in the same order."""

    def pattern(name: str) -> re.Pattern[str]:
        return re.compile(re.escape(name).replace(r"\#", r"(0|[1-9]\d*)").replace(r"\*", "(weight|bias)"))

    return [(pattern(left), right.replace("#", "{}").replace("*", "{}")) for left, right in rows]


_TO_OURS = _rules(list(_TABLE))
_TO_PUBLISHED = _rules([(ours, published) for published, ours in _TABLE])


def published_name(ours: str) -> str:
    """The published name of a tensor of `LocateModel.state_dict()`.

    Raises:
        CheckpointTensorError: the model has a tensor that the published layout has no name for.
    """
    found = _translate(ours, _TO_PUBLISHED)
    if found is None:
        raise CheckpointTensorError(
            f"the tensor '{ours}' has no name in the published layout; "
            "merge adapters and undo quantisation before saving"
        )
    return found


def our_name(published: str) -> str:
    """Our name of a published tensor; the tied head maps to the embedding.

    Raises:
        CheckpointTensorError: a name that the published layout does not have.
    """
    found = _translate(EMBEDDING_NAME if published == HEAD_NAME else published, _TO_OURS)
    if found is None:
        raise CheckpointTensorError(f"the tensor '{published}' is not one of a LocateAnything checkpoint")
    return found


def empty_model(config: LocateConfig) -> LocateModel:
    """The model on the meta device: shapes without memory.

    Raises:
        CheckpointConfigError: sizes so large that no such tensor can exist.
    """
    try:
        with torch.device("meta"):
            return LocateModel(config)
    except (RuntimeError, OverflowError) as error:
        raise CheckpointConfigError(f"no model can be built from the sizes in the config: {error}") from error


def expected_tensors(config: LocateConfig) -> dict[str, tuple[int, ...]]:
    """Published name to shape of every tensor of a full checkpoint, the tied head included (spec 1.3)."""
    shapes = {published_name(name): tuple(t.shape) for name, t in empty_model(config).state_dict().items()}
    return {**shapes, HEAD_NAME: shapes[EMBEDDING_NAME]}


def _translate(name: str, rules: _Rules) -> str | None:
    for pattern, template in rules:
        match = pattern.fullmatch(name)
        if match:
            return template.format(*match.groups())
    return None
