"""One image, many questions: encoded once, prefilled once, in pieces, within limits, no answer changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from locany.codec import Tokenizer, prompt_ids
from locany.engine import Engine, EngineConfig, ImageInput, Params, Request
from locany.model import LocateModel
from locany.tasks import Task
from tests.tiny import tiny_model
from tests.unit.test_engine_crowd import VOCAB, toy_model, toy_question
from tests.unit.test_engine_invariants import assert_nothing_left, assert_same

CATEGORIES = ["cat", "red car", "dog", "button", "tree"]


def picture(number: int, height: int = 4, width: int = 6) -> ImageInput:
    rng = np.random.default_rng(number)
    return ImageInput(rng.normal(0, 0.7, (height * width, 3, 14, 14)).astype(np.float32), (height, width))


def about(words: Tokenizer, images: Sequence[ImageInput], category: str) -> Request:
    """A question; its images are copies: only their content is the same."""
    copies = tuple(replace(image, pixel_values=image.pixel_values.copy()) for image in images)
    prompt = prompt_ids(words, Task.detect([category]), [len(i.pixel_values) // 4 for i in images])
    return Request(prompt, copies, Params(max_new_tokens=12))


@pytest.fixture(scope="module")
def model() -> LocateModel:
    return tiny_model(3, std=0.25)


def plain(model: LocateModel, words: Tokenizer, asked: Sequence[Request]) -> list[Request]:
    """The same questions, each in an engine of its own, with nothing shared."""
    again = [Request(list(one.prompt), one.images, one.params, one.labels) for one in asked]
    config = EngineConfig(share_prefixes=False)
    return [Engine(model, words.vocab, config).generate([request])[0] for request in again]


def test_one_image_many_questions(model: LocateModel, words: Tokenizer) -> None:
    asked = [about(words, [picture(0)], category) for category in CATEGORIES]
    expected = plain(model, words, asked)
    engine = Engine(model, words.vocab)
    for mine, other in zip(engine.generate(asked), expected, strict=True):
        assert_same(mine, other)
    begins = min(i for i in range(99) if len({tuple(r.prompt[: i + 1]) for r in asked}) > 1)
    assert engine.stats.num_images == 1
    assert 0 < engine.stats.num_prefilled <= begins
    assert engine.stats.num_shared == len(CATEGORIES) - 1
    later = about(words, [picture(0)], "house")
    engine.generate([later])
    assert engine.stats.num_images == 1, "a question that comes later finds all of it, too"
    assert engine.stats.num_prefilled <= begins
    assert_same(later, plain(model, words, [about(words, [picture(0)], "house")])[0])
    assert all(not request.images for request in asked), "pixels are not kept"


def test_nothing_is_shared_where_that_is_off(model: LocateModel, words: Tokenizer) -> None:
    engine = Engine(model, words.vocab, EngineConfig(share_prefixes=False))
    asked = [about(words, [picture(0)], category) for category in CATEGORIES]
    engine.generate(asked)
    assert engine.stats.num_images == len(CATEGORIES)
    assert engine.stats.num_shared == 0
    assert len(engine.prefiller.features) == len(engine.prefiller.prefixes) == 0
    assert_nothing_left(engine)


def test_an_image_in_other_company_is_encoded_once(model: LocateModel, words: Tokenizer) -> None:
    """Other text before it means another prefix, but the same features."""
    a, b = picture(1), picture(2, 2, 4)
    sets = [[a], [b, a], [a, b], [a, a]]
    asked = [about(words, images, "cat") for images in sets]
    expected = plain(model, words, asked)
    engine = Engine(model, words.vocab)
    for mine, other in zip(engine.generate(asked), expected, strict=True):
        assert_same(mine, other)
    assert engine.stats.num_images == 2
    assert len({tuple(r.tokens) for r in expected}) > 1


def test_nearly_equal_images_are_not_taken_for_each_other(model: LocateModel, words: Tokenizer) -> None:
    first, second = picture(0), picture(0)
    second.pixel_values[3, 1, 7, 7] += 1e-3
    turned = ImageInput(first.pixel_values, (6, 4))
    engine = Engine(model, words.vocab)
    engine.generate([about(words, [image], "cat") for image in (first, second, turned)])
    assert engine.stats.num_images == 3
    assert engine.stats.num_shared == 0


@pytest.mark.parametrize("limit", [0, 3_000, 60_000, 1 << 30])
def test_limits_of_bytes_hold_and_change_nothing(model: LocateModel, words: Tokenizer, limit: int) -> None:
    pictures = [picture(n, 2 + 2 * (n % 3), 4) for n in range(6)]
    asked = [about(words, [pictures[n % 6]], CATEGORIES[n % 5]) for n in range(18)]
    expected = dict(enumerate(plain(model, words, asked[:6])))
    config = EngineConfig(max_rows=3, feature_bytes=limit // 10, prefix_bytes=limit)
    engine = Engine(model, words.vocab, config)
    for request in asked:
        engine.add(request)
    while not engine.scheduler.is_idle:
        engine.step()
        assert engine.prefiller.features.num_bytes <= limit // 10
        assert engine.prefiller.prefixes.num_bytes <= limit
    for number, other in expected.items():
        assert_same(asked[number], other)
    assert (engine.stats.num_images == 6) == (limit == 1 << 30)
    assert (len(engine.prefiller.prefixes) == 6) == (limit == 1 << 30)
    assert_nothing_left(engine)


def test_bytes_are_counted_as_they_lie_in_memory(model: LocateModel, words: Tokenizer) -> None:
    """What is kept of a prefix must not hold the memory of those that were computed beside it."""
    engine = Engine(model, words.vocab)
    engine.generate([about(words, [picture(n)], "cat") for n in range(8)])
    prefixes = engine.prefiller.prefixes
    kept = [prefix for prefix, _ in prefixes._kept.values()]
    caches = [prefix.cache for prefix in kept if prefix.cache is not None]
    assert len(caches) == 8
    held = sum(
        cache.keys.untyped_storage().nbytes() + cache.values.untyped_storage().nbytes() for cache in caches
    )
    assert held == prefixes.num_bytes


@pytest.mark.parametrize("pieces", [1, 3, 17])
def test_prefill_in_pieces_beside_running_rows(model: LocateModel, words: Tokenizer, pieces: int) -> None:
    """A long prompt does not stop others: they commit in every step while it is prefilled."""
    running = Request([1, 2, 3], (), Params(mode="slow", compat=True, max_new_tokens=300))  # type: ignore[arg-type]
    engine = Engine(model, words.vocab, EngineConfig(prefill_tokens=pieces))
    engine.add(running)
    engine.step()
    asked = [about(words, [picture(n, 6, 8)], "cat") for n in range(2)]
    expected = plain(model, words, asked)
    for request in asked:
        engine.add(request)
    num_steps = 0
    while engine.scheduler.preparing or engine.scheduler.waiting:
        before, prefilled = len(running.tokens), engine.stats.num_prefilled
        engine.step()
        num_steps += 1
        assert len(running.tokens) == before + 1 or running.finish is not None
        assert engine.stats.num_prefilled - prefilled <= pieces
    assert num_steps >= engine.stats.num_prefilled // pieces
    engine.cancel(running)
    engine.generate([])  # runs until nobody is left
    for mine, other in zip(asked, expected, strict=True):
        assert_same(mine, other)


@pytest.mark.parametrize("prefill_tokens", [1, 5, 64])
@pytest.mark.parametrize("share", [False, True])
def test_toy_questions_of_all_kinds(prefill_tokens: int, share: bool) -> None:
    expected = Engine(toy_model(), VOCAB, EngineConfig(share_prefixes=False)).generate(
        map(toy_question, range(120))
    )
    config = EngineConfig(prefill_tokens=prefill_tokens, share_prefixes=share, max_patches=8, max_rows=7)
    for mine, other in zip(
        Engine(toy_model(), VOCAB, config).generate(map(toy_question, range(120))), expected, strict=True
    ):
        assert_same(mine, other)
