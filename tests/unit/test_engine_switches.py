"""Every optimisation off against all of them on: not one token differs, in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import locany
from locany.codec import Tokenizer
from locany.engine import Engine, EngineConfig, Request
from locany.model import LocateModel
from locany.model.packed import will_pack
from tests.unit.test_engine_crowd import VOCAB, toy_model, toy_question
from tests.unit.test_engine_invariants import KNOBS, ask, assert_same

OFF: dict[str, Any] = {"share_prefixes": False, "overlap": False, "prefill_tokens": 1, "max_rows": 1}
ON: dict[str, Any] = {"share_prefixes": True, "overlap": True, "prefill_tokens": 4096, "max_rows": 32}
SWITCHES = [{name: value} for name, value in ON.items()]
NUM_QUESTIONS = 112


def golden_questions(words: Tokenizer) -> list[Request]:
    """All modes and knobs; four questions about each set of images."""
    grids = [[], [(2, 2)], [(2, 4)], [(2, 2), (2, 2)]]
    asked = []
    for number in range(NUM_QUESTIONS):
        request = ask(words, number, grids[number // 4 % 4], max_new_tokens=14, **KNOBS[number % len(KNOBS)])
        same_images = ask(words, number - number % 4, grids[number // 4 % 4])
        asked.append(Request(request.prompt, same_images.images, request.params, request.labels))
    return asked


@pytest.fixture(scope="module")
def all_off(golden_model: LocateModel, words: Tokenizer) -> list[Request]:
    return Engine(golden_model, words.vocab, EngineConfig(**OFF)).generate(golden_questions(words))


def test_all_on_changes_nothing(golden_model: LocateModel, words: Tokenizer, all_off: list[Request]) -> None:
    engine = Engine(golden_model, words.vocab, EngineConfig(**ON))
    got = engine.generate(golden_questions(words))
    for mine, expected in zip(got, all_off, strict=True):
        assert_same(mine, expected)
    assert engine.stats.num_shared > NUM_QUESTIONS // 2
    assert sum(len(r.tokens) for r in got) > 5 * NUM_QUESTIONS


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: next(iter(switch)))
def test_each_one_changes_nothing(switch: dict[str, Any]) -> None:
    asked = range(100)
    expected = Engine(toy_model(), VOCAB, EngineConfig(**OFF)).generate(map(toy_question, asked))
    engine = Engine(toy_model(), VOCAB, EngineConfig(**(OFF | switch)))
    for mine, other in zip(engine.generate(map(toy_question, asked)), expected, strict=True):
        assert_same(mine, other)


def test_packed_weights_change_nothing(checkpoint: Path, words: Tokenizer) -> None:
    locators = [
        locany.load(checkpoint, device="cpu", dtype="float32", packed=packed) for packed in (True, False)
    ]
    model = locators[1].model
    if not will_pack(model.device, model.dtype):
        pytest.skip("this torch does not pack weights")
    sizes = [sum(weight.numel() for weight in locator.model.parameters()) for locator in locators]
    assert sizes[0] < sizes[1], "packed weights are no tensors any more"
    got, expected = (locator.engine.generate(golden_questions(words)) for locator in locators)
    for mine, other in zip(got, expected, strict=True):
        assert_same(mine, other)


@pytest.mark.parametrize("max_rows", [1, 5, 16])
def test_overlap_changes_nothing(golden_model: LocateModel, words: Tokenizer, max_rows: int) -> None:
    """The device is a step ahead of the record: the same tokens, scores and reasons, in all modes at once."""

    def answers(overlap: bool) -> list[Request]:
        asked = [ask(words, n, max_new_tokens=25, **KNOBS[n % len(KNOBS)]) for n in range(28)]
        return Engine(golden_model, words.vocab, EngineConfig(max_rows=max_rows, overlap=overlap)).generate(
            asked
        )

    for mine, other in zip(answers(True), answers(False), strict=True):
        assert_same(mine, other)
        assert mine.commits == other.commits
