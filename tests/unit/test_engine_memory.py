"""When memory runs out: that request ends with an error, the others' answers stay, and the engine lives."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import locany
from locany.codec import Tokenizer
from locany.engine import Engine, EngineConfig, Finish, ImageInput, Params, Phase, Request, memory
from locany.errors import CheckpointConfigError, EngineMemoryError, ImageTooLargeError
from locany.locator import Locator
from locany.model import LocateModel
from locany.model.cache import KVCache
from locany.tasks import Task
from tests.tiny import tiny_config, tiny_model
from tests.unit.test_engine_invariants import ask, assert_nothing_left, assert_same

SMALL, LARGE = np.zeros((56, 56, 3), np.uint8), np.zeros((140, 140, 3), np.uint8)


@pytest.fixture
def locator(checkpoint: Path) -> Locator:
    return locany.load(checkpoint, device="cpu", dtype="float32")


@pytest.fixture
def model() -> LocateModel:
    return tiny_model(3, std=0.25)


def full() -> BaseException:
    """What the allocator of the CPU says."""
    return RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")


def limit_vision(monkeypatch: pytest.MonkeyPatch, model: LocateModel, at_most: int) -> list[int]:
    """No memory for more than so many patches at once; returns the sizes that were tried."""
    encode, sizes = model.encode_images, list[int]()

    def limited(pixel_values: torch.Tensor, grids: list[tuple[int, int]]) -> torch.Tensor:
        sizes.append(len(pixel_values))
        if len(pixel_values) > at_most:
            raise full()
        return encode(pixel_values, grids)

    monkeypatch.setattr(model, "encode_images", limited)
    return sizes


def limit_decoder(monkeypatch: pytest.MonkeyPatch, model: LocateModel, at_most: int) -> list[int]:
    """No memory for more than so many positions at once; returns what was refused."""
    refused = list[int]()

    def limit(work: Callable[..., Any]) -> Callable[..., Any]:
        def limited(embeds: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            count = embeds.shape[0] * embeds.shape[1]
            if count > at_most:
                refused.append(count)
                raise full()
            return work(embeds, *args, **kwargs)

        return limited

    for name in ("forward", "fill"):
        monkeypatch.setattr(model.decoder, name, limit(getattr(model.decoder, name)))
    return refused


def text(number: int, length: int, **knobs: Any) -> Request:
    """A question without images."""
    prompt = np.random.default_rng(number).integers(1, 250, length).tolist()
    return Request(prompt, (), Params(**({"mode": "slow", "max_new_tokens": 15} | knobs)))


def assert_fails_alone(engine: Engine, asked: list[Request], failing: dict[int, str]) -> None:
    """Of these questions just these fail, with these messages; the others are answered as ever."""
    again = [Request(list(r.prompt), r.images, r.params, r.labels) for r in asked]
    engine.generate(asked)
    fresh_engine = Engine(tiny_model(3, std=0.25), engine.vocab)
    for number, (request, other) in enumerate(zip(asked, again, strict=True)):
        if number in failing:
            assert request.finish is Finish.ERROR
            assert request.truncated
            assert isinstance(request.error, EngineMemoryError)
            assert failing[number] in str(request.error)
        else:
            assert request.error is None
            assert_same(request, fresh_engine.generate([other])[0])
    assert engine.stats.finishes["error"] == len(failing)
    assert_nothing_left(engine)
    later, fresh = (text(99, 4) for _ in range(2))
    assert_same(engine.generate([later])[0], fresh_engine.generate([fresh])[0])


# -- where memory can run out -----------------------------------------------------------------------------


@pytest.mark.parametrize("overlap", [False, True])
def test_in_vision(
    model: LocateModel, words: Tokenizer, monkeypatch: pytest.MonkeyPatch, overlap: bool
) -> None:
    sizes = limit_vision(monkeypatch, model, 50)
    asked = [ask(words, n, [(10, 10)] if n == 2 else None, max_new_tokens=12) for n in (0, 1, 2, 4, 6)]
    engine = Engine(model, words.vocab, EngineConfig(overlap=overlap))
    assert_fails_alone(
        engine, asked, {2: "not enough memory for an image of 100 patches on cpu; use a smaller"}
    )
    assert sizes[0] > 100, "all at once first, then one by one"
    assert sizes.count(100) <= 2


def test_in_vision_for_all_who_share_the_image(
    model: LocateModel, words: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_vision(monkeypatch, model, 50)
    asked = [ask(words, n % 2, [(10, 10)] if n % 2 else None, max_new_tokens=12) for n in range(6)]
    message = "an image of 100 patches"
    assert_fails_alone(Engine(model, words.vocab), asked, {1: message, 3: message, 5: message})


@pytest.mark.parametrize("prefill_tokens", [31, 4096])
def test_in_a_prefix(
    model: LocateModel, words: Tokenizer, monkeypatch: pytest.MonkeyPatch, prefill_tokens: int
) -> None:
    """In pieces that fit, there is no error at all."""
    refused = limit_decoder(monkeypatch, model, 56)
    asked = [
        ask(words, n, [(16, 16)] if n == 1 else [(2, 2)], max_new_tokens=12, mode="slow") for n in range(4)
    ]
    engine = Engine(model, words.vocab, EngineConfig(prefill_tokens=prefill_tokens, max_rows=4))
    failing = {1: "not enough memory for a prompt of"} if prefill_tokens > 100 else {}
    assert_fails_alone(engine, asked, failing)
    assert bool(refused) == bool(failing)


def test_in_joining(model: LocateModel, words: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they are too many: one by one all but the long one have room."""
    refused = limit_decoder(monkeypatch, model, 64)
    asked = [text(n, 90 if n == 2 else 25) for n in range(5)]
    engine = Engine(model, words.vocab)
    assert_fails_alone(engine, asked, {2: "not enough memory for a prompt of 90 tokens beside 2 others"})
    assert len(refused) == 2


