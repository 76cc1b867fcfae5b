"""Who runs when: order of arrival, time limits, cancelling, refusing, budgets; none changes an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from locany.codec import Tokenizer
from locany.engine import Engine, EngineConfig, Finish, ImageInput, Params, Request
from locany.engine.graphs import StepGraphs
from locany.errors import DeviceError, EngineBusyError, EngineMemoryError, RequestError
from locany.model import LocateModel
from locany.model.cache import KVCache
from tests.tiny import tiny_model
from tests.unit.test_engine_crowd import VOCAB, toy_model, toy_question
from tests.unit.test_engine_invariants import (
    answers_alone,
    ask,
    assert_nothing_left,
    assert_same,
    questions,
)


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def model() -> LocateModel:
    return tiny_model(3, std=0.25)


@pytest.fixture(scope="module")
def alone(model: LocateModel, words: Tokenizer) -> list[Request]:
    return answers_alone(model, words, questions(words)[:4])


@pytest.fixture(scope="module")
def toys() -> list[Request]:
    """Toy questions, each answered in an engine of its own, with nothing of what makes engines fast."""
    config = EngineConfig(max_rows=1, share_prefixes=False, overlap=False)
    return [Engine(toy_model(), VOCAB, config).generate([toy_question(n)])[0] for n in range(32)]


def run_out(engine: Engine) -> list[Request]:
    """Step until nobody is left; what was finished, in order."""
    done: list[Request] = []
    while not engine.scheduler.is_idle:
        done += engine.step()
    return done


# -- order ------------------------------------------------------------------------------------------------


@settings(max_examples=12, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # shrinking takes minutes
@given(
    order=st.permutations(range(32)),
    gaps=st.lists(st.integers(0, 3), min_size=32, max_size=32),
    max_rows=st.sampled_from([1, 2, 5, 16]),
    prefill_tokens=st.sampled_from([1, 7, 4096]),
    overlap=st.booleans(),
)
def test_any_order_of_arrival_gives_the_answers_of_one_by_one(
    toys: list[Request], order: list[int], gaps: list[int], max_rows: int, prefill_tokens: int, overlap: bool
) -> None:
    config = EngineConfig(max_rows=max_rows, prefill_tokens=prefill_tokens, overlap=overlap)
    engine, asked = Engine(toy_model(), VOCAB, config), [toy_question(n) for n in range(32)]
    done: list[Request] = []
    for number, gap in zip(order, gaps, strict=True):
        engine.add(asked[number])
        for _ in range(gap):
            done += engine.step()
    done += run_out(engine)
    assert len(done) == len(set(map(id, done))) == len(asked)
    for mine, expected in zip(asked, toys, strict=True):
        assert_same(mine, expected)
    assert_nothing_left(engine)


def test_first_come_first_served(model: LocateModel, words: Tokenizer) -> None:
    """A large one at the head of the queue waits until it fits, and no small one goes before it."""
    small = [Request([1, 2, number], (), Params(mode="slow", max_new_tokens=9)) for number in range(8)]  # type: ignore[arg-type]
    large = Request([1] * 60, (), Params(mode="slow", max_new_tokens=9))  # type: ignore[arg-type]
    engine = Engine(model, words.vocab, EngineConfig(max_rows=4, max_tokens=80))
    arrived = [*small[:4], large, *small[4:]]
    for request in arrived:
        engine.add(request)
    begun: list[Request] = []
    while not engine.scheduler.is_idle:
        engine.step()
        waiting = list(engine.scheduler.waiting)
        begun = [r for r in arrived if r not in waiting]
        assert begun == arrived[: len(begun)]
    assert begun == arrived
    assert all(r.finish is not None for r in arrived)


# -- budgets ----------------------------------------------------------------------------------------------


def test_rows_times_the_longest_stay_within_the_budget(model: LocateModel, words: Tokenizer) -> None:
    budget, most = 300, 0
    engine = Engine(model, words.vocab, EngineConfig(max_rows=8, max_tokens=budget))
    lengths = [5, 60, 9, 150, 200, 4, 3, 3, 30, 90, 2, 100]
    needs = {}
    for number, length in enumerate(lengths):
        params = Params(mode="slow", compat=True, max_new_tokens=20)  # type: ignore[arg-type]
        request = Request([1 + number] * length, (), params)
        needs[id(request)] = length + 20
        engine.add(request)
    while not engine.scheduler.is_idle:
        engine.step()
        begun = [needs[id(r)] for r in (*engine.scheduler.preparing, *engine.scheduler.running)]
        most = max(most, len(begun))
        assert len(begun) * max(begun, default=0) <= budget
    assert most > 2


def test_the_cache_follows_the_budget(model: LocateModel, words: Tokenizer) -> None:
    """Many short rows, then a long one while others wait: the cache must not become many long rows."""
    engine = Engine(model, words.vocab, EngineConfig(max_rows=8, max_tokens=4096))
    params = Params(mode="slow", max_new_tokens=4)  # type: ignore[arg-type]
    short = [Request([1, number], (), params) for number in range(8)]
    for request in (*short, Request([1] * 3000, (), params), Request([1, 2], (), params)):
        engine.add(request)
    while not engine.scheduler.is_idle:
        engine.step()
        slots = engine.runner.cache.num_rows * engine.runner.cache.capacity
        assert slots <= 4096 + 8 * 36, "the columns of a step come on top of the budget"


@pytest.mark.parametrize("overlap", [False, True])
def test_slots_are_rounded_within_the_budget(overlap: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the cache is not copied again with every step, where there is no room for rounding."""
    resized, resize = list[int](), KVCache.resize

    def counted(cache: KVCache, num_rows: int, capacity: int) -> None:
        resized.append(num_rows * capacity)
        resize(cache, num_rows, capacity)

    monkeypatch.setattr(KVCache, "resize", counted)
    for num_rows, mode in ((16, "slow"), (4, "verified"), (4, "fast"), (1, "slow")):
        resized.clear()
        length = 160 // num_rows
        engine = Engine(toy_model(), VOCAB, EngineConfig(max_tokens=160, overlap=overlap))
        params = Params(mode=mode, max_new_tokens=length - 4)  # type: ignore[arg-type]
        asked = [Request([1, 2, 3, number], (), params) for number in range(num_rows)]
        engine.generate(asked)
        assert len(resized) == 1
        assert resized[0] <= 160 + num_rows * 36


