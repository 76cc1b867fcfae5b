"""What holds for any model: batches change nothing, the cache changes nothing, order changes nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from locany.codec import Tokenizer, label_ids, prompt_ids
from locany.engine import DecodeMode, Engine, EngineConfig, Finish, ImageInput, Params, Phase, Request
from locany.engine.batch import StepBatch
from locany.engine.runner import Runner
from locany.engine.step import StepLogits
from locany.errors import RequestError
from locany.model import LocateModel
from locany.model.masks import Layout, visible
from locany.tasks import Task
from tests.tiny import tiny_model

GRIDS = [(2, 2), (4, 6), (6, 2), (8, 8)]
TASKS = [Task.detect(["cat", "red car"]), Task.point("button"), Task.text(), Task.ground("the left dog")]
KNOBS: list[dict[str, Any]] = [
    {"mode": "hybrid"},
    {"mode": "slow"},
    {"mode": "fast", "repetition_penalty": 1.2},
    {"mode": "hybrid", "temperature": 0.8, "top_p": 0.9, "seed": 3},
    {"mode": "fast", "temperature": 1.0, "top_k": 20, "seed": 4},
    {"mode": "slow", "temperature": 0.7, "seed": 5, "repetition_penalty": 1.1},
    {"mode": "hybrid", "compat": True, "top_p": 0.9},
    {"mode": "fast", "compat": True, "top_p": 0.9},
    {"mode": "slow", "compat": True},
    {"mode": "hybrid", "max_boxes": 2, "presence": 0.2},
    {"mode": "verified", "presence": 0.8},
    {"mode": "verified", "temperature": 0.8, "top_p": 0.9, "seed": 6, "repetition_penalty": 1.1},
    {"mode": "hybrid", "compat": True, "temperature": 0.7, "seed": 7},
    {"mode": "slow", "compat": True, "temperature": 0.7, "top_p": 0.9, "seed": 8},
]


@pytest.fixture(scope="module")
def wild_model() -> LocateModel:
    """Random weights, large enough that the most probable token leads by more than rounding."""
    return tiny_model(3, std=0.25)


@pytest.fixture(params=["random", "trained"])
def model(request: pytest.FixtureRequest) -> LocateModel:
    name = "wild_model" if request.param == "random" else "golden_model"
    found: LocateModel = request.getfixturevalue(name)
    return found


def ask(
    words: Tokenizer, number: int, grids: Sequence[tuple[int, int]] | None = None, **knobs: Any
) -> Request:
    """Question `number`: always the same images and words for the same number."""
    rng = np.random.default_rng(number)
    grids = [GRIDS[number % len(GRIDS)]] if grids is None else grids
    images = [ImageInput(rng.normal(0, 0.7, (h * w, 3, 14, 14)).astype(np.float32), (h, w)) for h, w in grids]
    task = TASKS[number % len(TASKS)]
    prompt = prompt_ids(words, task, [h * w // 4 for h, w in grids])
    labels = label_ids(words, task) if number % 3 else ()
    params = {"max_new_tokens": 18 + 5 * (number % 4)} | knobs
    return Request(prompt, tuple(images), Params(**params), labels)


def questions(words: Tokenizer, count: int = 16) -> list[Request]:
    asked = [ask(words, i, **KNOBS[i % len(KNOBS)]) for i in range(count)]
    asked[4] = ask(words, 4, [], **KNOBS[4])
    asked[7] = ask(words, 7, [(2, 4), (4, 4)], **KNOBS[7])
    return asked


def assert_same(got: Request, expected: Request) -> None:
    assert got.tokens == expected.tokens
    assert got.provenance == expected.provenance
    assert got.finish is expected.finish
    assert got.items == expected.items
    np.testing.assert_allclose(got.token_scores, expected.token_scores, atol=2e-4)
    np.testing.assert_allclose(got.block_scores, expected.block_scores, atol=2e-4)
    np.testing.assert_allclose(got.expected_bins, expected.expected_bins, atol=2e-2)


def assert_nothing_left(engine: Engine) -> None:
    """No request, and nothing that was made for one, but what is kept for later questions on purpose."""
    scheduler, prefiller = engine.scheduler, engine.prefiller
    assert scheduler.is_idle
    assert prefiller.is_idle
    assert (scheduler.needs, engine._prefixes, prefiller._by_key, engine.runner._generators) == (
        {},
        {},
        {},
        {},
    )
    assert prefiller.features.num_bytes <= engine.config.feature_bytes
    assert prefiller.prefixes.num_bytes <= engine.config.prefix_bytes


def answers_alone(model: LocateModel, words: Tokenizer, asked: list[Request]) -> list[Request]:
    return [Engine(model, words.vocab).generate([request])[0] for request in asked]


@pytest.fixture(scope="module")
def alone(wild_model: LocateModel, golden_model: LocateModel, words: Tokenizer) -> dict[int, list[Request]]:
    """By model: every question answered in an engine of its own."""
    return {id(m): answers_alone(m, words, questions(words)) for m in (wild_model, golden_model)}


@pytest.mark.parametrize("max_rows", [1, 4, 16])
def test_batch_of_many_equals_batch_of_one(
    model: LocateModel, words: Tokenizer, alone: dict[int, list[Request]], max_rows: int
) -> None:
    engine = Engine(model, words.vocab, EngineConfig(max_rows=max_rows))
    got = engine.generate(questions(words))
    for mine, expected in zip(got, alone[id(model)], strict=True):
        assert_same(mine, expected)
    assert engine.runner.cache.num_rows <= max_rows
    assert_nothing_left(engine)
    assert engine.stats.num_requests == len(got)
    assert engine.stats.num_tokens == sum(len(r.tokens) for r in got)
    assert sum(engine.stats.finishes.values()) == len(got)
    assert len({len(r.commits) for r in got}) > 2  # rows are retired, moved and filled again on the way


def test_order_does_not_matter(model: LocateModel, words: Tokenizer, alone: dict[int, list[Request]]) -> None:
    order = np.random.default_rng(0).permutation(len(questions(words))).tolist()
    asked = questions(words)
    Engine(model, words.vocab, EngineConfig(max_rows=3)).generate([asked[i] for i in order])
    for mine, expected in zip(asked, alone[id(model)], strict=True):
        assert_same(mine, expected)


def test_requests_added_and_cancelled_while_others_run(
    model: LocateModel, words: Tokenizer, alone: dict[int, list[Request]]
) -> None:
    engine, asked = Engine(model, words.vocab, EngineConfig(max_rows=3)), questions(words)
    unwanted = [ask(words, 20 + i, max_new_tokens=500, mode="slow") for i in range(4)]
    queue: list[Request] = []
    for number, request in enumerate(asked):
        queue += [unwanted[number // 3], request] if number in (0, 3, 6, 9) else [request]
    waiting, done = list(queue), []
    while waiting or not engine.scheduler.is_idle:
        for request in waiting[:2]:
            engine.add(request)
        waiting = waiting[2:]
        done += engine.step()
        for request in unwanted:  # some wait, some run, some are unknown
            if len(request.commits) > 2 or len(done) > 5:
                engine.cancel(request)
    assert set(map(id, done)) == set(map(id, asked))
    assert all(request.finish is Finish.CANCELLED and request.truncated for request in unwanted)
    for mine, expected in zip(asked, alone[id(model)], strict=True):
        assert_same(mine, expected)
    assert_nothing_left(engine)


class _Watch(Runner):
    """Holds the logits of every step against a forward over the whole text without a cache."""

    def __init__(self, engine: Engine, asked: Sequence[Request]):
        super().__init__(engine.runner.model, engine.vocab, engine.config)
        self.engine, self.worst = engine, 0.0
        self.phases, self.most_drafts = set[Phase](), 0
        self.images = {id(request): request.images for request in asked}  # the engine drops them
        engine.runner = self

    def forward(self, batch: StepBatch) -> StepLogits:
        logits, rows = super().forward(batch), self.rows.view(len(batch.token_ids))
        for row, request in enumerate(self.engine.scheduler.running):
            assert not request.images, "pixels are not kept"
            self.phases.add(request.phase)
            count, drafts = int(rows.num_pending[row]), int(rows.num_drafts[row])
            self.most_drafts = max(self.most_drafts, drafts)
            assert (count, drafts) == (request.num_pending + request.num_drafts, request.num_drafts)
            text = [*request.prompt, *request.tokens, *rows.pending[row, rows.width - drafts :].tolist()]
            assert int(rows.text_len[row]) == len(text)
            assert text[-count:] == rows.pending[row, rows.width - count :].tolist()
            assert bool(rows.parallel[row]) == (request.phase is Phase.PARALLEL)
            expected_real, expected_window = self.whole(text, self.images[id(request)])
            self.compare(logits.real[row, -count:], expected_real[-count:])
            if request.phase is Phase.PARALLEL:
                assert logits.window is not None
                self.compare(logits.window[row], expected_window)
        return logits

    def compare(self, got: torch.Tensor, expected: torch.Tensor) -> None:
        self.worst = max(self.worst, float((got - expected).abs().max() / expected.abs().max()))

    def whole(self, text: list[int], images: Sequence[ImageInput]) -> tuple[torch.Tensor, torch.Tensor]:
        vocab, n = self.vocab, len(text)
        ids = torch.tensor([[*text, text[-1], *[vocab.mask] * (vocab.block_size - 1)]])
        index = torch.tensor([[*range(n), *[n - 1] * vocab.block_size]])
        block = torch.tensor([[*[-1] * n, *[0] * vocab.block_size]])
        positions = torch.tensor([[*range(n), *range(n - 1, n - 1 + vocab.block_size)]])
        layout = Layout(torch.zeros_like(ids), torch.zeros_like(ids), index, block)
        visual = None
        if images:
            pixels = torch.cat([torch.from_numpy(image.pixel_values) for image in images])
            visual = self.model.encode_images(pixels, [image.grid_hw for image in images])
        hidden = self.model(ids, positions, visible(layout, layout), visual)
        logits = self.model.decoder.logits(hidden)[0]
        return logits[:n], logits[n:]


def test_cached_equals_uncached(model: LocateModel, words: Tokenizer) -> None:
    engine, asked = Engine(model, words.vocab, EngineConfig(max_rows=3)), questions(words, 12)
    watch = _Watch(engine, asked)
    engine.generate(asked)
    assert watch.phases == {Phase.PARALLEL, Phase.SEQUENTIAL}
    assert watch.most_drafts > 1
    assert watch.worst < 1e-4


def test_cache_grows_while_rows_run(wild_model: LocateModel, words: Tokenizer) -> None:
    """A long prompt arrives when a short one is being answered: nothing that is stored may be lost."""

    def two() -> list[Request]:
        return [
            ask(words, 0, max_new_tokens=40, mode="slow"),
            ask(words, 1, [(24, 24), (24, 24)], max_new_tokens=20),
        ]

    expected, (short, long) = answers_alone(wild_model, words, two()), two()
    engine = Engine(wild_model, words.vocab)
    engine.add(short)
    for _ in range(5):
        engine.step()
    before = engine.runner.cache.capacity, engine.runner.cache.num_rows
    engine.generate([long])
    assert engine.runner.cache.capacity > before[0] >= short.text_len
    assert engine.runner.cache.num_rows == 2 > before[1]
    assert_same(short, expected[0])
    assert_same(long, expected[1])


def test_answer_longer_than_the_first_reservation(wild_model: LocateModel, words: Tokenizer) -> None:
    request = ask(words, 0, [], max_new_tokens=300, mode="slow", compat=True)
    engine = Engine(wild_model, words.vocab)
    engine.step()  # nothing to do is no error
    watch = _Watch(engine, [request])
    engine.generate([request])
    if len(request.tokens) == 300:
        assert engine.runner.cache.capacity >= 300 + len(request.prompt)
    assert watch.worst < 1e-4


@pytest.mark.parametrize("mode", ["hybrid", "fast", "slow", "verified"])
@pytest.mark.parametrize("limit", [0, 1, 5])
def test_small_limits(wild_model: LocateModel, words: Tokenizer, mode: str, limit: int) -> None:
    request = Engine(wild_model, words.vocab).generate([ask(words, 0, mode=mode, max_new_tokens=limit)])[0]
    assert len(request.tokens) <= (limit + 5 if limit else 0)
    assert request.finish is not None
    assert request.truncated == (request.finish is Finish.LIMIT)
    assert (limit == 0) == (request.commits == [])
    if mode in ("slow", "verified"):
        assert len(request.tokens) <= limit


def test_a_limit_by_context_length(wild_model: LocateModel, words: Tokenizer) -> None:
    request = ask(words, 0, mode="slow", compat=True, max_new_tokens=500)
    engine = Engine(wild_model, words.vocab, EngineConfig(max_length=len(request.prompt) + 4))
    engine.generate([request])
    assert request.finish is Finish.LIMIT
    assert request.truncated
    assert len(request.tokens) == 4


def test_prompt_that_fills_the_context(wild_model: LocateModel, words: Tokenizer) -> None:
    first, published, ours = (ask(words, 0, compat=c, max_new_tokens=9) for c in (True, True, False))
    engine = Engine(wild_model, words.vocab, EngineConfig(max_length=len(ours.prompt)))
    with pytest.raises(RequestError, match=rf"the prompt has {len(ours.prompt)} tokens.*smaller or fewer"):
        engine.generate([first, ours])
    assert engine.scheduler.is_idle  # the one before it is not left in the queue
    engine.generate([published])
    assert published.tokens == []
    assert first.finish is published.finish is Finish.LIMIT
    assert engine.stats.finishes == {"limit": 2}, "the one that was taken out again was over already"


def test_a_step_that_fails_leaves_nothing_behind(wild_model: LocateModel, words: Tokenizer) -> None:
    bad = ask(words, 1)
    bad.images = ask(words, 2).images  # another number of image tokens than the prompt has
    engine = Engine(wild_model, words.vocab)
    with pytest.raises(RequestError, match=r"the prompt has \d+ image tokens, its 1 images make \d+"):
        engine.generate([ask(words, 0), bad])
    assert_nothing_left(engine)
    fresh = ask(words, 2)
    engine.generate([fresh])
    assert_same(fresh, answers_alone(wild_model, words, [ask(words, 2)])[0])


def test_refused_before_anything_runs(wild_model: LocateModel, words: Tokenizer) -> None:
    engine = Engine(wild_model, words.vocab)
    with pytest.raises(RequestError, match="the prompt is empty"):
        engine.add(Request([]))
    for name in ("max_rows", "max_length"):
        with pytest.raises(RequestError, match=rf"{name} is 0, expected an integer of at least 1"):
            EngineConfig(**{name: 0})


def test_every_token_has_a_record(model: LocateModel, words: Tokenizer) -> None:
    for request in Engine(model, words.vocab, EngineConfig(max_rows=5)).generate(questions(words)):
        num = len(request.tokens)
        assert len(request.provenance) == len(request.token_scores) == len(request.block_scores) == num
        assert [math.isnan(mean) for mean in request.expected_bins] == [
            not words.vocab.is_coord(token) for token in request.tokens
        ]
        committed = [token for commit in request.commits for token in commit.tokens]
        assert committed[:num] == request.tokens  # a repeated box is taken back, so there may be more
        for commit in request.commits:
            judged = commit.phase is Phase.PARALLEL and request.params.mode is not DecodeMode.VERIFIED
            assert (commit.kind is not None) == judged
        for start in range(num):
            for stop in (start + 1, num):
                score = request.score(start, stop)
                assert 0 <= score <= 1
                assert not math.isnan(score)
        assert request.score(3, 3) == 0
