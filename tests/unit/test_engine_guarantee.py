"""Whatever the network says, an answer ends, and it is one: the promise of the guarded rules."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from locany.codec import Tokenizer, read_answer
from locany.codec.grammar import allowed_table, state_after
from locany.engine import Finish, Params, Phase, Request
from locany.results import Provenance
from tests.scripted import in_turn, scripted_engine, slots

MODES = ["fast", "slow", "hybrid"]
# Not matters of form: corners in the wrong order, and a label of blanks, which a table of tokens cannot see.
_HARMLESS = re.compile(r"a box was mended \(corners put in order\)|an empty label$")


def assert_well_formed(words: Tokenizer, request: Request) -> None:
    """The answer ended in time and reads without loss, up to the piece that a limit cut."""
    vocab, tokens = words.vocab, request.tokens
    assert request.finish is not None
    assert request.finish is not Finish.STRAY
    assert len(tokens) <= request.params.max_new_tokens + 5
    if request.finish is Finish.LIMIT:
        closed = [i for i, t in enumerate(tokens) if t in (vocab.box_end, vocab.end)]
        tokens = tokens[: closed[-1] + 1] if closed else []
    answer = read_answer(words, tokens)
    assert [note for note in answer.dropped if not _HARMLESS.match(note)] == []
    blanks = [note for note in answer.dropped if note == "an empty label"]
    labels = re.findall(r"<ref>(.*?)</ref>", words.decode(tokens), re.DOTALL)
    assert len(blanks) == sum(not label.strip() for label in labels)
    assert "" not in labels
    assert len(answer.items) == tokens.count(vocab.box)
    assert sum(not item.is_negative for item in answer.items) == request.num_boxes
    assert answer.ended == (request.finish is Finish.END)
    seen = [(words.decode(label), bins) for label, bins in request.said if bins]
    assert len(seen) == len(set(seen)) == request.num_boxes  # no box is said twice


def assert_allowed(words: Tokenizer, request: Request) -> None:
    """Every committed token was allowed where it stands."""
    table = allowed_table(words.vocab)
    for i, token in enumerate(request.tokens):
        assert table[state_after(words.vocab, request.tokens[:i]), token]


@settings(max_examples=120)
@given(
    seed=st.integers(0, 2**32),
    scale=st.sampled_from([0.3, 2.0, 8.0]),
    boost=st.sampled_from([0.0, 3.0, 10.0, 30.0]),
    mode=st.sampled_from(MODES),
    temperature=st.sampled_from([0.0, 0.7, 5.0]),
    top_p=st.sampled_from([1.0, 0.9, 0.01]),
    top_k=st.sampled_from([0, 0, 1, 7]),
    penalty=st.sampled_from([1.0, 1.5, 0.5]),
    limit=st.integers(0, 60),
    max_boxes=st.sampled_from([0, 0, 2]),
)
def test_any_logits_give_a_well_formed_answer_that_ends(
    words: Tokenizer,
    seed: int,
    scale: float,
    boost: float,
    mode: str,
    temperature: float,
    top_p: float,
    top_k: int,
    penalty: float,
    limit: int,
    max_boxes: int,
) -> None:
    vocab, generator = words.vocab, torch.Generator().manual_seed(seed)
    structural = [vocab.box, vocab.box_end, vocab.ref, vocab.ref_end, vocab.none, vocab.null, vocab.end]

    def script(request: Request, number: int) -> Tensor:
        logits = torch.randn(vocab.block_size, vocab.size, generator=generator) * scale
        logits[:, structural] += boost * torch.rand(vocab.block_size, len(structural), generator=generator)
        coords = slice(vocab.coord_start, vocab.coord_end + 1)
        logits[:, coords] += boost * torch.rand(vocab.block_size, 1, generator=generator)
        return logits

    params = Params(
        mode=mode,  # type: ignore[arg-type]
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        repetition_penalty=penalty,
        max_new_tokens=limit,
        max_boxes=max_boxes,
        seed=seed,
    )
    request = scripted_engine(vocab, script).generate([Request([1, 2, 3], (), params)])[0]
    assert_well_formed(words, request)
    assert_allowed(words, request)
    if mode != "hybrid":
        phase = Phase.SEQUENTIAL if mode == "slow" else Phase.PARALLEL
        assert {commit.phase for commit in request.commits} <= {phase}
        expected = Provenance.SEQUENTIAL if mode == "slow" else Provenance.PARALLEL
        assert set(request.provenance) <= {expected}


@pytest.mark.parametrize("mode", MODES)
def test_a_network_that_says_one_thing_for_ever(words: Tokenizer, mode: str) -> None:
    vocab = words.vocab
    said = {
        "box": vocab.box, "</box>": vocab.box_end, "ref": vocab.ref, "</ref>": vocab.ref_end,
        "coordinate": vocab.coord(500), "None": vocab.none, "null": vocab.null, "end": vocab.end,
        "mask": vocab.mask, "image": vocab.image_token, "separator": vocab.separator, "pad": vocab.pad,
        "word": 300, "last": vocab.size - 1,
    }  # fmt: skip
    logits = {name: slots(vocab, token, fill=token) for name, token in said.items()}
    for top_p in (1.0, 0.9):
        for name, block in logits.items():
            params = Params(mode=mode, max_new_tokens=50, top_p=top_p)  # type: ignore[arg-type]
            engine = scripted_engine(vocab, in_turn(block))
            request = engine.generate([Request([1, 2, 3], (), params)])[0]
            assert_well_formed(words, request)
            assert_allowed(words, request)
            if name == "end":
                assert request.tokens == [vocab.end]


@pytest.mark.parametrize("mode", MODES)
def test_equal_logits_everywhere(words: Tokenizer, mode: str) -> None:
    flat = torch.zeros(6, words.vocab.size)
    for temperature in (0.0, 1.0):
        params = Params(mode=mode, temperature=temperature, max_new_tokens=40)  # type: ignore[arg-type]
        engine = scripted_engine(words.vocab, in_turn(flat))
        assert_well_formed(words, engine.generate([Request([1, 2, 3], (), params)])[0])