def test_what_never_fits_is_refused(model: LocateModel, words: Tokenizer) -> None:
    engine = Engine(model, words.vocab, EngineConfig(max_tokens=100))
    with pytest.raises(RequestError, match=r"prompt and answer may come to 110 tokens.*memory for 100"):
        engine.add(Request([1] * 50, (), Params(max_new_tokens=60)))
    assert_nothing_left(engine)


def test_a_full_queue_refuses(model: LocateModel, words: Tokenizer) -> None:
    engine = Engine(model, words.vocab, EngineConfig(max_rows=1, max_waiting=2))
    first, second, third = (ask(words, number, max_new_tokens=6) for number in range(3))
    engine.add(first)
    engine.add(second)
    with pytest.raises(EngineBusyError, match="2 questions wait already"):
        engine.add(third)
    engine.step()  # the first has a row now
    engine.add(third)
    assert run_out(engine) == [first, second, third]
    assert_nothing_left(engine)


# -- time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlap", [False, True])
def test_time_is_up_in_every_phase_of_life(
    model: LocateModel, words: Tokenizer, alone: list[Request], overlap: bool
) -> None:
    """One is running, one has half a prefill, one waits; what was answered is kept, others do not notice."""
    clock, knobs = Clock(), {"mode": "slow", "compat": True, "max_new_tokens": 200}
    config = EngineConfig(max_rows=3, prefill_tokens=2, overlap=overlap)
    engine = Engine(model, words.vocab, config, clock=clock)
    whole = answers_alone(model, words, [ask(words, 0, **knobs)])[0]
    running = ask(words, 0, timeout_s=10, **knobs)
    patient = questions(words)[1]
    engine.add(running)
    while len(running.tokens) < 5:
        engine.step()
    preparing, waiting, gone = (ask(words, 3, timeout_s=10, **knobs) for _ in range(3))
    gone.params = Params(timeout_s=0.5)
    for request in (patient, preparing, waiting, gone):
        engine.add(request)
    engine.step()
    assert preparing in engine.scheduler.preparing
    assert waiting in engine.scheduler.waiting
    clock.now = 1.0
    assert engine.step() == [gone]
    clock.now = 9.999
    assert not engine.step()
    clock.now = 10.5
    done = engine.step()
    assert {id(running), id(preparing), id(waiting)} >= set(map(id, done)) >= {id(running)}
    done += run_out(engine)
    for request in (running, preparing, waiting, gone):
        assert request.finish is Finish.TIMEOUT
        assert request.truncated
    assert len(running.tokens) >= 5
    assert running.tokens == whole.tokens[: len(running.tokens)]
    assert len(running.tokens) == len(running.token_scores) == len(running.provenance)
    assert preparing.tokens == waiting.tokens == gone.tokens == []
    assert_same(patient, alone[1])
    assert engine.stats.finishes["timeout"] == 4
    assert_nothing_left(engine)


