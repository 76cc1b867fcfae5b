"""The Qwen2.5 decoder (spec `locateanything` 5), with a head that projects only the positions asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from locany.model.attention import Bias, Mask, activation_dtype, attend_text, prepare_mask
from locany.model.cache import KVCache
from locany.model.config import TextConfig
from locany.model.layers import GatedMLP, RMSNorm
from locany.model.rope import half_turns, rotate_halves, text_angles


@dataclass(frozen=True)
class CacheView:
    """Which part of the KV cache a forward writes and reads.

    Attributes:
        cache: the cache.
        rows: the n neighbouring cache rows of the n rows being fed.
        slots: [n, positions] where the new keys and values go.
        length: slots 0 .. length - 1 are read.
    """

    cache: KVCache
    rows: slice
    slots: Tensor
    length: int

    @cached_property
    def row_index(self) -> Tensor:
        """The rows as numbers, [n, 1]: made once for all layers."""
        return torch.arange(self.rows.start, self.rows.stop, device=self.slots.device)[:, None]


class DecoderLayer(nn.Module):
    """Pre-norm grouped-query attention and gated MLP.

    `qkv` stands for queries, keys and values where a model has been packed (`packed.py`).
    """

    def __init__(self, config: TextConfig):
        super().__init__()
        size, head_dim = config.hidden_size, config.head_dim
        self.head_dim, self.num_heads, self.num_kv_heads = head_dim, config.num_heads, config.num_kv_heads
        self.qkv: nn.Module | None = None
        self.attn_norm = RMSNorm(size, config.rms_norm_eps)
        self.q = nn.Linear(size, config.num_heads * head_dim)
        self.k = nn.Linear(size, config.num_kv_heads * head_dim)
        self.v = nn.Linear(size, config.num_kv_heads * head_dim)
        self.attn_out = nn.Linear(config.num_heads * head_dim, size, bias=False)
        self.mlp_norm = RMSNorm(size, config.rms_norm_eps)
        self.mlp = GatedMLP(size, config.intermediate_size)

    def forward(
        self,
        x: Tensor,
        cos: Tensor,
        sin: Tensor,
        mask: Mask | Bias | None,
        view: CacheView | None,
        layer: int,
    ) -> Tensor:
        q, k, v = self.heads(x, cos, sin)
        if view is not None:
            view.cache.write(layer, view.row_index, view.slots, k, v)
            k, v = view.cache.read(layer, view.rows, view.length)
        x = x + self.attn_out(attend_text(q, k, v, mask).transpose(1, 2).flatten(2))
        return x + self.mlp(self.mlp_norm(x))

    def heads(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, [rows, heads, positions, head_dim] each."""
        normed = self.attn_norm(x)
        if self.qkv is not None:
            heads = self.qkv(normed)
        else:
            heads = torch.cat((self.q(normed), self.k(normed), self.v(normed)), dim=-1)
        heads = heads.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
        num_turned = self.num_heads + self.num_kv_heads
        q, k = rotate_halves(heads[:, :num_turned], cos, sin).split((self.num_heads, self.num_kv_heads), 1)
        return q, k, heads[:, num_turned:]


class Decoder(nn.Module):
    """Token embedding, layers, final norm, and the tied head.

    `head` stands for the head where a model has been packed (`packed.py`).
    """

    def __init__(self, config: TextConfig):
        super().__init__()
        self.config = config
        self.head: nn.Module | None = None
        # Not filled: on the meta device torch would import its compiler for that, which takes a second.
        empty = torch.empty(config.vocab_size, config.hidden_size)
        self.embed = nn.Embedding.from_pretrained(empty, freeze=False)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self,
        embeds: Tensor,
        positions: Tensor,
        mask: Mask | None,
        view: CacheView | None = None,
    ) -> Tensor:
        """Run the layers.

        Args:
            embeds: [rows, positions, hidden].
            positions: [rows, positions] integer rotary positions.
            mask: [rows, positions, keys] boolean (`masks.visible`), or blocks of it; None for causal text.
            view: cache to write to and read from; None attends only within `embeds`.

        Returns:
            [rows, positions, hidden] after the final norm.
        """
        x, cos, sin, bias = embeds, *self._shared(embeds, positions, mask)
        for number, layer in enumerate(self.layers):
            x = layer(x, cos, sin, bias, view, number)
        return self.norm(x)

    def fill(self, embeds: Tensor, positions: Tensor, mask: Mask | None, view: CacheView) -> None:
        """`forward` for the cache alone: of the last layer only keys and values are computed."""
        x, cos, sin, bias = embeds, *self._shared(embeds, positions, mask)
        *others, last = self.layers
        for number, layer in enumerate(others):
            x = layer(x, cos, sin, bias, view, number)
        assert isinstance(last, DecoderLayer)
        _, k, v = last.heads(x, cos, sin)
        view.cache.write(len(others), view.row_index, view.slots, k, v)

    def _shared(
        self, embeds: Tensor, positions: Tensor, mask: Mask | None
    ) -> tuple[Tensor, Tensor, Mask | Bias | None]:
        """What all layers use: cosines, sines, the mask as numbers."""
        angles = text_angles(positions, self.config.head_dim, self.config.rope_theta)[:, None]
        dtype = activation_dtype(embeds)
        cos, sin = half_turns(angles, dtype)
        return cos, sin, prepare_mask(mask, self.config.num_heads // self.config.num_kv_heads, dtype)

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., hidden] to [..., vocabulary] float32 through the tied embedding; pass only what is read."""
        if self.head is not None:
            return self.head(hidden).float()
        return F.linear(hidden, self.embed.weight.to(hidden.dtype)).float()
