"""From a merged cell of the vision encoder to one visual token of the decoder (spec `locateanything` 4.6)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from locany.model.config import LocateConfig


class Projector(nn.Module):
    """LayerNorm over the whole merged cell, then two linear maps around the exact (erf) GELU."""

    def __init__(self, config: LocateConfig):
        super().__init__()
        merged, size = config.vision.merged_size, config.text.hidden_size
        self.norm = nn.LayerNorm(merged, eps=config.vision.norm_eps)
        self.lift = nn.Linear(merged, size)
        self.out = nn.Linear(size, size)

    def forward(self, cells: Tensor) -> Tensor:
        """[cells, merged_size] to [visual tokens, hidden_size]."""
        return self.out(F.gelu(self.lift(self.norm(cells))))
