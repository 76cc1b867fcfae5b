"""Rotary positions: one-dimensional for the decoder, two-dimensional for the vision encoder."""

from __future__ import annotations

import torch
from torch import Tensor

import locany.model.vector_math  # noqa: F401


def text_angles(positions: Tensor, head_dim: int, theta: float) -> Tensor:
    """Angles of the decoder's rotary embedding (spec `locateanything` 5).

    float32 throughout: float64 angles would change about 2 % of the rounded table entries.

    Args:
        positions: integer positions of any shape [...].

    Returns:
        [..., head_dim / 2] float32.
    """
    exponent = torch.arange(0, head_dim, 2, dtype=torch.float32, device=positions.device) / head_dim
    return positions.float()[..., None] * (1.0 / theta**exponent)


def rotate_halves(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate element j with element j + head_dim / 2, in the dtype of `x`.

    Args:
        x: [..., head_dim]; cos, sin: of `half_turns`, broadcastable, in the dtype of `x`.
    """
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat((b, a), dim=-1) * sin


def half_turns(angles: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines, and sines with the sign that each half of `rotate_halves` takes.

    Args:
        angles: [..., head_dim / 2]; dtype: what both are rounded to before use, as published.

    Returns:
        [..., head_dim] each.
    """
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    return torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)


def image_angles(grid_hw: tuple[int, int], head_dim: int, theta: float, device: torch.device) -> Tensor:
    """Angles of the encoder's 2-D rotary embedding, patches in row-major order (spec 4.3).

    Pair 2i turns by column times frequency i, pair 2i + 1 by row times frequency i.

    Returns:
        [grid_h * grid_w, head_dim / 2] float32.
    """
    height, width = grid_hw
    exponent = torch.arange(0, head_dim, 4, dtype=torch.float32, device=device) / head_dim
    frequency = 1.0 / theta**exponent
    rows = torch.arange(height, dtype=torch.float32, device=device)[:, None] * frequency
    columns = torch.arange(width, dtype=torch.float32, device=device)[:, None] * frequency
    angles = torch.stack((columns[None].expand(height, -1, -1), rows[:, None].expand(-1, width, -1)), dim=-1)
    return angles.reshape(height * width, head_dim // 2)


def image_turns(grid_hw: tuple[int, int], head_dim: int, theta: float, device: torch.device) -> Tensor:
    """What `rotate_pairs` multiplies with, cos + i sin of `image_angles`: the same shape, complex64."""
    angles = image_angles(grid_hw, head_dim, theta, device)
    return torch.polar(torch.ones_like(angles), angles)


def rotate_pairs(x: Tensor, turns: Tensor) -> Tensor:
    """Rotate adjacent pairs (2p, 2p + 1) in float32, result in the dtype of `x`.

    Args:
        x: [..., head_dim]; turns: of `image_turns`, broadcastable [..., head_dim / 2].
    """
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns).flatten(-2).type_as(x)
