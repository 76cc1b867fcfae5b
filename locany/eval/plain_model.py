"""The forward passes of the plain baseline: our weights, computed the way the published code computes them.

What differs from ours, and costs (spec `locateanything` 4.4, 5 and 9):

* the encoder attends with 3-D tensors under one dense block mask, for which there is no fused kernel: the
  scores of all pairs of patches are held;
* the KV cache grows by concatenation, key-value heads are repeated for the query heads, and the additive mask
  over all keys is built anew, dense, for every forward;
* logits are computed for every position that is fed.

Everything else (the order of operations, the fused projections, the kernels of torch) is the same: the
baseline is there to be compared with, not to look bad.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from locany.engine import ImageInput
from locany.model import LocateModel
from locany.model.decoder import DecoderLayer
from locany.model.rope import image_turns, rotate_pairs, text_angles
from locany.model.vision import VisionLayer


@dataclass
class PlainCache:
    """Keys and values of each layer, [1, kv_heads, tokens, head_dim]; empty at first."""

    keys: list[Tensor]
    values: list[Tensor]

    @property
    def length(self) -> int:
        return self.keys[0].shape[2] if self.keys else 0

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append new positions to a layer; returns all of it."""
        if layer == len(self.keys):
            self.keys.append(keys)
            self.values.append(values)
        else:
            self.keys[layer] = torch.cat((self.keys[layer], keys), dim=2)
            self.values[layer] = torch.cat((self.values[layer], values), dim=2)
        return self.keys[layer], self.values[layer]

    def truncate(self, length: int) -> None:
        self.keys = [keys[:, :, :length] for keys in self.keys]
        self.values = [values[:, :, :length] for values in self.values]


class PlainModel:
    """A model of ours under plain forward passes."""

    def __init__(self, model: LocateModel):
        self.model, self.text, self.device = model, model.config.text, model.device
        positions = torch.arange(self.text.max_positions, device=self.device)
        angles = text_angles(positions, self.text.head_dim, self.text.rope_theta)
        angles = torch.cat((angles, angles), dim=-1)
        self.cos, self.sin = angles.cos().to(model.dtype), angles.sin().to(model.dtype)

    @torch.inference_mode()
    def encode(self, images: tuple[ImageInput, ...]) -> Tensor:
        """Visual tokens of some images, in one pack: [tokens, hidden]."""
        vision = self.model.vision
        patch, config = vision.patch_embed, vision.config
        pixels = torch.cat([torch.from_numpy(image.pixel_values) for image in images])
        pixels = pixels.to(self.device, self.model.dtype)
        grids = [image.grid_hw for image in images]
        x = F.conv2d(pixels, patch.weight, patch.bias, stride=config.patch_size).flatten(1)
        x = x + torch.cat([patch.positions(grid) for grid in grids])
        turns = [image_turns(grid, config.head_dim, config.rope_theta, self.device) for grid in grids]
        lengths = [height * width for height, width in grids]
        for layer in vision.layers:
            x = _encoder_layer(layer, x, torch.cat(turns)[:, None], lengths)  # type: ignore[arg-type]
        return self.model.projector(vision.merge(vision.final_norm(x), grids))

    def decode(
        self,
        token_ids: list[int],
        positions: list[int],
        window: int,
        cache: PlainCache,
        visual: Tensor | None,
    ) -> Tensor:
        """Feed tokens behind what the cache holds; returns float32 logits of all, [tokens, vocabulary].

        Args:
            token_ids, positions: the committed tokens that are not cached, then the window, if there is one.
            window: slots of the window; 0 is plain text.
            cache: is extended by all that is fed.
            visual: of the images in `token_ids`, in order.
        """
        ids = torch.tensor([token_ids], device=self.device)
        x = self.model.decoder.embed(ids)
        if visual is not None:
            x[ids == self.model.config.image_token_id] = visual.to(x.dtype)
        at = torch.tensor([positions], device=self.device)
        cos, sin = self.cos[at][:, None], self.sin[at][:, None]  # [1, 1, tokens, head_dim]
        mask = self._mask(len(token_ids), cache.length + len(token_ids), window, x.dtype)
        for number, layer in enumerate(self.model.decoder.layers):
            x = _decoder_layer(layer, x, cos, sin, mask, cache, number)  # type: ignore[arg-type]
        hidden = self.model.decoder.norm(x)
        return F.linear(hidden, self.model.decoder.embed.weight).float()[0]

    def _mask(self, num_fed: int, num_keys: int, window: int, dtype: torch.dtype) -> Tensor:
        """[1, 1, fed, keys] to add to the scores: causal, the window open to itself (spec 6.2)."""
        lowest = torch.finfo(dtype).min
        mask = torch.full((num_fed, num_keys), lowest, dtype=dtype, device=self.device)
        mask = torch.triu(mask, diagonal=num_keys - num_fed + 1)
        if window:
            mask[-window:, -window:] = 0
            mask[-window:, -window - 1] = float("-inf")  # its copy in the window stands for it
        return mask[None, None]


def _encoder_layer(layer: VisionLayer, x: Tensor, turns: Tensor, lengths: list[int]) -> Tensor:
    q, k, v = layer.qkv(layer.attn_norm(x)).unflatten(-1, (3, layer.num_heads, layer.head_dim)).unbind(1)
    q, k = rotate_pairs(q, turns), rotate_pairs(k, turns)
    mask = torch.zeros((1, len(x), len(x)), dtype=torch.bool, device=x.device)
    start = 0
    for length in lengths:
        mask[:, start : start + length, start : start + length] = True
        start += length
    # 3-D: [heads, patches, head_dim]
    q, k, v = (t.transpose(0, 1) for t in (q, k, v))
    attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    x = x + layer.attn_out(attended.transpose(0, 1).flatten(1))
    return x + layer.mlp_out(F.gelu(layer.mlp_in(layer.mlp_norm(x)), approximate="tanh"))


def _decoder_layer(
    layer: DecoderLayer,
    x: Tensor,
    cos: Tensor,
    sin: Tensor,
    mask: Tensor,
    cache: PlainCache,
    number: int,
) -> Tensor:
    normed = layer.attn_norm(x)

    def heads(part: nn.Linear) -> Tensor:
        return part(normed).unflatten(-1, (-1, layer.head_dim)).transpose(1, 2)

    q, k, v = heads(layer.q), heads(layer.k), heads(layer.v)
    q, k = (t * cos + _rotate_half(t) * sin for t in (q, k))
    k, v = cache.extend(number, k, v)
    repeats = q.shape[1] // k.shape[1]
    k, v = (t[:, :, None].expand(-1, -1, repeats, -1, -1).flatten(1, 2) for t in (k, v))
    attended = F.scaled_dot_product_attention(q, k.contiguous(), v.contiguous(), attn_mask=mask)
    x = x + layer.attn_out(attended.transpose(1, 2).flatten(2))
    return x + layer.mlp(layer.mlp_norm(x))


def _rotate_half(x: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    return torch.cat((-b, a), dim=-1)
