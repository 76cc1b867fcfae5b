"""The decisions of the plain baseline: one row at a time, in Python, slot by slot.

The published rules (spec `locateanything` 6.4, 6.5, 6.8) once more, written without a thought for batches; a
test holds them against the engine's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from locany.codec.blocks import BlockKind
from locany.codec.vocab import Vocab
from locany.engine import Params, Thresholds

_DOUBTFUL = 0  # stands for a coordinate that is to be asked for again; the published marker


def probabilities(logits: Tensor, text: list[int], params: Params) -> Tensor:
    """Penalty, temperature, top-p, top-k, softmax.

    Args:
        logits: [slots, vocabulary] float32; text: all tokens so far, the prompt included.
    """
    if params.repetition_penalty != 1:
        seen = torch.tensor(sorted(set(text)), device=logits.device)
        known = logits[:, seen]
        penalty = params.repetition_penalty
        logits = logits.clone()
        logits[:, seen] = torch.where(known > 0, known / penalty, known * penalty)
    if params.temperature > 0:
        logits = logits / params.temperature
    lowest = torch.finfo(torch.float32).min
    if params.top_p < 1:
        ordered, order = torch.sort(logits, descending=True, stable=True)
        removed = ordered.softmax(-1).cumsum(-1) > params.top_p
        removed[:, 1:] = removed[:, :-1].clone()
        removed[:, 0] = False
        logits = logits.masked_fill(removed.scatter(-1, order, removed), lowest)
    if params.top_k > 0:
        least = torch.topk(logits, min(params.top_k, logits.shape[-1])).values[:, -1:]
        logits = logits.masked_fill(logits < least, lowest)
    return logits.softmax(-1)


def draw(probs: Tensor, params: Params, generator: torch.Generator | None) -> list[int]:
    """One token per slot: the most probable, or a sample."""
    if params.temperature > 0:
        probs = probs / torch.empty_like(probs).exponential_(1.0, generator=generator)
    tokens: list[int] = probs.argmax(-1).tolist()
    return tokens


def choose_block(
    probs: Tensor, drawn: list[int], is_fast: bool, vocab: Vocab, limits: Thresholds
) -> list[int]:
    """The six tokens of a block (spec 6.4).

    Args:
        probs: [6, vocabulary]; drawn: tokens to fall back on.
        is_fast: doubtful coordinates are taken as they are.
    """
    if (
        probs[0, vocab.box].item() >= limits.negative_start
        and probs[1, vocab.none].item() > limits.negative_none
        and probs[2, vocab.box_end].item() > limits.negative_none
        and probs[3, vocab.null].item() > limits.negative_null
        and probs[4, vocab.null].item() > limits.negative_null
    ):
        return [vocab.box, vocab.none, vocab.box_end, vocab.null, vocab.null, vocab.null]
    end = sum(probs[5, token].item() for token in (vocab.box_end, vocab.null, vocab.end))
    if end >= limits.frame_end:
        values = [_coordinate(probs[slot], is_fast, vocab, limits) for slot in range(1, 5)]
        if all(value is not None for value in values):
            return [vocab.box, *(value for value in values if value is not None), vocab.box_end]
    if probs[0, vocab.ref].item() >= limits.label_start:
        words = [_word(probs[slot], vocab, limits) for slot in range(1, 6)]
        if all(word is not None for word in words):
            return [vocab.ref, *(word for word in words if word is not None)]
    return drawn


def _coordinate(probs: Tensor, is_fast: bool, vocab: Vocab, limits: Thresholds) -> int | None:
    """The most probable coordinate among the candidates of a slot; None where there is none."""
    top = torch.topk(probs, limits.num_candidates)
    candidates = [
        (p, token)
        for p, token in zip(top.values.tolist(), top.indices.tolist(), strict=True)
        if vocab.is_coord(token) and p > 0
    ]
    if not candidates:
        return None
    tokens = [token for _, token in candidates]
    best, value = candidates[0]
    is_doubtful = (
        best < torch.tensor(limits.abnormal_probability).item()  # compared in float32, as the engine does
        and len(tokens) >= 2
        and max(tokens) - min(tokens) > limits.abnormal_spread
    )
    return _DOUBTFUL if is_doubtful and not is_fast else value


def _word(probs: Tensor, vocab: Vocab, limits: Thresholds) -> int | None:
    """The most probable token of a slot that is no coordinate, among the candidates."""
    for token in torch.topk(probs, limits.num_label_candidates).indices.tolist():
        if not vocab.is_coord(token):
            return int(token)
    return None


def classify(block: list[int], is_fast: bool, vocab: Vocab) -> tuple[BlockKind, list[int]]:
    """What a block is, and which tokens of it are committed (spec 6.5); the first fitting pattern counts."""
    if block[0] in (vocab.null, vocab.end):
        return BlockKind.END, [vocab.end]
    if block[0] == vocab.box:
        if block[1] == vocab.none:
            return BlockKind.NEGATIVE, [vocab.box, vocab.none, vocab.box_end]
        leading = 0
        while leading < 4 and vocab.is_coord(block[1 + leading]):
            leading += 1
        if leading == 4 and block[5] == vocab.box_end:
            return BlockKind.BOX, block
        if leading == 2 and block[3] == vocab.box_end:
            return BlockKind.POINT, block[:4]
        if is_fast:
            return BlockKind.BOX, block
        return BlockKind.ERROR, block[: 1 + leading]
    text = block[: block.index(vocab.null)] if vocab.null in block else block
    if text[-2:] == [vocab.ref_end, vocab.ref_end]:
        text = text[:-1]
    return BlockKind.SEMANTIC, text