def test_time_begins_with_the_question(model: LocateModel, words: Tokenizer) -> None:
    """Not with the engine, and not with the row."""
    clock = Clock()
    engine = Engine(model, words.vocab, EngineConfig(max_rows=1), clock=clock)
    clock.now = 100.0
    quick, late = ask(words, 0, timeout_s=3, max_new_tokens=4), ask(words, 1, timeout_s=3)
    engine.generate([quick])
    assert quick.finish is not Finish.TIMEOUT
    engine.add(late)
    clock.now = 103.0
    assert engine.step() == [late]
    assert late.finish is Finish.TIMEOUT


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("mode", ["fast", "hybrid", "slow", "verified"])
def test_an_answer_that_time_cuts_has_the_scores_of_its_boxes(
    golden_model: LocateModel, words: Tokenizer, mode: str, overlap: bool
) -> None:
    """Behind one more step, which commits nothing; tokens and scores are those of the whole answer."""
    scored = 0
    for number in range(4):
        (whole,) = Engine(golden_model, words.vocab).generate([ask(words, number, mode=mode)])
        for at in range(len(whole.commits)):
            clock, request = Clock(), ask(words, number, mode=mode, timeout_s=1)
            engine = Engine(golden_model, words.vocab, EngineConfig(overlap=overlap), clock=clock)
            engine.add(request)
            while request.finish is None and len(request.commits) <= at:
                engine.step()
            if request.finish is not None:
                continue
            clock.now = 2.0
            assert engine.step() == [request]
            assert request.finish is Finish.TIMEOUT
            assert len(request.commits) == at + 1
            length = len(request.tokens)
            assert request.tokens == whole.tokens[:length]
            np.testing.assert_allclose(request.token_scores, whole.token_scores[:length], atol=2e-4)
            np.testing.assert_allclose(request.expected_bins, whole.expected_bins[:length], atol=2e-2)
            scored += length
            assert_nothing_left(engine)
            assert engine.stats.finishes == {"timeout": 1}
    assert scored > 20


def test_an_answer_that_a_limit_cut_stays_so_when_its_time_is_up(
    golden_model: LocateModel, words: Tokenizer
) -> None:
    """While its last step is still to come."""
    clock, request = Clock(), ask(words, 0, mode="fast", max_new_tokens=1, timeout_s=1)
    engine = Engine(golden_model, words.vocab, EngineConfig(overlap=False), clock=clock)
    engine.add(request)
    while request.closing is None:
        engine.step()
    clock.now = 2.0
    assert engine.step() == [request]
    assert request.finish is Finish.LIMIT
    assert_nothing_left(engine)


# -- cancelling -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 2, 5, 9])
def test_cancel_at_any_time(
    model: LocateModel, words: Tokenizer, alone: list[Request], steps: int, overlap: bool
) -> None:
    config = EngineConfig(max_rows=3, prefill_tokens=3, overlap=overlap)
    engine = Engine(model, words.vocab, config)
    unwanted = [ask(words, number, max_new_tokens=60, mode="slow", compat=True) for number in range(4)]
    wanted = questions(words)
    for pair in zip(unwanted, wanted, strict=False):
        engine.add(pair[0])
        engine.add(pair[1])
    for _ in range(steps):
        engine.step()
    finished = {id(r) for r in unwanted if r.finish is not None}
    for request in unwanted:
        before = list(request.tokens)
        engine.cancel(request)
        engine.cancel(request)  # unknown by now: ignored
        assert request.tokens == before
    done = run_out(engine)
    assert not set(map(id, done)) & set(map(id, unwanted))
    for request in unwanted:
        assert (request.finish is Finish.CANCELLED) == (id(request) not in finished)
    for mine, expected in zip(wanted[:4], alone, strict=False):
        assert_same(mine, expected)
    assert_nothing_left(engine)


def test_cancelling_one_of_two_that_share_an_image(model: LocateModel, words: Tokenizer) -> None:
    """The other one still gets its prefix; with both gone, nobody computes it."""
    for cancelled in ((0,), (1,), (0, 1)):
        engine = Engine(model, words.vocab, EngineConfig(prefill_tokens=1))
        pair = [ask(words, 3, max_new_tokens=12) for _ in range(2)]
        for request in pair:
            engine.add(request)
        for _ in range(3):
            engine.step()
        assert engine.scheduler.preparing == pair
        for number in cancelled:
            engine.cancel(pair[number])
        assert engine.prefiller.is_idle == (len(cancelled) == 2)
        prefilled = engine.stats.num_prefilled
        run_out(engine)
        if len(cancelled) == 2:
            assert engine.stats.num_prefilled == prefilled
        for number, request in enumerate(pair):
            if number not in cancelled:
                assert_same(request, answers_alone(model, words, [ask(words, 3, max_new_tokens=12)])[0])
        assert_nothing_left(engine)


