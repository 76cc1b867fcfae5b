"""RMSNorm and the gated MLP of the decoder (spec `locateanything` 5)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """x / rms(x) in float32, rounded to the dtype of x, then scaled: the order matters in bfloat16."""

    def __init__(self, size: int, eps: float):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight.to(x.dtype) * F.rms_norm(x, x.shape[-1:], None, self.eps)


class GatedMLP(nn.Module):
    """down(silu(gate(x)) * up(x)).

    `gate_up` stands for both where a model has been packed (`packed.py`).
    """

    def __init__(self, size: int, hidden_size: int):
        super().__init__()
        self.gate_up: nn.Module | None = None
        self.gate = nn.Linear(size, hidden_size, bias=False)
        self.up = nn.Linear(size, hidden_size, bias=False)
        self.down = nn.Linear(hidden_size, size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up(x).chunk(2, -1) if self.gate_up is not None else (self.gate(x), self.up(x))
        return self.down(F.silu(gate) * up)
