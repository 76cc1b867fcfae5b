"""Captured steps, on a stand-in for CUDA's graphs that computes on the CPU: order of calls, and failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from locany.engine import Engine, Request
from locany.engine.batch import StepShape
from locany.engine.graphs import StepGraphs
from tests.unit.test_engine_crowd import VOCAB, toy_model, toy_question

INVALID = RuntimeError("CUDA error: operation failed due to a previous error during capture")
NUM_QUESTIONS = 12


class Stand:
    """What of CUDA a captured step touches.

    Attributes:
        current: the stream; log: what was asked of graphs, and where.
        fails_in, fails_at_end: raised in the step that is being captured, and by the end of the capture.
        ended: pools that the allocator was told to leave.
    """

    def __init__(self) -> None:
        self.current = "main"
        self.capturing: Graph | None = None
        self.log: list[tuple[str, str]] = []
        self.fails_in: BaseException | None = None
        self.fails_at_end: BaseException | None = None
        self.ended: list[object] = []
        self.engine = Engine(toy_model(), VOCAB)
        runner = self.engine.runner
        runner._graphs = StepGraphs(self.run, runner.rows, lambda: runner.cache)
        shape_of = runner.shape_of

        def few_shapes(*given: Any, **options: Any) -> StepShape:
            return replace(shape_of(*given, **options), length=runner.cache.capacity)

        runner.shape_of = few_shapes  # type: ignore[method-assign]

    def run(self, shape: StepShape) -> Tensor:
        if self.capturing is not None and self.fails_in is not None:
            raise self.fails_in
        packed = self.engine.runner.run(shape)
        if self.capturing is not None:
            self.capturing.shape, self.capturing.packed = shape, packed
        return packed

    @contextmanager
    def stream(self, side: Stream) -> Iterator[None]:
        before, self.current = self.current, side.name
        try:
            yield
        finally:
            self.current = before

    def written(self) -> list[Tensor]:
        rows = self.engine.runner.rows
        labels = () if rows.labels is None else (rows.labels.fits, rows.labels.depth)
        return [t for t in (rows.ints, rows.seen, *labels) if t is not None]


class Stream:
    def __init__(self, *_: object, name: str = "side") -> None:
        self.name = name

    def wait_stream(self, other: Stream) -> None:
        assert other.name != self.name


class Graph:
    """While it captures nothing is computed: what the step writes is put back at the end."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.shape: StepShape | None = None
        self.packed: Tensor | None = None

    def capture_begin(self, *, pool: object, capture_error_mode: str) -> None:
        assert pool == "pool"
        assert capture_error_mode == "thread_local"
        self.stand.log.append(("begin", self.stand.current))
        self.stand.capturing = self
        self.before = [t.clone() for t in self.stand.written()]

    def capture_end(self) -> None:
        self.stand.log.append(("end", self.stand.current))
        self.stand.capturing = None
        for values, old in zip(self.stand.written(), self.before, strict=True):
            values.copy_(old)
        if self.stand.fails_at_end is not None:
            raise self.stand.fails_at_end

    def replay(self) -> None:
        self.stand.log.append(("replay", self.stand.current))
        assert self.shape is not None
        assert self.packed is not None
        self.packed.copy_(self.stand.run(self.shape))


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    made = Stand()
    given: dict[str, Callable[..., Any]] = {
        "Stream": Stream,
        "current_stream": lambda: Stream(name=made.current),
        "stream": made.stream,
        "CUDAGraph": lambda: Graph(made),
        "graph_pool_handle": lambda: "pool",
        "mem_get_info": lambda _: (1 << 40, 1 << 40),
    }
    for name, what in given.items():
        monkeypatch.setattr(torch.cuda, name, what)
    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", lambda _, pool: made.ended.append(pool), False)
    monkeypatch.setattr(torch._C, "_cuda_releasePool", lambda _, pool: made.ended.append(pool), False)
    return made


def tokens(engine: Engine) -> list[list[int]]:
    asked: list[Request] = [toy_question(number) for number in range(NUM_QUESTIONS)]
    return [request.tokens for request in engine.generate(asked)]


def expected() -> list[list[int]]:
    return tokens(Engine(toy_model(), VOCAB))


def test_captured_steps_answer_as_others(stand: Stand) -> None:
    assert tokens(stand.engine) == expected()
    kinds = [kind for kind, _ in stand.log]
    assert kinds.count("begin") == kinds.count("end") > 1
    assert kinds.count("replay") > kinds.count("begin")
    assert {where for kind, where in stand.log if kind != "replay"} == {"side"}
    assert {where for kind, where in stand.log if kind == "replay"} == {"main"}
    assert not stand.ended


@pytest.mark.parametrize(
    ("inside", "at_end"),
    [
        (torch.OutOfMemoryError("full"), None),
        (torch.OutOfMemoryError("full"), INVALID),
        (INVALID, INVALID),
        (None, INVALID),
        (None, RuntimeError("CUDA error: out of memory")),
    ],
)
@pytest.mark.filterwarnings("ignore:steps run without CUDA graphs")
def test_a_capture_that_fails_leaves_the_step_to_be_made(
    stand: Stand, inside: BaseException | None, at_end: BaseException | None
) -> None:
    stand.fails_in, stand.fails_at_end = inside, at_end
    assert tokens(stand.engine) == expected()
    assert stand.current == "main"
    kinds = [kind for kind, _ in stand.log]
    assert kinds.count("begin") == kinds.count("end") > 0
    assert "replay" not in kinds
    assert bool(stand.ended) == (at_end is not None), "the allocator no longer captures"


def test_a_defect_is_not_taken_for_a_capture(stand: Stand) -> None:
    stand.fails_in, stand.fails_at_end = ValueError("a defect of ours"), INVALID
    with pytest.raises(ValueError, match="a defect of ours"):
        tokens(stand.engine)
    assert stand.current == "main"


def test_that_steps_are_not_captured_is_said(stand: Stand) -> None:
    stand.fails_at_end = INVALID
    with pytest.warns(UserWarning, match="without CUDA graphs, which is slower: CUDA error: operation"):
        tokens(stand.engine)
