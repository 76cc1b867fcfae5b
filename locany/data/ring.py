"""Rows from a worker to the process that trains, through memory that both of them see.

Sent as messages, a row's pixels are copied four times and pass a pipe of 64 KB; a fresh piece of shared
memory for each row costs a file descriptor and a page fault for every 4 KB. A ring is made once, before the
workers are forked, and used again and again. It is memory without a name: no file system limits it or has to
be tidied.
"""

from __future__ import annotations

import mmap
import multiprocessing
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from locany.data.collate import Row

_ALIGNMENT = 64
_ARRAYS = tuple(field.name for field in fields(Row) if field.type == "np.ndarray")
_NOTHING = np.zeros(0, np.uint8)


@dataclass(frozen=True)
class Stowed:
    """A row whose arrays lie in a ring.

    Attributes:
        row: the rest of it.
        places: (type, shape, first byte in the ring) of each array.
    """

    row: Row
    places: tuple[tuple[str, tuple[int, ...], int], ...]


class Ring:
    """Slots of one worker, written in turn.

    Who reads must be done with a row before its slot is written again: the number of slots is the number of
    rows that can be under way, those in hand included.

    Args:
        num_slots: rows under way at most.
        slot_bytes: of one row; a larger one is sent as a message.
    """

    def __init__(self, num_slots: int, slot_bytes: int):
        self.num_slots = num_slots
        self.slot_bytes = -(-slot_bytes // _ALIGNMENT) * _ALIGNMENT
        self.memory = mmap.mmap(-1, self.num_slots * self.slot_bytes)
        self.count = 0  # rows that were put, known to the worker

    def put(self, row: Row) -> Stowed | Row:
        """What to send in place of a row. In the worker."""
        arrays = [getattr(row, name) for name in _ARRAYS]
        ends = np.cumsum([-(-array.nbytes // _ALIGNMENT) * _ALIGNMENT for array in arrays]).tolist()
        if ends[-1] > self.slot_bytes:
            return row
        start = self.count % self.num_slots * self.slot_bytes
        self.count += 1
        places = tuple(
            (array.dtype.str, array.shape, start + at)
            for array, at in zip(arrays, (0, *ends[:-1]), strict=True)
        )
        for array, view in zip(arrays, self._views(places), strict=True):
            np.copyto(view, array)
        nothing: dict[str, Any] = dict.fromkeys(_ARRAYS, _NOTHING)
        return Stowed(replace(row, **nothing), places)

    def get(self, sent: Stowed | Row) -> Row:
        """The row, whose arrays are views of the ring. In the process that trains."""
        if isinstance(sent, Row):
            return sent
        arrays: dict[str, Any] = dict(zip(_ARRAYS, self._views(sent.places), strict=True))
        return replace(sent.row, **arrays)

    def _views(self, places: tuple[tuple[str, tuple[int, ...], int], ...]) -> list[np.ndarray]:
        return [np.ndarray(shape, dtype, self.memory, at) for dtype, shape, at in places]


def can_share() -> bool:
    """Whether workers are forked here, so that they see the memory of this process."""
    return multiprocessing.get_start_method() == "fork"
