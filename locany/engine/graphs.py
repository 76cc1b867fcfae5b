"""CUDA graphs of the step: hundreds of small kernels launched as one.

A step's operations depend on its `StepShape` alone, and its tensors stay where they are, so it can be
captured once per shape and replayed. The number of rows is rounded up to a power of two; rows without a
request make their step like the others, and are put back to blank behind it.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from locany.engine.batch import StepShape
from locany.engine.memory import is_out_of_memory, release_memory
from locany.engine.rows import Rows
from locany.model.cache import KVCache

_FREE_BYTES = 4 << 30  # that a capture finds where there are so many: more than a step of 64 rows takes
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
        """Capture a shape; where that has no room or fails, make the step without, from now on all steps."""
        try:
            return self._capture(shape)
        except BaseException as error:
            if not is_out_of_memory(error):
                if not _of_capture(error):
                    raise
                reason = str(error).splitlines()[0]
                warnings.warn(f"steps run without CUDA graphs, which is slower: {reason}", stacklevel=2)
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
        rows, device = self._rows, self._rows.ints.device
        written = [rows.ints, *([] if rows.seen is None else [rows.seen])]
        if rows.labels is not None:
            written += [rows.labels.fits, rows.labels.depth]
        before = [values.clone() for values in written]
        side = self._side = self._side or torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream())
        try:
            # Libraries set themselves up in a first run, which a capture forbids.
            with torch.cuda.stream(side):
                self._run(shape)
        finally:
            torch.cuda.current_stream().wait_stream(side)
            for values, old in zip(written, before, strict=True):
                values.copy_(old)
        while len(self._replays) >= _MOST_GRAPHS:
            self._replays.popitem(last=False)
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        if torch.cuda.mem_get_info(device)[0] < _FREE_BYTES:
            release_memory(device)  # while a step is captured, torch can give no unused block back
        side.wait_stream(torch.cuda.current_stream())
        graph = torch.cuda.CUDAGraph()
        packed = self._recorded(graph, side, shape)
        self._replays[shape] = graph.replay, packed
        graph.replay()
        return packed

    def _recorded(self, graph: torch.cuda.CUDAGraph, side: torch.cuda.Stream, shape: StepShape) -> Tensor:
        """Record a step into a graph.

        Not by `torch.cuda.graph`: it waits for the device and empties the caches for every graph, and where
        the end of a capture fails, it leaves the side stream current.
        """
        pool: Any = self._pool
        with torch.cuda.stream(side):
            # So that another thread's work does not break it.
            graph.capture_begin(pool=pool, capture_error_mode="thread_local")
            try:
                packed = self._run(shape)
            except BaseException:
                with suppress(RuntimeError):  # what the step has raised says more
                    self._end(graph)
                raise
            self._end(graph)
        return packed

    def _end(self, graph: torch.cuda.CUDAGraph) -> None:
        """End a capture, also for the allocator."""
        try:
            graph.capture_end()
        except RuntimeError:
            # Of a capture that has become invalid CUDA refuses the end, and torch's allocator goes on as if
            # it lasted: it would never again give a block back.
            with suppress(RuntimeError, AttributeError):
                index, pool = self._rows.ints.device.index, self._pool
                torch._C._cuda_endAllocateToPool(index, pool)  # type: ignore[arg-type]
                torch._C._cuda_releasePool(index, pool)  # type: ignore[arg-type]
            raise


def _of_capture(error: BaseException) -> bool:
    """Whether an error comes of capturing: memory that runs out there may be told as an invalid capture."""
    return isinstance(error, RuntimeError) and "captur" in str(error).lower()
