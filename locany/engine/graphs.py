"""CUDA graphs of the step: hundreds of small kernels launched as one.

A step's operations depend on its `StepShape` alone, and its tensors stay where they are, so it can be
captured once per shape and replayed. The number of rows is rounded up to a power of two; rows without a
request make their step like the others, and are put back to blank behind it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from locany.engine.batch import StepShape
from locany.engine.memory import is_out_of_memory, release_memory
from locany.engine.rows import Rows
from locany.model.cache import KVCache

_MOST_GRAPHS = 64  # each holds memory of its own; the one that was used longest ago goes


def rounded_rows(num_rows: int) -> int:
    """The next power of two."""
    return 1 << (num_rows - 1).bit_length()


class StepGraphs:
    """Captures a shape when it comes for the second time; a shape that comes once is not worth it.

    Args:
        run: makes a step of a shape.
        rows, cache: what it reads and writes, besides the model.
    """

    def __init__(self, run: Callable[[StepShape], Tensor], rows: Rows, cache: Callable[[], KVCache]):
        self._run, self._rows, self._cache = run, rows, cache
        self._replays: OrderedDict[StepShape, tuple[Callable[[], object], Tensor]] = OrderedDict()
        self._seen: set[StepShape] = set()
        self._pool: object = None
        self._no_room = False
        self._side: torch.cuda.Stream | None = None  # one for all: memory is used again within a stream only
        self._places: tuple[object, ...] = ()

    def step(self, shape: StepShape) -> Tensor:
        """`Runner.run` with rounded rows; the result is overwritten by the next step of this shape."""
        rows, num_rows = self._rows, shape.num_rows
        shape = replace(shape, num_rows=rounded_rows(num_rows))
        if (places := self._where()) != self._places:  # the cache or the rows have grown, that is, moved
            self.clear()
            self._places, self._no_room = places, False
        if shape in self._replays:
            self._replays.move_to_end(shape)
            replay, packed = self._replays[shape]
            replay()
        elif shape in self._seen and not self._no_room:
            packed = self._captured(shape)
        else:
            self._seen.add(shape)
            packed = self._run(shape)
        rows.blank(num_rows, shape.num_rows)
        return packed

    def clear(self) -> bool:
        """Forget all graphs, and the memory that they hold. Says whether there were any."""
        had = bool(self._replays)
        self._replays.clear()
        self._seen.clear()
        self._pool = None  # a pool goes with its last graph
        return had

    def _captured(self, shape: StepShape) -> Tensor:
        """Capture a shape; where that has no room, make the step without, from now on all steps."""
        try:
            return self._capture(shape)
        except BaseException as error:
            if not is_out_of_memory(error):
                raise
        # Behind the except block: until then the error holds all that the capture had made.
        self.clear()
        release_memory(self._rows.ints.device)
        self._no_room = True
        return self._run(shape)

    def _where(self) -> tuple[object, ...]:
        """Addresses and shapes: memory that was given back may come again in another shape."""
        rows, cache = self._rows, self._cache()
        labels = () if rows.labels is None else rows.labels.tensors
        tensors = (cache.keys, cache.values, rows.ints, rows.floats, rows.seen, *labels)
        return tuple(None if t is None else (t.data_ptr(), t.shape) for t in tensors)

    def _capture(self, shape: StepShape) -> Tensor:
        """Capture a shape, and make the step with it."""
        rows = self._rows
        written = [rows.ints, *([] if rows.seen is None else [rows.seen])]
        if rows.labels is not None:
            written += [rows.labels.fits, rows.labels.depth]
        before = [values.clone() for values in written]
        side = self._side = self._side or torch.cuda.Stream(rows.ints.device)
        side.wait_stream(torch.cuda.current_stream())
        try:
            with torch.cuda.stream(
                side
            ):  # libraries set themselves up in a first run, which a capture forbids
                self._run(shape)
        finally:
            torch.cuda.current_stream().wait_stream(side)
            for values, old in zip(written, before, strict=True):
                values.copy_(old)
        while len(self._replays) >= _MOST_GRAPHS:
            self._replays.popitem(last=False)
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        # On a stream of its own GPU, and so that another thread's work does not break it.
        pool: Any = self._pool
        with torch.cuda.graph(graph, pool=pool, stream=side, capture_error_mode="thread_local"):
            packed = self._run(shape)
        self._replays[shape] = graph.replay, packed
        graph.replay()
        return packed
