"""When memory runs out while images are encoded: the true error, and nothing half-begun runs on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import locany
from locany.engine import Engine, ImageInput, Params, Phase, Request
from locany.errors import CheckpointConfigError, ImageTooLargeError
from locany.locator import Locator
from locany.tasks import Task
from tests.tiny import tiny_config, tiny_model


@pytest.fixture
def locator(checkpoint: Path) -> Locator:
    return locany.load(checkpoint, device="cpu", dtype="float32")


SMALL, LARGE = np.zeros((56, 56, 3), np.uint8), np.zeros((140, 140, 3), np.uint8)


def refuse_large(monkeypatch: pytest.MonkeyPatch, locator: Locator, at_most: int) -> None:
    encode = locator.model.encode_images

    def limited(pixel_values: torch.Tensor, grids: list[tuple[int, int]]) -> torch.Tensor:
        if len(pixel_values) > at_most:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return encode(pixel_values, grids)

    monkeypatch.setattr(locator.model, "encode_images", limited)


def test_an_image_without_memory_fails_alone(locator: Locator, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_large(monkeypatch, locator, 50)
    monkeypatch.setattr(locator.engine.scheduler, "max_rows", 1)
    questions = [(SMALL, Task.ground("cat")), (LARGE, Task.ground("cat")), (SMALL, Task.ground("cat"))]
    answers = dict(locator.stream(questions, max_new_tokens=8))
    assert isinstance(answers[1], ImageTooLargeError)
    assert "not enough memory for 140 x 140 pixels; use a smaller image" in str(answers[1])
    assert answers[0].answer == answers[2].answer  # type: ignore[union-attr]
    assert not locator.engine.scheduler.running


def test_rows_that_were_not_filled_do_not_run(locator: Locator, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_large(monkeypatch, locator, 0)
    image = ImageInput(np.zeros((4, 3, 14, 14), np.float32), (2, 2))
    token = locator.tokenizer.vocab.image_token
    engine = Engine(locator.model, locator.tokenizer.vocab)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        engine.generate([Request([1, token, 2], (image,)), Request([1, token, 2], (image,))])
    assert engine.scheduler.is_idle


def test_another_error_is_not_taken_for_memory(locator: Locator, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> torch.Tensor:
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr(locator.model, "encode_images", broken)
    with pytest.raises(RuntimeError, match="a defect of ours"):
        locator.ground(SMALL, "cat")


def test_images_are_encoded_within_the_patch_budget(locator: Locator) -> None:
    sizes: list[int] = []
    encode = locator.model.encode_images

    def counted(pixel_values: torch.Tensor, grids: list[tuple[int, int]]) -> torch.Tensor:
        sizes.append(len(pixel_values))
        return encode(pixel_values, grids)

    runner = locator.engine.runner
    images = [ImageInput(np.zeros((n, 3, 14, 14), np.float32), (2, n // 2)) for n in (8, 8, 40, 4, 4)]
    whole = torch.cat(runner._encode(images))
    runner.max_patches, locator.model.encode_images = 16, counted  # type: ignore[method-assign, assignment]
    try:
        parts = torch.cat(runner._encode(images))
    finally:
        runner.max_patches = 32768
        del locator.model.encode_images
    assert sizes == [16, 40, 8]
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-5)


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
    modes = ("slow", "fast", "hybrid", "slow")
    requests = [Request([1, 2, 3], (), Params(mode=mode, max_new_tokens=12)) for mode in modes]  # type: ignore[arg-type]
    for request in requests:
        engine.add(request)
    while not engine.scheduler.is_idle:
        expected = sum(
            max(1, r.text_len - r.cached_len) if r.cached_len else 1
            for r in engine.scheduler.running or requests
        )
        parallel = [r for r in engine.scheduler.running or requests if r.phase is Phase.PARALLEL]
        engine.step()
        assert fed[-1] == expected + 6 * len(parallel)