def test_generate_that_is_interrupted_leaves_nothing(
    model: LocateModel, words: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(model, words.vocab, EngineConfig(max_rows=2))
    asked = [ask(words, number) for number in range(5)]
    step = engine.runner.step

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        if engine.stats.num_steps == 3:
            raise KeyboardInterrupt
        return step(*args, **kwargs)

    monkeypatch.setattr(engine.runner, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.generate(asked)
    assert all(request.finish is not None for request in asked)
    assert_nothing_left(engine)


def test_who_joins_leaves_the_others_their_cache() -> None:
    """Where the budget does not hold the cache as large as it is, it shrinks; never below a running row."""

    def long() -> Request:
        return Request([n % 9 for n in range(900)], (), Params(mode="slow", max_new_tokens=30))  # type: ignore[arg-type]

    (alone,) = Engine(toy_model(), VOCAB).generate([long()])
    engine = Engine(toy_model(), VOCAB, EngineConfig(max_tokens=2000))
    first = engine.add(long())
    for _ in range(3):
        engine.step()
    assert 2 * engine.runner.cache.capacity > 2000
    engine.add(Request([1, 2, 3], (), Params(max_new_tokens=10)))
    run_out(engine)
    assert_same(first, alone)
    assert_nothing_left(engine)


def test_rows_that_left_together_are_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """With graphs a step makes rows that nobody has: those must fit into a cache that is smaller now."""
    monkeypatch.setattr(StepGraphs, "_capture", lambda graphs, shape: graphs._run(shape))
    monkeypatch.setattr("locany.engine.memory._IDLE_BYTES", 0)

    def asked(length: int) -> Request:
        return Request([1] * length, (), Params(mode="slow", max_new_tokens=3))  # type: ignore[arg-type]

    engine = Engine(toy_model(), VOCAB)
    runner = engine.runner
    runner._graphs = StepGraphs(runner.run, runner.rows, lambda: runner.cache)
    engine.generate([asked(1500) for _ in range(4)])
    got = engine.generate([asked(10) for _ in range(3)])
    (alone,) = Engine(toy_model(), VOCAB).generate([asked(10)])
    for request in got:
        assert_same(request, alone)


def test_an_image_that_cannot_be_read_stops_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [n for n in range(32) if toy_question(n).images and toy_question(n).params.max_new_tokens]
    engine = Engine(toy_model(), VOCAB)
    asked = [engine.add(toy_question(number)) for number in numbers[:3]]
    look, broken = ImageInput.digest.func, {id(asked[1].images[0])}  # type: ignore[attr-defined]

    def digest(image: ImageInput) -> bytes:
        if id(image) in broken:
            raise MemoryError
        return look(image)  # type: ignore[no-any-return]

    monkeypatch.setattr(ImageInput, "digest", property(digest))
    run_out(engine)
    assert asked[1].finish is Finish.ERROR
    assert isinstance(asked[1].error, EngineMemoryError)
    for number, request in zip((numbers[0], numbers[2]), (asked[0], asked[2]), strict=True):
        assert_same(request, Engine(toy_model(), VOCAB).generate([toy_question(number)])[0])
    monkeypatch.setattr(ImageInput, "digest", property(lambda _: 1 / 0))
    late = [engine.add(toy_question(number)) for number in numbers[:2]]
    with pytest.raises(ZeroDivisionError):
        engine.step()
    assert [request.finish for request in late] == [Finish.ERROR] * 2
    assert engine.step() == []
    assert_nothing_left(engine)


def test_refused_before_others_could_suffer() -> None:
    """What would fail in the model, beside others, or end all work of a GPU."""
    engine, prompt = Engine(toy_model(), VOCAB), [VOCAB.image, VOCAB.image_token, VOCAB.image_end, 1]
    pixels = np.zeros((4, 3, 14, 14), np.float32)
    for tokens, images, message in (
        ([1, VOCAB.size], (), "the prompt has token 44, the vocabulary has 0 to 43"),
        ([-1, 1], (), "the prompt has token -1"),
        (prompt, (ImageInput(pixels[..., :12], (2, 2)),), r"of shape \(4, 3, 14, 12\), expected a float32"),
        (prompt, (ImageInput(pixels.astype(float), (2, 2)),), "an image is float64"),
        ([1, 2], (ImageInput(pixels[:0], (0, 0)),), "a grid of 0 x 0 patches, expected positive multiples"),
        (prompt, (ImageInput(pixels, (-2, -2)),), "a grid of -2 x -2 patches, expected positive"),
        (prompt, (ImageInput(pixels, (1, 4)),), "a grid of 1 x 4 patches, expected positive multiples of 2"),
    ):
        with pytest.raises(RequestError, match=message):
            engine.add(Request(tokens, images))
    assert engine.scheduler.is_idle


def test_graphs_without_cuda_are_refused() -> None:
    with pytest.raises(DeviceError, match="graphs=True captures steps on CUDA, the model is on cpu"):
        Engine(toy_model(), VOCAB, EngineConfig(graphs=True))
