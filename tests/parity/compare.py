"""One parity case: what was compared, what differed, and by how much."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch

Outcome = tuple[str, bool, float]  # (case, passed, largest error), what a stage yields

# Of a tensor's largest magnitude. The float32 noise of the recorded numbers is below 2e-6 of it, so this
# leaves room for another order of additions and none for another formula.
RELATIVE_TOLERANCE = 1e-4


class Case:
    """Collects the comparisons of one case.

    Attributes:
        worst: the largest error so far: relative for tensors, infinite where shapes or kinds differ. An exact
            comparison that fails does not move it, there is nothing to measure.
        differences: one sentence for each comparison that failed.
    """

    def __init__(self, name: str):
        self.name = name
        self.worst = 0.0
        self.differences: list[str] = []

    def same(self, what: str, ours: Any, theirs: Any) -> None:
        """Exact equality: ids, grids, positions, masks, texts, decisions."""
        ours, theirs = _plain(ours), _plain(theirs)
        if ours != theirs:
            self.differences.append(f"{what}: {_first_difference(ours, theirs)}")

    def close(self, what: str, ours: Any, theirs: Any, *, at_least: float = 0.0) -> None:
        """Equality within RELATIVE_TOLERANCE of the largest magnitude in `theirs`.

        Args:
            at_least: count the largest magnitude as this where it is smaller. For a difference of larger
                numbers, such as a loss near zero, whose noise is that of the numbers it was made from.
        """
        a, b = (np.asarray(_numpy(x), dtype=np.float64) for x in (ours, theirs))
        if a.shape != b.shape:
            self.worst = float("inf")
            self.differences.append(f"{what}: shape {list(a.shape)}, expected {list(b.shape)}")
            return
        if not a.size:
            return
        scale = max(float(np.abs(b).max()), at_least) or 1.0
        error = float(np.abs(a - b).max()) / scale
        error = float("inf") if np.isnan(error) else error
        self.worst = max(self.worst, error)
        if error > RELATIVE_TOLERANCE:
            at = tuple(int(i) for i in np.unravel_index(np.abs(a - b).argmax(), a.shape))
            self.differences.append(f"{what}: off by {error:.2g} of {scale:.4g} at {list(at)}")

    def outcome(self) -> Outcome:
        """The result for `check.py`; says on stderr what differed."""
        for difference in self.differences:
            print(f"  {self.name}: {difference}", file=sys.stderr)
        return self.name, not self.differences, self.worst


def _numpy(value: Any) -> Any:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value


def _plain(value: Any) -> Any:
    """Arrays, tensors and tuples as nested lists, so that `==` compares values."""
    value = _numpy(value)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _first_difference(ours: Any, theirs: Any, where: str = "") -> str:
    """Where two values part, in a few words: a mask of 400 x 400 is not to be printed."""
    at = f" at {where}" if where else ""
    if isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            return f"length {len(ours)}, expected {len(theirs)}{at}"
        number = next(i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b)
        return _first_difference(ours[number], theirs[number], f"{where}[{number}]")
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        key = next(key for key in ours if ours[key] != theirs[key])
        return _first_difference(ours[key], theirs[key], f"{where}.{key}")
    return f"{ours!r}, expected {theirs!r}{at}"
