"""Boxes while they are decoded: the items of `generate`, in its order, each before the answer is over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from locany.codec import Tokenizer, Vocab
from locany.engine import Engine, EngineConfig, Finish, Found, ImageInput, Params, Request
from locany.errors import EngineMemoryError
from locany.model import LocateModel
from tests.scripted import in_turn, one, scripted_engine, slots
from tests.unit.test_engine_crowd import VOCAB, toy_model, toy_question
from tests.unit.test_engine_invariants import ask, assert_nothing_left, assert_same

MODES = ["fast", "slow", "hybrid", "verified"]


def items(request: Request) -> list[Found]:
    """The items of a finished answer."""
    found: list[Found] = []
    while (item := request.found(len(found))) is not None:
        found.append(item)
    return found


def assert_same_items(got: list[Found], expected: list[Found]) -> None:
    def plain(found: Found) -> tuple[Any, ...]:
        return found.label, found.bins, found.provenance, found.start, found.stop

    assert [plain(found) for found in got] == [plain(found) for found in expected]
    for mine, other in zip(got, expected, strict=True):
        assert mine.score == pytest.approx(other.score, abs=1e-4)
        assert mine.means == pytest.approx(other.means, abs=1e-2)
        assert len(mine.means) == len(mine.bins)


@pytest.mark.parametrize("overlap", [False, True])
def test_stream_gives_what_generate_gives(golden_model: LocateModel, words: Tokenizer, overlap: bool) -> None:
    config, num_items = EngineConfig(overlap=overlap), 0
    for number in range(16):
        mode = MODES[number % 4]
        expected = ask(words, number, mode=mode, max_new_tokens=50)
        Engine(golden_model, words.vocab, config).generate([expected])
        engine, request = (
            Engine(golden_model, words.vocab, config),
            ask(words, number, mode=mode, max_new_tokens=50),
        )
        got = list(engine.stream(request))
        assert_same_items(got, items(expected))
        assert_same_items(got, items(request))
        assert_same(request, expected)
        assert [(found.label, found.bins) for found in got] == [(i.label, i.bins) for i in expected.items]
        num_items += len(got)
        assert_nothing_left(engine)
    assert num_items > 10


@pytest.mark.parametrize("overlap", [False, True])
def test_toy_streams(overlap: bool) -> None:
    engine, num_items = Engine(toy_model(), VOCAB, EngineConfig(overlap=overlap)), 0
    for number in range(120):
        request, expected = toy_question(number), toy_question(number)
        engine.generate([expected])
        got = list(engine.stream(request))
        assert_same_items(got, items(expected))
        num_items += len(got)
    assert num_items > 10
    assert_nothing_left(engine)


def box(vocab: Vocab, *bins: int) -> torch.Tensor:
    return slots(vocab, vocab.box, *map(vocab.coord, bins), vocab.box_end)


@pytest.mark.parametrize("mode", ["fast", "hybrid"])
def test_a_box_of_a_block_comes_one_step_later(vocab: Vocab, mode: str) -> None:
    """Not before: only the next step knows its score."""
    boxes = [(k, k, k + 5, k + 5) for k in range(6)]
    script = [
        slots(vocab, vocab.ref, 300, vocab.ref_end),
        *(box(vocab, *b) for b in boxes),
        slots(vocab, vocab.end),
    ]
    request = Request([1, 2, 3], (), Params(mode=mode))  # type: ignore[arg-type]
    engine, steps = scripted_engine(vocab, in_turn(*script)), []
    for number, found in enumerate(engine.stream(request)):
        assert (found.label, found.bins) == ((300,), boxes[number])
        assert request.finish is None or number == len(boxes) - 1
        steps.append(engine.stats.num_steps)
    assert steps == [3, 4, 5, 6, 7, 8]  # the label is step 1, the first box is step 2


def test_a_box_token_by_token_comes_at_once(vocab: Vocab) -> None:
    boxes = [(k, k, k + 5, k + 5) for k in range(3)]
    tokens = [t for b in boxes for t in (vocab.box, *map(vocab.coord, b), vocab.box_end)]
    request = Request([1, 2, 3], (), Params(mode="slow"))  # type: ignore[arg-type]
    engine = scripted_engine(vocab, in_turn(*(one(vocab, t) for t in (*tokens, vocab.end))))
    steps = []
    for found in engine.stream(request):
        assert found.bins == boxes[len(steps)]
        assert request.finish is None
        steps.append(engine.stats.num_steps)
    assert steps == [6, 12, 18]


def test_boxes_of_a_network_come_before_the_end(golden_model: LocateModel, words: Tokenizer) -> None:
    """Each at the latest one step after its commit."""
    engine, early = Engine(golden_model, words.vocab, EngineConfig(overlap=False)), 0
    for number in range(32):
        request = ask(words, number // 4, mode=MODES[number % 4], max_new_tokens=50)
        for found in engine.stream(request):
            num_before = sum(len(commit.tokens) for commit in request.commits[:-2])
            assert num_before < found.stop, "it could have been had before"
            early += request.finish is None
    assert early > 5


def test_closing_a_stream_cancels(golden_model: LocateModel, words: Tokenizer) -> None:
    engine, other = Engine(golden_model, words.vocab), ask(words, 1)
    engine.add(other)
    for number in range(16):
        request = ask(words, number, mode="slow", max_new_tokens=50)
        stream = engine.stream(request)
        if next(stream, None) is not None and request.finish is None:
            break
    assert request in engine.scheduler.running
    stream.close()  # type: ignore[attr-defined]
    assert request.finish is Finish.CANCELLED
    assert request not in engine.scheduler.running
    engine.generate([])
    assert_same(other, Engine(golden_model, words.vocab).generate([ask(words, 1)])[0])
    assert_nothing_left(engine)


def test_others_go_on_while_one_streams(golden_model: LocateModel, words: Tokenizer) -> None:
    engine = Engine(golden_model, words.vocab, EngineConfig(max_rows=2))
    others = [ask(words, number, mode=MODES[number % 4]) for number in range(5)]
    for request in others:
        engine.add(request)
    mine = ask(words, 7, max_new_tokens=50)
    got = list(engine.stream(mine))
    engine.generate([])
    again = ask(words, 7, max_new_tokens=50)
    Engine(golden_model, words.vocab).generate([again])
    assert_same_items(got, items(again))
    for number, request in enumerate(others):
        expected = ask(words, number, mode=MODES[number % 4])
        assert_same(request, Engine(golden_model, words.vocab).generate([expected])[0])


def test_a_stream_that_fails_says_why(
    golden_model: LocateModel, words: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("full")

    engine = Engine(golden_model, words.vocab)
    monkeypatch.setattr(golden_model, "encode_images", full)
    with pytest.raises(EngineMemoryError, match="not enough memory for an image of 4 patches"):
        list(engine.stream(ask(words, 0)))
    assert_nothing_left(engine)


def test_a_stream_that_was_never_begun_cancels_when_it_is_closed() -> None:
    engine, request = Engine(toy_model(), VOCAB), toy_question(3)
    engine.stream(request).close()  # type: ignore[attr-defined]
    assert request.finish is Finish.CANCELLED
    assert_nothing_left(engine)


def test_a_stream_that_is_over_before_it_begins_counts() -> None:
    for steps in (0, 1):
        engine = Engine(toy_model(), VOCAB)
        request = Request([1, 2, 3], (), Params(max_new_tokens=0))
        stream = engine.stream(request)
        for _ in range(steps):
            engine.step()
        assert list(stream) == []
        assert request.finish is Finish.LIMIT
        assert engine.stats.num_requests == 1
        assert engine.stats.finishes == {"limit": 1}
        assert_nothing_left(engine)


def test_the_cache_is_given_back_after_a_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locany.engine.memory._IDLE_BYTES", 0)
    engine = Engine(toy_model(), VOCAB)
    stream = engine.stream(next(q for q in map(toy_question, range(99)) if q.params.max_new_tokens > 8))
    next(stream, None)
    stream.close()  # type: ignore[attr-defined]
    assert engine.runner.cache.num_bytes == 0


def test_pixels_are_read_once_for_all_questions_about_them() -> None:
    pixels = np.zeros((4, 3, 14, 14), np.float32)
    image = ImageInput(pixels, (2, 2))
    before = image.digest
    pixels += 1
    assert image.digest == before != ImageInput(pixels, (2, 2)).digest
    assert ImageInput(pixels[:, :, ::-1], (2, 2)).digest == ImageInput(pixels.copy(), (2, 2)).digest
