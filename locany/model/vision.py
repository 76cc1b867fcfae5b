"""MoonViT: patches of any grid to merged cells (spec `locateanything` 4.1 to 4.5)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from locany.model.attention import attend_images
from locany.model.config import VisionConfig
from locany.model.rope import image_turns, rotate_pairs

GridHW = tuple[int, int]  # patch rows, patch columns of one image


class PatchEmbed(nn.Module):
    """One linear map per patch plus a learned position table, stretched to each image's grid."""

    def __init__(self, config: VisionConfig):
        super().__init__()
        size, patch = config.hidden_size, config.patch_size
        self.weight = nn.Parameter(torch.empty(size, 3, patch, patch))  # a convolution's shape, as stored
        self.bias = nn.Parameter(torch.empty(size))
        self.position_table = nn.Parameter(torch.empty(*config.position_table_hw, size))

    def project(self, pixel_values: Tensor) -> Tensor:
        """[patches, 3, patch, patch] to [patches, hidden], without positions."""
        return F.linear(pixel_values.flatten(1), self.weight.flatten(1), self.bias)

    def positions(self, grid_hw: GridHW) -> Tensor:
        """The table stretched to a grid: [grid_h * grid_w, hidden].

        Bicubic with a = -0.75, not antialiased, in the table's own dtype (spec 4.2).
        """
        table = self.position_table.permute(2, 0, 1)[None]
        if grid_hw != self.position_table.shape[:2]:
            table = F.interpolate(table, size=grid_hw, mode="bicubic", align_corners=False)
        return table[0].permute(1, 2, 0).flatten(0, 1)

    def forward(self, pixel_values: Tensor, grids: list[GridHW]) -> Tensor:
        stretched = {grid: self.positions(grid) for grid in set(grids)}
        return self.project(pixel_values) + torch.cat([stretched[grid] for grid in grids])


class VisionLayer(nn.Module):
    """Pre-norm attention and MLP with the tanh form of GELU."""

    def __init__(self, config: VisionConfig):
        super().__init__()
        size = config.hidden_size
        self.num_heads, self.head_dim = config.num_heads, config.head_dim
        self.attn_norm = nn.LayerNorm(size, eps=config.norm_eps)
        self.qkv = nn.Linear(size, 3 * size)
        self.attn_out = nn.Linear(size, size)
        self.mlp_norm = nn.LayerNorm(size, eps=config.norm_eps)
        self.mlp_in = nn.Linear(size, config.intermediate_size)
        self.activation: nn.Module = nn.GELU(approximate="tanh")
        self.mlp_out = nn.Linear(config.intermediate_size, size)

    def forward(self, x: Tensor, turns: Tensor, lengths: list[int]) -> Tensor:
        q, k, v = self.qkv(self.attn_norm(x)).unflatten(-1, (3, self.num_heads, self.head_dim)).unbind(1)
        q, k = rotate_pairs(q, turns), rotate_pairs(k, turns)
        x = x + self.attn_out(attend_images(q, k, v, lengths).flatten(1))
        return x + self.mlp_out(self.activation(self.mlp_in(self.mlp_norm(x))))


class VisionEncoder(nn.Module):
    """Patches of a pack of images to merged cells."""

    def __init__(self, config: VisionConfig):
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbed(config)
        self.layers = nn.ModuleList(VisionLayer(config) for _ in range(config.num_layers))
        self.final_norm = nn.LayerNorm(config.hidden_size, eps=config.norm_eps)

    def turns(self, grids: list[GridHW]) -> Tensor:
        """How patches are turned, [patches, 1, head_dim / 2] complex; positions restart for each image."""
        device = self.patch_embed.weight.device
        config = self.config
        once = {g: image_turns(g, config.head_dim, config.rope_theta, device) for g in set(grids)}
        return torch.cat([once[grid] for grid in grids])[:, None]

    def merge(self, x: Tensor, grids: list[GridHW]) -> Tensor:
        """Concatenate each merge_size x merge_size cell, cells row-major: [cells, merged_size]."""
        m, parts = self.config.merge_size, []
        images = x.split([height * width for height, width in grids])
        for (height, width), image in zip(grids, images, strict=True):
            cells = image.view(height // m, m, width // m, m, -1).transpose(1, 2)
            parts.append(cells.reshape(height * width // m**2, -1))
        return torch.cat(parts)

    def forward(self, pixel_values: Tensor, grids: list[GridHW]) -> Tensor:
        """Encode a pack of images.

        Args:
            pixel_values: [patches, 3, patch, patch], images one after the other, patches row-major.
            grids: (rows, columns) of patches of each image; both even.

        Returns:
            [cells, merged_size], where cells is the sum of rows * columns / merge_size ** 2.
        """
        lengths = [height * width for height, width in grids]
        assert sum(lengths) == len(pixel_values), f"{len(pixel_values)} patches for grids {grids}"
        x = self.patch_embed(pixel_values, grids)
        turns = self.turns(grids)
        for layer in self.layers:
            x = layer(x, turns, lengths)
        return self.merge(self.final_norm(x), grids)
