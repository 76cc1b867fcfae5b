"""Mode verified is mode slow in fewer steps: the same tokens, whatever the model, the knobs and the batch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locany.codec import Tokenizer
from locany.engine import Engine, EngineConfig, Finish, Params, Request
from locany.errors import RequestError
from locany.model import LocateModel
from locany.results import Provenance
from tests.parity.stage_generate import golden_prompts
from tests.parity.test_parity import ALL, SUBSET
from tests.tiny import tiny_model
from tests.unit.test_engine_invariants import ask

KNOBS: list[dict[str, Any]] = [
    {},
    {"compat": True},
    {"repetition_penalty": 1.2},
    {"compat": True, "repetition_penalty": 1.1, "top_p": 0.9},
    {"temperature": 0.8, "top_p": 0.9, "seed": 3},
    {"temperature": 1.0, "top_k": 20, "seed": 4, "repetition_penalty": 1.1},
    {"max_boxes": 2},
    {"max_new_tokens": 9},
]


def both(
    model: LocateModel, words: Tokenizer, numbers: range, **config: Any
) -> tuple[list[Request], list[Request], Engine]:
    """Questions with all knobs, answered slow and verified."""

    def asked(mode: str) -> list[Request]:
        return [
            ask(words, n, **({"max_new_tokens": 40} | KNOBS[n % len(KNOBS)] | {"mode": mode}))
            for n in numbers
        ]

    engine = Engine(model, words.vocab, EngineConfig(**config))
    slow = Engine(model, words.vocab, EngineConfig(max_rows=32)).generate(asked("slow"))
    return slow, engine.generate(asked("verified")), engine


def assert_equal(slow: Request, verified: Request) -> None:
    assert verified.tokens == slow.tokens
    assert verified.finish is slow.finish
    assert verified.items == slow.items
    np.testing.assert_allclose(verified.token_scores, slow.token_scores, atol=2e-4)
    np.testing.assert_allclose(verified.expected_bins, slow.expected_bins, atol=2e-2)
    assert not any(map(math.isnan, verified.token_scores))
    assert set(verified.provenance) <= {Provenance.VERIFIED}


@pytest.mark.parametrize("std", [0.25, 0.6])
@pytest.mark.parametrize("max_rows", [1, 16])
def test_random_models(words: Tokenizer, std: float, max_rows: int) -> None:
    count = 16 if max_rows == 1 else 104
    for slow, verified in zip(
        *both(tiny_model(3, std=std), words, range(count), max_rows=max_rows)[:2], strict=True
    ):
        assert_equal(slow, verified)


def test_a_trained_model_in_fewer_steps(golden_model: LocateModel, words: Tokenizer) -> None:
    slow, verified, engine = both(golden_model, words, range(300), max_rows=32)
    for mine, other in zip(slow, verified, strict=True):
        assert_equal(mine, other)
    steps = sum(len(r.commits) for r in slow), sum(len(r.commits) for r in verified)
    assert steps[1] < 0.6 * steps[0], steps
    assert 0 < engine.stats.num_accepted < engine.stats.num_drafts


@pytest.mark.parametrize(
    ("folder", "at_least"),
    [
        pytest.param(SUBSET, 20, id="subset"),
        pytest.param(
            ALL,
            150,
            id="all",
            marks=pytest.mark.skipif(not ALL.is_dir(), reason="the golden folder is not here"),
        ),
    ],
)
def test_every_golden_prompt(
    golden_model: LocateModel, words: Tokenizer, checkpoint: Path, folder: Path, at_least: int
) -> None:
    pairs = []
    for record, prompt, images in golden_prompts(folder / "generate", checkpoint, words):
        for penalty, limit in sorted(
            {(r["repetition_penalty"], r["max_new_tokens"]) for r in record["runs"]}
        ):
            knobs = {"repetition_penalty": penalty, "max_new_tokens": limit}
            for compat in (True, False):
                pairs.append(
                    [
                        Request(prompt, images, Params(mode=mode, compat=compat, **knobs))  # type: ignore[arg-type]
                        for mode in ("slow", "verified")
                    ]
                )
    assert len(pairs) >= at_least
    Engine(golden_model, words.vocab).generate(request for pair in pairs for request in pair)
    for slow, verified in pairs:
        assert_equal(slow, verified)


def test_modes_side_by_side(golden_model: LocateModel, words: Tokenizer) -> None:
    modes = ("slow", "verified", "fast", "hybrid")

    def asked() -> list[Request]:
        return [ask(words, n // 4, mode=modes[n % 4], max_new_tokens=50) for n in range(40)]

    together = Engine(golden_model, words.vocab, EngineConfig(max_rows=7)).generate(asked())
    for request, again in zip(together, asked(), strict=True):
        assert request.tokens == Engine(golden_model, words.vocab).generate([again])[0].tokens
    for slow, verified in zip(together[::4], together[1::4], strict=True):
        assert verified.tokens == slow.tokens


@pytest.mark.parametrize("presence", [0.02, 0.98])
def test_with_another_weight_of_none(golden_model: LocateModel, words: Tokenizer, presence: float) -> None:
    def asked(**knobs: Any) -> list[Request]:
        return [ask(words, n, max_new_tokens=50, **knobs) for n in range(40)]

    slow, verified, plain = (
        Engine(golden_model, words.vocab).generate(asked(**knobs))
        for knobs in (
            {"mode": "slow", "presence": presence},
            {"mode": "verified", "presence": presence},
            {"mode": "slow"},
        )
    )
    for mine, other in zip(slow, verified, strict=True):
        assert_equal(mine, other)
    assert [r.tokens for r in slow] != [r.tokens for r in plain]


def test_tolerance_takes_what_lies_near(golden_model: LocateModel, words: Tokenizer) -> None:
    def answers(**knobs: Any) -> list[Request]:
        asked = [ask(words, n, max_new_tokens=50, **knobs) for n in range(30)]
        return Engine(golden_model, words.vocab).generate(asked)

    exact, near = answers(mode="verified"), answers(mode="verified", tolerance=1000)
    assert sum(len(r.commits) for r in near) < sum(len(r.commits) for r in exact)
    assert any(a.tokens != b.tokens for a, b in zip(exact, near, strict=True))
    for request in near:
        assert request.finish in (Finish.END, Finish.LIMIT, Finish.REPEAT)


def test_what_cannot_be_verified_is_refused() -> None:
    with pytest.raises(RequestError, match="tolerance is 3 in mode 'hybrid'; only 'verified' has one"):
        Params(tolerance=3)
    with pytest.raises(RequestError, match="published order, which mode 'verified' cannot follow"):
        Params(mode="verified", compat=True, temperature=0.7)  # type: ignore[arg-type]
