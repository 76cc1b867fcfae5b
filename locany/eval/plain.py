"""The plain baseline: one request at a time, the way the published generator works (spec `locateanything` 6).

Prompt and window go through the model together in the first step; every step forwards, cuts the cache back to
the committed text, decides in Python, and appends. It is what speed is measured against, and gives the same
tokens as the engine under `compat`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from locany.codec.blocks import BlockKind
from locany.codec.vocab import Vocab
from locany.engine import DecodeMode, ImageInput, Params
from locany.eval.plain_model import PlainCache, PlainModel
from locany.eval.plain_rules import choose_block, classify, draw, probabilities
from locany.eval.scripted import Script
from locany.eval.timing import Clock


@dataclass
class PlainAnswer:
    """What the baseline said, and how long its parts took.

    Attributes:
        tokens: the answer.
        vision_s: seconds of encoder and projector.
        prefill_s: seconds of the first step behind it: the prompt, the first block or token, its decision.
        block_s, token_s: seconds of each later step that decoded a block, or a single token.
    """

    tokens: list[int] = field(default_factory=list)
    vision_s: float = 0.0
    prefill_s: float = 0.0
    block_s: list[float] = field(default_factory=list)
    token_s: list[float] = field(default_factory=list)


@torch.inference_mode()
def generate_plain(
    model: PlainModel,
    vocab: Vocab,
    prompt: list[int],
    images: tuple[ImageInput, ...],
    params: Params,
    *,
    max_length: int = 16384,
    script: Script | None = None,
    visual: Tensor | None = None,
) -> PlainAnswer:
    """Answer one request.

    Args:
        model: the weights.
        vocab: token ids.
        prompt: ids with image tokens expanded; images: in the order of their image tokens, at least one.
        params: mode (fast, hybrid or slow), sampling, `max_new_tokens` and thresholds count.
        max_length: tokens of prompt and answer together.
        script: the answer, where it is given.
        visual: visual tokens of the images, where they are known already.
    """
    assert params.mode in (DecodeMode.FAST, DecodeMode.HYBRID, DecodeMode.SLOW), params.mode
    clock, answer, cache = Clock(model.device), PlainAnswer(), PlainCache([], [])
    generator = torch.Generator(model.device).manual_seed(params.seed) if params.temperature > 0 else None
    is_fast, in_blocks = params.mode is DecodeMode.FAST, params.mode is not DecodeMode.SLOW
    limit = min(max_length, len(prompt) + params.max_new_tokens)
    text = list(prompt)
    began = clock.now()
    visual = model.encode(images) if visual is None else visual
    answer.vision_s = clock.now() - began
    while len(text) < limit:
        began, was_first, was_block = clock.now(), len(text) == len(prompt), in_blocks
        logits = _forward(model, vocab, text, cache, in_blocks, visual)
        visual = None
        if script:
            script.say(logits, len(text) - len(prompt), vocab, drafted=in_blocks)
        probs = probabilities(logits, text, params)
        drawn = draw(probs, params, generator)
        if in_blocks:
            block = choose_block(probs, drawn, is_fast, vocab, params.thresholds)
            kind, committed = classify(block, is_fast, vocab)
            is_over, in_blocks = kind is BlockKind.END, kind is not BlockKind.ERROR
        else:
            committed = drawn
            is_over, in_blocks = _after_token(drawn[0], params.mode, vocab)
        text += committed
        if was_first:
            answer.prefill_s = clock.now() - began
        else:
            (answer.block_s if was_block else answer.token_s).append(clock.now() - began)
        if is_over:
            break
    answer.tokens = text[len(prompt) :]
    return answer


def _forward(
    model: PlainModel,
    vocab: Vocab,
    text: list[int],
    cache: PlainCache,
    in_blocks: bool,
    visual: Tensor | None,
) -> Tensor:
    """Logits that the coming decision reads, [6 or 1, vocabulary]; afterwards the cache holds the text."""
    size = vocab.block_size if in_blocks else 0
    length, cached = len(text), cache.length
    token_ids, positions = text[cached:], list(range(cached, length))
    if in_blocks:
        token_ids = [*token_ids, text[-1], *[vocab.mask] * (size - 1)]
        positions += range(length - 1, length - 1 + size)
    logits = model.decode(token_ids, positions, size, cache, visual)
    cache.truncate(length)
    return logits[-max(size, 1) :]


def _after_token(token: int, mode: DecodeMode, vocab: Vocab) -> tuple[bool, bool]:
    """Whether a single token ends the answer, and whether a block comes next (spec 6.6)."""
    if token == vocab.end:
        return True, False
    if mode is DecodeMode.SLOW:
        return False, False
    if token == vocab.box_end:
        return False, True
    return not (vocab.is_coord(token) or token == vocab.none), False
