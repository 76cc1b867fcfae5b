"""The KV cache: slot j of a row holds real token j, and what lies behind the text is scratch.

Commit and roll back are therefore free: a step writes the window's keys behind the text, the next step
overwrites them, and a row's text length alone says what counts (spec `locateanything` 6.2, step 5).
"""

from __future__ import annotations

import torch
from torch import Tensor


class KVCache:
    """Keys and values of all layers.

    Shapes: `keys` and `values` are [layers, rows, kv_heads, capacity + 1, head_dim]. The last slot of every
    row is a bin: positions that do not count are written there, and no query ever sees it.
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
        # Zeros, not empty: a masked slot still enters the fused kernel's arithmetic, and NaN * 0 is NaN.
        shape = (num_layers, num_rows, num_kv_heads, capacity + 1, head_dim)
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)

    @property
    def num_rows(self) -> int:
        return self.keys.shape[1]

    @property
    def capacity(self) -> int:
        """Usable slots per row."""
        return self.keys.shape[3] - 1

    @property
    def bin_slot(self) -> int:
        """Where positions that do not count are written."""
        return self.keys.shape[3] - 1

    @property
    def num_bytes(self) -> int:
        return self.keys.nbytes + self.values.nbytes

    def row(self, row: int) -> KVCache:
        """One row as a cache of its own: a copy, which does not hold the memory of the others."""
        copy = object.__new__(KVCache)
        copy.keys, copy.values = (t[:, row : row + 1].clone() for t in (self.keys, self.values))
        return copy

    def take(self, row: int, source: KVCache, length: int) -> None:
        """Copy the first `length` slots of the single row of another cache into a row of this one."""
        self.keys[:, row, :, :length] = source.keys[:, 0, :, :length]
        self.values[:, row, :, :length] = source.values[:, 0, :, :length]

    def resize(self, num_rows: int, capacity: int) -> None:
        """Become so many rows of so many slots, keeping what fits of what is stored."""
        # Both or none: where memory runs out in between, the cache stays as it was.
        keys, values = (self._resized(old, num_rows, capacity + 1) for old in (self.keys, self.values))
        self.keys, self.values = keys, values

    def _resized(self, old: Tensor, rows: int, slots: int) -> Tensor:
        layers, old_rows, heads, old_slots, head_dim = old.shape
        new = old.new_zeros(layers, rows, heads, slots, head_dim)
        # The bin, behind the others, holds nothing worth keeping.
        num_rows, num_slots = min(rows, old_rows), min(slots, old_slots) - 1
        if num_rows and num_slots > 0:
            new[:, :num_rows, :, :num_slots] = old[:, :num_rows, :, :num_slots]
        return new

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` slots of one row over another, so that running rows stay side by side."""
        for tensor in (self.keys, self.values):
            tensor[:, target, :, :length] = tensor[:, source, :, :length]

    def write(self, layer: int, rows: Tensor, slots: Tensor, keys: Tensor, values: Tensor) -> None:
        """Store new positions of some rows.

        Args:
            rows: [n, 1] cache rows; slots: [n, positions] target slots.
            keys, values: [n, kv_heads, positions, head_dim].
        """
        # [n, positions, kv_heads, head_dim]: scatter_ would be 40 times slower in bfloat16 (docs/log.md)
        self.keys[layer][rows, :, slots] = keys.transpose(1, 2).to(self.keys.dtype)
        self.values[layer][rows, :, slots] = values.transpose(1, 2).to(self.values.dtype)

    def read(self, layer: int, rows: slice, length: int) -> tuple[Tensor, Tensor]:
        """Views of slots 0 .. length - 1 of some rows: two tensors [n, kv_heads, length, head_dim]."""
        return self.keys[layer, rows, :, :length], self.values[layer, rows, :, :length]
