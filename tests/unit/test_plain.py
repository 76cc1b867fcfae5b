"""The plain baseline of the benchmark says what the engine says under `compat`, and says what it is told."""

from __future__ import annotations

import pytest
import torch

from locany.codec.blocks import BlockKind
from locany.codec.vocab import Vocab
from locany.engine import DecodeMode, Engine, ImageInput, Params, Request
from locany.engine.judge import KINDS, classify_published, propose_published
from locany.eval.plain import generate_plain
from locany.eval.plain_model import PlainCache, PlainModel
from locany.eval.plain_rules import choose_block, classify, probabilities
from locany.eval.scripted import script
from locany.eval.shapes import Shape, noise_image, prompt_about
from locany.model import LocateModel
from tests.scripted import knobs_of
from tests.tiny import tiny_config, tiny_model

SAMPLING = [
    {},
    {"top_p": 0.9},
    {"top_p": 0.9, "repetition_penalty": 1.1},
    {"temperature": 0.7, "top_p": 0.9, "seed": 3},
    {"temperature": 1.0, "top_k": 5, "seed": 4},
]


def asked(vocab: Vocab, seed: int) -> tuple[list[int], ImageInput]:
    shape = Shape("tiny", tiny_config(), vocab)
    image = noise_image(shape.config.vision, (4, 6), seed)
    return prompt_about(shape, image, seed), image


@pytest.mark.parametrize("mode", ["fast", "hybrid", "slow"])
@pytest.mark.parametrize("sampling", SAMPLING, ids=str)
def test_same_tokens_as_the_engine(
    vocab: Vocab, golden_model: LocateModel, mode: str, sampling: dict[str, float]
) -> None:
    for seed, model in enumerate(
        (golden_model, golden_model, tiny_model(1, std=0.3), tiny_model(2, std=0.3))
    ):
        prompt, image = asked(vocab, seed)
        params = Params(mode=DecodeMode(mode), max_new_tokens=40, compat=True, **sampling)
        plain = generate_plain(PlainModel(model), vocab, prompt, (image,), params)
        (request,) = Engine(model, vocab).generate([Request(prompt, (image,), params)])
        assert plain.tokens == request.tokens


@pytest.mark.parametrize("is_fast", [True, False])
def test_same_decisions_as_the_engine(vocab: Vocab, is_fast: bool) -> None:
    """Blocks of every kind: near-certain, undecided, malformed; with and without a nucleus."""
    generator = torch.Generator().manual_seed(0)
    num_blocks, limits = 600, Params().thresholds
    whole = script(vocab, num_blocks, boxes_per_label=2)
    structural = [vocab.box, vocab.box_end, vocab.ref, vocab.ref_end, vocab.null, vocab.none, vocab.end]
    _, of_rows = knobs_of(vocab, Params())
    kinds = set()
    for number in range(num_blocks):
        logits = 0.5 * torch.randn(6, vocab.size, generator=generator)
        whole.say(logits, 6 * number, vocab, drafted=True)
        logits.clamp_(max=8 + 6 * torch.rand((), generator=generator).item())
        for slot in torch.randint(0, 6, (number % 4,), generator=generator).tolist():
            rival = structural[torch.randint(len(structural), (), generator=generator)]
            if number % 3 == 0:
                rival = vocab.coord(int(torch.randint(1001, (), generator=generator)))
            logits[slot, rival] += 10 + 6 * torch.rand((), generator=generator)
        probs = probabilities(logits, [], Params(top_p=0.9 if number % 2 else 1.0))
        drawn = probs.argmax(-1)
        fast = torch.tensor([is_fast])
        tokens, _ = propose_published(probs[None], drawn[None], fast, vocab, of_rows)
        verdict = classify_published(tokens, fast, vocab)
        block = choose_block(probs, drawn.tolist(), is_fast, vocab, limits)
        kind, committed = classify(block, is_fast, vocab)
        assert (kind, committed) == (KINDS[verdict.kind[0]], verdict.tokens[0, : verdict.length[0]].tolist())
        kinds.add(kind)
    assert kinds == set(KINDS) - ({BlockKind.ERROR} if is_fast else set())


