"""Held labels: an answer speaks of what was asked for, in every mode, whatever the model would rather say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from locany.codec import Tokenizer, Vocab, label_ids
from locany.codec.grammar import State
from locany.engine import Engine, EngineConfig, Params, Request
from locany.engine.labels import MOST_TOKENS, LabelRows, may_hold
from locany.engine.params import DecodeMode
from locany.errors import RequestError
from locany.model import LocateModel
from locany.tasks import Task
from tests.tiny import tiny_model
from tests.unit.test_engine_invariants import ask

# One begins like another, one is a single token long, one is longer than a block.
NAMES = ("cat", "cat bed", "a", "an old wooden chair beside the window of the kitchen")
MODES = tuple(DecodeMode)


def asked(words: Tokenizer, names: Sequence[str], number: int, **knobs: Any) -> Request:
    request = ask(words, number, **({"max_new_tokens": 60} | knobs))
    return replace(request, labels=label_ids(words, Task.detect(names)))


def begun(request: Request, words: Tokenizer) -> list[tuple[int, ...]]:
    """The labels of an answer with their closing token, the last one perhaps cut."""
    labels: list[tuple[int, ...]] = []
    is_open = False
    for token in request.tokens:
        if token == words.vocab.ref:
            labels.append(())
        elif is_open:
            labels[-1] = (*labels[-1], token)
        is_open = token == words.vocab.ref or (is_open and token != words.vocab.ref_end)
    return labels


@pytest.fixture(scope="module")
def models() -> list[LocateModel]:
    return [tiny_model(seed, std=std) for seed, std in ((3, 0.25), (5, 0.6))]


@pytest.mark.parametrize("mode", MODES)
def test_only_asked_labels_are_written(models: list[LocateModel], words: Tokenizer, mode: DecodeMode) -> None:
    wanted = [(*label, words.vocab.ref_end) for label in label_ids(words, Task.detect(NAMES))]
    seen, strange = set(), 0
    for model in models:
        for hold in (True, False):
            requests = [asked(words, NAMES, n, mode=mode, hold_labels=hold) for n in range(24)]
            for request in Engine(model, words.vocab, EngineConfig(max_rows=8)).generate(requests):
                labels = begun(request, words)
                fitting = [any(name[: len(said)] == said for name in wanted) for said in labels]
                if hold:
                    assert all(fitting)
                    assert all(label in wanted for label in labels[:-1])
                    seen |= {label for label in labels if label in wanted}
                else:
                    strange += fitting.count(False)
    assert len(seen) >= 2
    assert strange > 5, "without holding, these models write other labels"


def test_one_row_is_held_and_its_neighbour_is_free(models: list[LocateModel], words: Tokenizer) -> None:
    """Rows with and without labels in one batch, in all modes, answer as each would alone."""
    requests = [
        asked(words, NAMES[: 1 + n % 4], n, mode=MODES[n % 4], hold_labels=bool(n % 3)) for n in range(24)
    ]
    together = Engine(models[1], words.vocab, EngineConfig(max_rows=5)).generate(requests)
    for number, request in enumerate(together):
        mine = asked(
            words, NAMES[: 1 + number % 4], number, mode=MODES[number % 4], hold_labels=bool(number % 3)
        )
        alone = Engine(models[1], words.vocab, EngineConfig(max_rows=1)).generate([mine])[0]
        assert request.tokens == alone.tokens


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_verified_is_slow(models: list[LocateModel], words: Tokenizer, temperature: float) -> None:
    for model in models:
        answers = [
            Engine(model, words.vocab, EngineConfig(max_rows=6)).generate(
                [asked(words, NAMES, n, mode=mode, temperature=temperature, seed=n) for n in range(20)]
            )
            for mode in ("slow", "verified")
        ]
        for slow, verified in zip(*answers, strict=True):
            assert slow.tokens == verified.tokens


def test_without_labels_nothing_changes(models: list[LocateModel], words: Tokenizer) -> None:
    """Free rows are the same beside a held one, and with the knob on or off."""
    for mode in MODES:
        free = [replace(asked(words, NAMES, n, mode=mode), labels=()) for n in range(8)]
        off = [asked(words, NAMES, n, mode=mode, hold_labels=False) for n in range(8)]
        one, other = (Engine(models[0], words.vocab, EngineConfig()).generate(r) for r in (free, off))
        assert [r.tokens for r in one] == [r.tokens for r in other]


def test_the_published_decisions_are_not_held(models: list[LocateModel], words: Tokenizer) -> None:
    for mode in ("fast", "hybrid", "slow"):
        pairs = [
            [asked(words, NAMES, n, mode=mode, compat=True, hold_labels=hold) for n in range(6)]
            for hold in (True, False)
        ]
        one, other = (Engine(models[0], words.vocab, EngineConfig()).generate(r) for r in pairs)
        assert [r.tokens for r in one] == [r.tokens for r in other]


def test_a_label_that_is_too_long_leaves_the_answer_free() -> None:
    assert may_hold([(1,) * MOST_TOKENS])
    assert not may_hold([(1, 2), (1,) * (MOST_TOKENS + 1)])
    assert not may_hold([])


@pytest.mark.parametrize("special", ["ref_end", "coord_start", "end"])
def test_labels_are_words(models: list[LocateModel], words: Tokenizer, special: str) -> None:
    request = replace(asked(words, NAMES, 1), labels=((1, getattr(words.vocab, special)),))
    with pytest.raises(RequestError, match="words have 0 to"):
        Engine(models[0], words.vocab, EngineConfig()).generate([request])
    request = replace(request, labels=((-1,),), prompt=list(request.prompt))
    with pytest.raises(RequestError, match="label_ids"):
        Engine(models[0], words.vocab, EngineConfig()).generate([request])


@pytest.mark.parametrize(
    "knobs", [{"repetition_penalty": 1.3}, {"top_p": 0.7}, {"top_k": 3, "temperature": 0.9}]
)
def test_held_with_every_knob(models: list[LocateModel], words: Tokenizer, knobs: dict[str, Any]) -> None:
    wanted = [(*label, words.vocab.ref_end) for label in label_ids(words, Task.detect(NAMES))]
    requests = [asked(words, NAMES, n, mode=MODES[n % 4], seed=n, **knobs) for n in range(24)]
    for request in Engine(models[1], words.vocab, EngineConfig(max_rows=7)).generate(requests):
        for said in begun(request, words):
            assert any(name[: len(said)] == said for name in wanted)


def test_the_knob_is_checked() -> None:
    with pytest.raises(RequestError, match="hold_labels is 'no', expected True or False"):
        Params(hold_labels="no")  # type: ignore[arg-type]


LABELS = st.lists(
    st.lists(st.integers(0, 6), min_size=1, max_size=9).map(tuple), min_size=1, max_size=5, unique=True
)


@given(labels=LABELS, number=st.integers(0, 4), seed=st.integers(0, 999))
@settings(max_examples=150, deadline=None)
def test_a_block_says_the_most_probable_label(
    words: Tokenizer, labels: list[tuple[int, ...]], number: int, seed: int
) -> None:
    """Against a plain search through all labels, at their beginning and further on."""
    vocab, rows = words.vocab, LabelRows(2, words.vocab, torch.device("cpu"))
    rows.put(1, labels)
    view = rows.view(2)
    probs = torch.rand(2, 6, vocab.size, generator=torch.Generator().manual_seed(seed))
    spelled = [(vocab.ref, *label, vocab.ref_end) for label in labels]
    chosen = spelled[number % len(labels)]
    written = chosen[: min(6 * (seed % 2), len(chosen) - 1)]  # nothing, or a block of it
    fits, depth = view.fits, view.depth
    for token in written:
        fits, depth = view.follow(fits, depth, torch.tensor([token, token]))
    state = State.LABEL if written else State.ITEM
    states = torch.tensor([state, state])
    decided = bool(written) and bool(number % 2)
    first = torch.tensor([chosen[len(written)] if written else vocab.ref] * 2)
    tokens, length, held = view.choose(probs, first, torch.tensor([decided] * 2), fits, depth, states)
    left = [s[len(written) :][:6] for s in spelled if s[: len(written)] == written]
    left = [rest for rest in left if not decided or rest[0] == first[1]]
    best = max(
        left, key=lambda rest: sum(float(probs[1, j, t].log()) for j, t in enumerate(rest) if t != vocab.ref)
    )
    assert held.tolist() == [False, True]
    assert tuple(tokens[1, : int(length[1])].tolist()) == best


def test_what_may_follow_is_what_goes_on_with_a_label(words: Tokenizer) -> None:
    vocab: Vocab = words.vocab
    rows = LabelRows(1, vocab, torch.device("cpu"))
    rows.put(0, [(1, 2), (1, 3, 4), (5,)])
    view = rows.view(1)

    def may_follow(written: Sequence[int]) -> set[int]:
        fits, depth = view.fits, view.depth
        for token in written:
            fits, depth = view.follow(fits, depth, torch.tensor([token]))
        state = torch.tensor([[State.LABEL if len(written) > 1 else State.REF]])
        forbidden = view.forbidden(fits[:, None], depth[:, None], state)
        return set((~forbidden[0, 0]).nonzero()[:, 0].tolist())

    assert may_follow([vocab.ref]) == {1, 5}
    assert may_follow([vocab.ref, 1]) == {2, 3}
    assert may_follow([vocab.ref, 1, 2]) == {vocab.ref_end}
    assert may_follow([vocab.ref, 5]) == {vocab.ref_end}
    assert may_follow([vocab.ref, 1, 3]) == {4}
    assert len(may_follow([vocab.ref, 6])) == vocab.size  # fits none: free
