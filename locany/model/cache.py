"""The KV cache: slot j of a row holds real token j, and what lies behind the text is scratch.

Commit and roll back are therefore free: a step writes the window's keys behind the text, the next step
overwrites them, and a row's text length alone says what counts (spec `locateanything` 6.2, step 5).
"""

from __future__ import annotations

import torch
from torch import Tensor


class KVCache:
    """Keys and values of all layers for a fixed number of rows.

    Shapes: `keys` and `values` are [layers, rows, kv_heads, capacity, head_dim]. The last slot of every row
    is a bin: padded positions of a step write there, and no query ever sees it.
    """

    def __init__(
        self,
        num_layers: int,
        num_rows: int,
        num_kv_heads: int,
        capacity: int,
        head_dim: int,
        dtype: torch.dtype,
        device: torch.device,
    ):
        shape = (num_layers, num_rows, num_kv_heads, capacity + 1, head_dim)
        # Zeros, not empty: a masked slot still enters the fused kernel's arithmetic, and NaN * 0 is NaN.
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)

    @property
    def capacity(self) -> int:
        """Usable slots per row."""
        return self.keys.shape[3] - 1

    @property
    def bin_slot(self) -> int:
        """Where positions that do not count are written."""
        return self.keys.shape[3] - 1

    def grow(self, capacity: int) -> None:
        """Make room for at least `capacity` slots per row, keeping what is stored."""
        old = self.capacity
        if capacity <= old:
            return
        layers, rows, kv_heads, _, head_dim = self.keys.shape
        shape = (layers, rows, kv_heads, capacity + 1, head_dim)
        keys, values = self.keys.new_zeros(shape), self.values.new_zeros(shape)
        keys[:, :, :, :old] = self.keys[:, :, :, :old]  # the bin, behind `old`, holds nothing worth keeping
        values[:, :, :, :old] = self.values[:, :, :, :old]
        self.keys, self.values = keys, values

    def write(self, layer: int, rows: Tensor, slots: Tensor, keys: Tensor, values: Tensor) -> None:
        """Store new positions of some rows.

        Args:
            rows: [n] cache rows; slots: [n, positions] target slots.
            keys, values: [n, kv_heads, positions, head_dim].
        """
        index = rows[:, None]
        self.keys[layer, index, :, slots] = keys.transpose(1, 2).to(self.keys.dtype)
        self.values[layer, index, :, slots] = values.transpose(1, 2).to(self.values.dtype)

    def read(self, layer: int, rows: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Keys and values of some rows, slots 0 .. length - 1: both [n, kv_heads, length, head_dim]."""
        if len(rows) == self.keys.shape[1]:  # all rows, in order: a view instead of a copy
            return self.keys[layer, :, :, :length], self.values[layer, :, :, :length]
        return self.keys[layer, rows, :, :length], self.values[layer, rows, :, :length]