@pytest.mark.parametrize("overlap", [False, True])
def test_in_a_step(
    model: LocateModel, words: Tokenizer, monkeypatch: pytest.MonkeyPatch, overlap: bool
) -> None:
    """Five rows have no room side by side: some go, with what they have, until the others have."""
    limit_decoder(monkeypatch, model, 30)
    asked = [text(n, 5, mode="hybrid", compat=True, max_new_tokens=30) for n in range(5)]
    engine = Engine(model, words.vocab, EngineConfig(overlap=overlap))
    engine.generate(asked)
    fresh = [text(n, 5, mode="hybrid", compat=True, max_new_tokens=30) for n in range(5)]
    Engine(tiny_model(3, std=0.25), words.vocab).generate(fresh)
    failed = [request for request in asked if request.error is not None]
    assert asked[4] in failed
    assert "memory ran out with 5 questions side by side; ask fewer at a time" in str(asked[4].error)
    assert 1 <= len(failed) <= 3
    for mine, other in zip(asked, fresh, strict=True):
        if mine in failed:
            assert mine.finish is Finish.ERROR
            assert mine.tokens == other.tokens[: len(mine.tokens)]
        else:
            assert_same(mine, other)
    assert_nothing_left(engine)


def test_while_the_cache_grows(model: LocateModel, words: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys have found room and values have not: nothing of a cache that is half grown may be used."""
    enlarged, calls = KVCache._resized, list[int]()

    def limited(self: KVCache, old: torch.Tensor, rows: int, slots: int) -> torch.Tensor:
        calls.append(slots)
        if slots > 300 and calls.count(slots) % 2 == 0:
            raise torch.OutOfMemoryError("full")
        return enlarged(self, old, rows, slots)

    monkeypatch.setattr(KVCache, "_resized", limited)
    engine = Engine(model, words.vocab, EngineConfig(max_rows=2))
    asked = [text(0, 5), text(1, 400), text(2, 6), text(3, 450)]
    assert_fails_alone(engine, asked, {1: "a prompt of 400 tokens", 3: "a prompt of 450 tokens"})


def test_what_is_kept_makes_room(
    model: LocateModel, words: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a request fails, features and prefixes of earlier questions go."""
    engine = Engine(model, words.vocab)
    engine.generate([ask(words, 1)])
    assert engine.prefiller.features.num_bytes
    encode = model.encode_images

    def limited(pixel_values: torch.Tensor, grids: list[tuple[int, int]]) -> torch.Tensor:
        if engine.prefiller.features.num_bytes:
            raise full()
        return encode(pixel_values, grids)

    monkeypatch.setattr(model, "encode_images", limited)
    request = ask(words, 2)
    engine.generate([request])
    assert request.error is None
    assert_same(request, Engine(tiny_model(3, std=0.25), words.vocab).generate([ask(words, 2)])[0])


@pytest.mark.parametrize("where", ["vision", "prefill", "joining"])
def test_a_second_try_finds_nothing_of_the_first(
    model: LocateModel, words: Tokenizer, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """What a call that fails had made would take the room that the next one needs."""
    made: list[weakref.ref[torch.Tensor]] = []
    alive: list[bool] = []

    def greedy(work: Callable[..., Any], size: Callable[..., int]) -> Callable[..., Any]:
        def first_fails(*args: Any, **kwargs: Any) -> Any:
            alive.append(any(kept() is not None for kept in made))
            held = torch.zeros(1)
            if size(*args) > 1:
                made.append(weakref.ref(held))
                raise full()
            return work(*args, **kwargs)

        return first_fails

    if where == "vision":
        encode = greedy(model.encode_images, lambda _, grids: len(grids))
        monkeypatch.setattr(model, "encode_images", encode)
    else:
        monkeypatch.setattr(model.decoder, "fill", greedy(model.decoder.fill, lambda embeds, *_: len(embeds)))
    asked = [text(n, 20) if where == "joining" else ask(words, n, max_new_tokens=4) for n in range(3)]
    for request in Engine(model, words.vocab).generate(asked):
        assert request.error is None
    assert made
    assert len(alive) > len(made)
    assert not any(alive)


def test_an_image_without_memory_fails_alone(locator: Locator, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_vision(monkeypatch, locator.model, 50)
    questions = [(SMALL, Task.ground("cat")), (LARGE, Task.ground("cat")), (SMALL, Task.ground("cat"))]
    answers = dict(locator.stream(questions, max_new_tokens=8))
    assert isinstance(answers[1], ImageTooLargeError | EngineMemoryError)
    assert "not enough memory for" in str(answers[1])
    assert "use a smaller image" in str(answers[1])
    assert answers[0].answer == answers[2].answer  # type: ignore[union-attr]
    assert locator.engine.scheduler.is_idle


# -- what is no matter of memory, and what keeps from needing it -------------------------------------------


def test_another_error_is_not_taken_for_memory(locator: Locator, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> torch.Tensor:
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr(locator.model, "encode_images", broken)
    with pytest.raises(RuntimeError, match="a defect of ours"):
        locator.ground(SMALL, "cat")


def test_images_are_encoded_within_the_patch_budget(
    model: LocateModel, words: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packed in order of arrival; one that is larger than the budget goes alone."""

    def asked() -> list[Request]:
        rng, image = np.random.default_rng(0), words.vocab.image_token
        requests = []
        for count in (8, 8, 40, 4, 4):
            pixels = rng.normal(0, 1, (count, 3, 14, 14)).astype(np.float32)
            prompt = [1, *[image] * (count // 4), 2, 3]
            requests.append(Request(prompt, (ImageInput(pixels, (2, count // 2)),), Params(max_new_tokens=9)))
        return requests

    whole = Engine(model, words.vocab).generate(asked())
    sizes = limit_vision(monkeypatch, model, 1000)
    parts = Engine(model, words.vocab, EngineConfig(max_patches=16)).generate(asked())
    assert sizes == [16, 40, 8]
    for mine, other in zip(parts, whole, strict=True):
        assert_same(mine, other)


def test_images_of_one_prompt_are_encoded_within_the_patch_budget(
    model: LocateModel, words: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In several packs, a step each; what is left of them goes with the next prompt's."""
    rng, image = np.random.default_rng(0), words.vocab.image_token
    pictures = [ImageInput(rng.normal(0, 1, (4, 3, 14, 14)).astype(np.float32), (2, 2)) for _ in range(23)]

    def asked() -> list[Request]:
        """One has an image twice, far apart."""
        sets = [(*pictures[:18], pictures[0]), pictures[18:20], (*pictures[20:], pictures[19])]
        return [
            Request([1, *[image] * len(images), 2, 3], tuple(images), Params(max_new_tokens=9))
            for images in sets
        ]

    whole = Engine(model, words.vocab).generate(asked())
    sizes = limit_vision(monkeypatch, model, 1000)
    for options in ({}, {"share_prefixes": False}, {"feature_bytes": 0}):
        sizes.clear()
        engine = Engine(model, words.vocab, EngineConfig(max_patches=16, **options))  # type: ignore[arg-type]
        parts = engine.generate(asked())
        assert max(sizes) == 16
        shared = not options
        assert sum(sizes) == 4 * (23 if shared else 24 + (options.get("share_prefixes") is False))
        for mine, other in zip(parts, whole, strict=True):
            assert_same(mine, other)
        assert_nothing_left(engine)


def test_running_rows_go_on_between_the_packs_of_a_prompt(model: LocateModel, words: Tokenizer) -> None:
    engine, image = Engine(model, words.vocab, EngineConfig(max_patches=4)), words.vocab.image_token
    running = engine.add(text(0, 5, compat=True, max_new_tokens=50))
    engine.step()
    pixels = np.random.default_rng(0).normal(0, 1, (5, 4, 3, 14, 14)).astype(np.float32)
    images = tuple(ImageInput(values, (2, 2)) for values in pixels)
    many = engine.add(Request([1, *[image] * 5, 2, 3], images, Params(max_new_tokens=9)))
    for number in range(1, 5):
        before = len(running.tokens)
        engine.step()
        assert (engine.stats.num_images, many in engine.scheduler.preparing) == (number, True)
        assert len(running.tokens) > before or running.finish is not None
    engine.step()
    assert engine.stats.num_images == 5
    assert many not in engine.scheduler.preparing


def test_prompts_are_prefilled_within_the_token_budget(
    model: LocateModel, words: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is as wide as the widest beside it: a long one goes alone, at the head of the queue or within."""
    fill, shapes = model.decoder.fill, list[tuple[int, int]]()

    def counted(embeds: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        shapes.append((embeds.shape[0], embeds.shape[1]))
        return fill(embeds, *args, **kwargs)

    monkeypatch.setattr(model.decoder, "fill", counted)
    for lengths, expected in (
        ([90, *[3] * 15], [(1, 89), (15, 2)]),
        ([*[3] * 4, 90, *[3] * 4], [(4, 2), (1, 89), (4, 2)]),
        ([200, 40, 60], [(1, 199), (1, 39), (1, 59)]),
        ([48, 50, 10], [(2, 49), (1, 9)]),
    ):
        shapes.clear()
        asked = [text(number, length, max_new_tokens=8) for number, length in enumerate(lengths)]
        engine = Engine(model, words.vocab, EngineConfig(prefill_tokens=100))
        engine.generate(asked)
        assert shapes == expected
        assert [len(request.tokens) > 0 for request in asked] == [True] * len(asked)


def test_causal_blocks_are_refused(locator: Locator) -> None:
    model = tiny_model(config=tiny_config(causal_attn=True))
    with pytest.raises(CheckpointConfigError, match="causal_attn is true"):
        Engine(model, locator.tokenizer.vocab)


def test_the_head_sees_only_positions_that_are_read(
    locator: Locator, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(locator.model, locator.tokenizer.vocab)
    fed: list[int] = []
    head = locator.model.decoder.logits

    def counted(hidden: torch.Tensor) -> torch.Tensor:
        fed.append(hidden.numel() // hidden.shape[-1])
        return head(hidden)

    monkeypatch.setattr(locator.model.decoder, "logits", counted)
    modes = ("slow", "fast", "hybrid", "slow", "verified")
    requests = [Request([1, 2, 3], (), Params(mode=mode, max_new_tokens=12)) for mode in modes]  # type: ignore[arg-type]
    for request in requests:
        engine.add(request)
    while not engine.scheduler.is_idle:
        rows = engine.scheduler.running or requests
        expected = sum(r.num_pending + r.num_drafts for r in rows)
        expected += 6 * sum(r.phase is Phase.PARALLEL for r in rows)
        engine.step()
        assert fed[-1] == expected
    assert len(fed) == engine.stats.num_steps


def test_file_caches_of_a_container_are_free_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert memory._left_of_container() > 1 << 60
    for name, text in (
        ("max", "8000"),
        ("current", "7900"),
        ("stat", "anon 900\nactive_file 3000\ninactive_file 4000\n"),
    ):
        (tmp_path / f"memory.{name}").write_text(text + "\n")
    assert memory._left_of_container() == 7100
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._left_of_container() > 1 << 60
    (tmp_path / "memory.max").write_text("10\n")
    assert memory._left_of_container() == 0
