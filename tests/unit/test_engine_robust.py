"""What one question, one GPU or one shortage must not do to the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from locany.codec import Tokenizer
from locany.engine import Engine, EngineConfig, ImageInput, Params, Request
from locany.engine.graphs import StepGraphs
from locany.engine.sampler import draw, keyed_noise, most_probable
from locany.errors import RequestError
from locany.model import LocateModel
from tests.tiny import tiny_model
from tests.unit.test_engine_crowd import VOCAB, toy_model
from tests.unit.test_engine_invariants import ask


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_pixels_that_would_spoil_the_cache_are_refused(words: Tokenizer, value: float) -> None:
    engine = Engine(tiny_model(), words.vocab)
    request = ask(words, 0)
    request.images[0].pixel_values[0, 0, 0, 0] = value
    with pytest.raises(RequestError, match="would spoil the answers of others"):
        engine.add(request)


def test_pixels_that_are_a_view_are_taken(words: Tokenizer) -> None:
    model, request = tiny_model(3, std=0.25), ask(words, 0, mode="slow")
    (image,) = request.images
    turned = np.ascontiguousarray(image.pixel_values[..., ::-1])[..., ::-1]
    assert not turned.flags.c_contiguous
    view = Request(request.prompt, (ImageInput(turned, image.grid_hw),), request.params, request.labels)
    assert (
        Engine(model, words.vocab).generate([view])[0].tokens
        == Engine(model, words.vocab).generate([request])[0].tokens
    )


def test_steps_that_cannot_be_captured_are_made_without(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def no_room(graphs: StepGraphs, shape: object) -> None:
        asked.append(shape)
        raise torch.OutOfMemoryError("no room for a graph")

    monkeypatch.setattr(StepGraphs, "_capture", no_room)

    def three() -> list[Request]:
        return [Request([1, 2, 3], (), Params(mode="slow", max_new_tokens=12)) for _ in range(3)]  # type: ignore[arg-type]

    engine = Engine(toy_model(), VOCAB)
    engine.runner._graphs = StepGraphs(engine.runner.run, engine.runner.rows, lambda: engine.runner.cache)
    engine.generate(three())
    requests = engine.generate(three())  # shapes that have been seen are captured
    assert len(asked) == 1, "one failure is enough"
    assert all(request.error is None for request in requests)
    (alone,) = Engine(toy_model(), VOCAB).generate([Request([1, 2, 3], (), requests[0].params)])
    assert [request.tokens for request in requests] == [alone.tokens] * 3


def test_room_for_many_labels_goes_with_their_question(words: Tokenizer) -> None:
    engine = Engine(tiny_model(), words.vocab)
    request = ask(words, 0, max_new_tokens=4)
    many = Request(request.prompt, request.images, request.params, tuple((n,) for n in range(1, 201)))
    engine.generate([many])
    assert engine.runner.rows.labels is None
    engine.generate([Request(request.prompt, request.images, request.params, ((1,), (2, 3)))])
    assert engine.runner.rows.labels is not None
    assert engine.runner.rows.labels.tokens.shape[1] == 2


def test_noise_is_finite_whatever_the_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locany.engine.sampler._shifted", lambda x, places: torch.full_like(x, 2**24 - 1))
    noise = keyed_noise(torch.tensor([1]), torch.tensor([[0]]), 4)
    assert noise.isfinite().all()
    probs = torch.tensor([[[0.0, 0.0, 1.0, 0.0]]])
    assert draw(probs, torch.tensor([1.0]), noise).tolist() == [[2]]


def test_most_probable_is_argmax() -> None:
    probs = torch.randn(3, 7, 500, generator=torch.Generator().manual_seed(0)).softmax(-1)
    assert torch.equal(most_probable(probs), probs.argmax(-1))
    assert torch.equal(most_probable(probs[:, 1:5, 100:400]), probs[:, 1:5, 100:400].argmax(-1))
    assert most_probable(torch.tensor([0.2, 0.4, 0.4])) == 1, "of equal ones the first"


@pytest.mark.parametrize("knobs", [{}, {"temperature": 0.3, "seed": 4}, {"repetition_penalty": 1.3}])
def test_presence_is_the_same_under_every_knob(
    golden_model: LocateModel, words: Tokenizer, knobs: dict[str, Any]
) -> None:
    def none_said(presence: float) -> int:
        asked = [ask(words, n, mode="slow", max_new_tokens=30, presence=presence, **knobs) for n in range(24)]
        answered = Engine(golden_model, words.vocab, EngineConfig(max_rows=8)).generate(asked)
        return sum(token in words.vocab.none_ids for request in answered for token in request.tokens)

    assert none_said(0.001) < none_said(0.999)