def test_forward_is_that_of_the_engine_under_one_mask(vocab: Vocab) -> None:
    model = tiny_model(1, std=0.1)
    prompt, image = asked(vocab, 1)
    plain, cache = PlainModel(model), PlainCache([], [])
    with torch.inference_mode():
        visual = plain.encode((image,))
        ours = model.encode_images(torch.from_numpy(image.pixel_values), [image.grid_hw])
        torch.testing.assert_close(visual, ours, rtol=1e-4, atol=1e-5)
        logits = plain.decode(prompt, list(range(len(prompt))), 0, cache, visual)
        hidden = model(torch.tensor([prompt]), torch.arange(len(prompt))[None], None, ours)
        torch.testing.assert_close(logits, model.decoder.logits(hidden)[0], rtol=1e-4, atol=1e-4)
    assert cache.length == len(prompt)


@pytest.mark.parametrize("mode", ["fast", "hybrid", "slow"])
def test_scripts_are_said_word_for_word(vocab: Vocab, mode: str) -> None:
    prompt, image = asked(vocab, 0)
    given = script(vocab, 7, boxes_per_label=3)
    answer = generate_plain(
        PlainModel(tiny_model()), vocab, prompt, (image,), Params(mode=DecodeMode(mode)), script=given
    )
    assert answer.tokens == list(given.tokens)
    steps = len(given.tokens) - 1 if mode == "slow" else 7 + 3  # the first one is the prefill
    assert len(answer.token_s if mode == "slow" else answer.block_s) == steps
    assert not (answer.block_s if mode == "slow" else answer.token_s)


def test_the_limits_end_an_answer(vocab: Vocab) -> None:
    prompt, image = asked(vocab, 0)
    model, given = PlainModel(tiny_model()), script(vocab, 20)
    short = generate_plain(model, vocab, prompt, (image,), Params(max_new_tokens=10), script=given)
    assert short.tokens == list(given.tokens[:12])  # blocks are appended whole
    none = generate_plain(model, vocab, prompt, (image,), Params(), max_length=len(prompt), script=given)
    assert none.tokens == []


def test_pattern_rules_of_the_specification(vocab: Vocab) -> None:
    """Spec `locateanything` 10.3, as Python sees it."""
    c = [vocab.coord(k) for k in (1, 2, 3, 4)]
    box, end, null = vocab.box, vocab.box_end, vocab.null
    word = 10
    for block, fast, committed in (
        ([box, *c, end], True, 6),
        ([box, c[0], c[1], end, c[2], c[3]], False, 4),
        ([box, *c[:3], end, null], False, 4),
        ([box, *c[:3], end, null], True, 6),
        ([box, word, end, null, null, null], False, 1),
        ([vocab.ref, word, vocab.ref_end, vocab.ref_end, null, null], True, 3),
        ([word, vocab.end, null, null, null, null], True, 2),
    ):
        assert classify(block, fast, vocab)[1] == block[:committed]
    assert classify([null, *c, end], True, vocab)[1] == [vocab.end]
    assert classify([box, vocab.none, *c], True, vocab)[1] == [box, vocab.none, end]


def test_a_frame_whose_first_slot_is_a_label_becomes_a_box(vocab: Vocab) -> None:
    """The published rules do not look at slot 0 of a legal frame."""
    block = [vocab.ref, *(vocab.coord(k) for k in (1, 2, 3, 4)), vocab.box_end]
    probs = torch.nn.functional.one_hot(torch.tensor(block), vocab.size).float()
    chosen = choose_block(probs, block, False, vocab, Params().thresholds)
    assert chosen == [vocab.box, *block[1:]]
