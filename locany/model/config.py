"""The shape of a model, read from the published `config.json` (spec `locateanything` 1.2).

Only what changes a tensor or a computation is here. Token ids belong to `codec/vocab.py`, except the
one id at which visual tokens are spliced in, which the model itself needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from locany.errors import CheckpointConfigError

MODEL_TYPE = "locateanything"


@dataclass(frozen=True)
class VisionConfig:
    """MoonViT. `position_table_hw` is the size of the learned table before interpolation."""

    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    patch_size: int
    merge_size: int
    position_table_hw: tuple[int, int]
    norm_eps: float = 1e-5  # the framework's default, not stored in the config (spec 4)
    rope_theta: float = 10000.0  # a constant of the published code, not stored in the config (spec 4.3)

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_heads

    @property
    def merged_size(self) -> int:
        """Width of one merged cell, the projector's input."""
        return self.hidden_size * self.merge_size**2


@dataclass(frozen=True)
class TextConfig:
    """Qwen2.5 decoder with the block window."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    rms_norm_eps: float
    rope_theta: float
    max_positions: int
    block_size: int
    causal_attn: bool  # whether a block's own slots see each other causally; false in the release

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_heads


def _rope_theta(text: _Fields, source: str) -> float:
    """The base of the rotation, where the release has it or where transformers 5 writes it."""
    newer = text.optional("rope_parameters", None)
    if not isinstance(newer, Mapping) or text.optional("rope_theta", None) is not None:
        return float(text.value("rope_theta", (int, float)))
    kind, theta = newer.get("rope_type", "default"), newer.get("rope_theta")
    if kind != "default" or isinstance(theta, bool) or not isinstance(theta, int | float):
        raise CheckpointConfigError(
            f"{source}: text_config.rope_parameters is {dict(newer)!r}; expected a rope_theta, "
            "and of types only 'default' is supported, as in the release"
        )
    return float(theta)


@dataclass(frozen=True)
class LocateConfig:
    """The whole model."""

    vision: VisionConfig
    text: TextConfig
    image_token_id: int
    dtype: str = "bfloat16"

    @classmethod
    def from_json(cls, raw: Mapping[str, Any], source: str = "config.json") -> LocateConfig:
        """Read the published field names.

        Raises:
            CheckpointConfigError: a wrong model type, a missing field, a value of the wrong kind, or
                sizes that cannot fit together; the message names `source` and the field.
        """
        model_type = raw.get("model_type")
        if model_type != MODEL_TYPE:
            raise CheckpointConfigError(
                f"{source}: model_type is {model_type!r}, expected {MODEL_TYPE!r}; "
                "give a LocateAnything checkpoint or one saved by locany"
            )
        fields = _Fields(raw, source)
        text, vision = fields.section("text_config"), fields.section("vision_config")
        merge = vision.value("merge_kernel_size", list)
        if len(merge) != 2 or merge[0] != merge[1]:
            raise CheckpointConfigError(
                f"{source}: vision_config.merge_kernel_size is {merge!r}, expected two equal integers"
            )
        if text.optional("rope_scaling", None) is not None:
            raise CheckpointConfigError(
                f"{source}: text_config.rope_scaling is {text.optional('rope_scaling', None)!r}; "
                "only null is supported, as in the release"
            )
        config = cls(
            vision=VisionConfig(
                hidden_size=vision.positive("hidden_size"),
                intermediate_size=vision.positive("intermediate_size"),
                num_layers=vision.positive("num_hidden_layers"),
                num_heads=vision.positive("num_attention_heads"),
                patch_size=vision.positive("patch_size"),
                merge_size=int(merge[0]),
                position_table_hw=(
                    vision.positive("init_pos_emb_height"),
                    vision.positive("init_pos_emb_width"),
                ),
            ),
            text=TextConfig(
                vocab_size=text.positive("vocab_size"),
                hidden_size=text.positive("hidden_size"),
                intermediate_size=text.positive("intermediate_size"),
                num_layers=text.positive("num_hidden_layers"),
                num_heads=text.positive("num_attention_heads"),
                num_kv_heads=text.positive("num_key_value_heads"),
                rms_norm_eps=float(text.value("rms_norm_eps", (int, float))),
                rope_theta=_rope_theta(text, source),
                max_positions=text.positive("max_position_embeddings"),
                block_size=text.positive("block_size"),
                causal_attn=bool(text.optional("causal_attn", False)),
            ),
            image_token_id=fields.value("image_token_index", int),
            dtype=str(raw.get("torch_dtype") or raw.get("dtype") or "bfloat16"),
        )
        config._check(source)
        return config

    def to_json(self, token_ids: Mapping[str, int | str]) -> dict[str, Any]:
        """The published field names; `token_ids` are the id fields that `codec` owns.

        `text_mask_token_id`, `null_token_id`, `switch_token_id`, `bos_token_id` and `eos_token_id` go into
        `text_config` as in the release, all others to the top level.
        """
        in_text = ("text_mask_token_id", "null_token_id", "switch_token_id", "bos_token_id", "eos_token_id")
        v, t = self.vision, self.text
        return {
            "architectures": ["LocateAnythingForConditionalGeneration"],
            "model_type": MODEL_TYPE,
            "image_token_index": self.image_token_id,
            "mlp_connector_layers": 2,
            "tie_word_embeddings": True,
            "torch_dtype": self.dtype,
            **{k: v for k, v in token_ids.items() if k not in in_text},
            "text_config": {
                "architectures": ["Qwen2ForCausalLM"],
                "model_type": "qwen2",
                "vocab_size": t.vocab_size,
                "hidden_size": t.hidden_size,
                "intermediate_size": t.intermediate_size,
                "num_hidden_layers": t.num_layers,
                "num_attention_heads": t.num_heads,
                "num_key_value_heads": t.num_kv_heads,
                "hidden_act": "silu",
                "rms_norm_eps": t.rms_norm_eps,
                "rope_theta": t.rope_theta,
                "rope_scaling": None,
                "max_position_embeddings": t.max_positions,
                "block_size": t.block_size,
                "causal_attn": t.causal_attn,
                "tie_word_embeddings": True,
                "torch_dtype": self.dtype,
                **{k: v for k, v in token_ids.items() if k in in_text},
            },
            "vision_config": {
                "model_type": "moonvit",
                "hidden_size": v.hidden_size,
                "intermediate_size": v.intermediate_size,
                "num_hidden_layers": v.num_layers,
                "num_attention_heads": v.num_heads,
                "patch_size": v.patch_size,
                "merge_kernel_size": [v.merge_size, v.merge_size],
                "init_pos_emb_height": v.position_table_hw[0],
                "init_pos_emb_width": v.position_table_hw[1],
                "torch_dtype": self.dtype,
            },
        }

    def with_dtype(self, dtype: str) -> LocateConfig:
        return replace(self, dtype=dtype)

    def _check(self, source: str) -> None:
        v, t = self.vision, self.text
        for what, size, heads, multiple in (
            ("vision_config", v.hidden_size, v.num_heads, 4),  # 2-D rotary turns pairs of x and of y
            ("text_config", t.hidden_size, t.num_heads, 2),
        ):
            if size % heads or (size // heads) % multiple:
                raise CheckpointConfigError(
                    f"{source}: {what}.hidden_size {size} over {heads} heads does not give a head size "
                    f"that is a multiple of {multiple}"
                )
        if t.num_heads % t.num_kv_heads:
            raise CheckpointConfigError(
                f"{source}: text_config.num_attention_heads {t.num_heads} is not a multiple of "
                f"num_key_value_heads {t.num_kv_heads}"
            )
        if not 0 <= self.image_token_id < t.vocab_size:
            raise CheckpointConfigError(
                f"{source}: image_token_index {self.image_token_id} is outside the vocabulary of "
                f"{t.vocab_size}"
            )


class _Fields:
    """Typed access to a JSON object with errors that name the file and the field."""

    def __init__(self, raw: Mapping[str, Any], source: str, prefix: str = ""):
        self.raw, self.source, self.prefix = raw, source, prefix

    def section(self, name: str) -> _Fields:
        return _Fields(self.value(name, dict), self.source, f"{self.prefix}{name}.")

    def optional(self, name: str, default: Any) -> Any:
        return self.raw.get(name, default)

    def value(self, name: str, kind: type | tuple[type, ...]) -> Any:
        if name not in self.raw:
            raise CheckpointConfigError(f"{self.source}: the field {self.prefix}{name} is missing")
        found = self.raw[name]
        if not isinstance(found, kind) or isinstance(found, bool):
            expected = kind.__name__ if isinstance(kind, type) else " or ".join(k.__name__ for k in kind)
            raise CheckpointConfigError(
                f"{self.source}: {self.prefix}{name} is {found!r}, expected {expected}"
            )
        return found

    def positive(self, name: str) -> int:
        found = self.value(name, int)
        if found <= 0:
            raise CheckpointConfigError(
                f"{self.source}: {self.prefix}{name} is {found}, expected more than 0"
            )
        return int(found)
