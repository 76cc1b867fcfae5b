"""Scripted answers: the network computes everything, and is then told which token to say.

A model with random weights says nothing, so its answers are given: a large number is added to the logit of
the scripted token, after the head. Every product of matrices, every logit and every decision is really
computed. Each block of an answer is full, labels have four tokens: what comes at which place follows from the
place alone, for blocks and for single tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from locany.codec.places import write_place
from locany.codec.vocab import BOX_TOKENS, Vocab

SURE = 1e4  # added to a logit: the scripted token has probability 1 in float32
_STREAM, _VERSION = 0x5C21, 1
_LABEL = (10, 11, 12, 13)  # plain words in every vocabulary


@dataclass(frozen=True)
class Script:
    """An answer that is given.

    Attributes:
        tokens: the answer, its end token included.
        drafts: what blocks propose, as long as `tokens`; equal to them but for the wrong drafts.
        num_boxes: boxes in it.
        num_wrong: boxes of which the draft has a wrong coordinate.
    """

    tokens: tuple[int, ...]
    drafts: tuple[int, ...]
    num_boxes: int
    num_wrong: int

    def say(self, logits: Tensor, first: int, vocab: Vocab, *, drafted: bool) -> None:
        """Make rows of logits say the answer from a place on; behind its end they say null.

        Args:
            logits: [rows, vocabulary], changed in place.
            first: which token of the answer the first row predicts, 0 is the first token.
            drafted: whether the rows are slots of a block.
        """
        source = self.drafts if drafted else self.tokens
        said = source[first : first + len(logits)]
        said += (vocab.null,) * (len(logits) - len(said))
        rows = torch.arange(len(logits), device=logits.device)
        logits[rows, torch.tensor(said, device=logits.device)] += SURE


def script(
    vocab: Vocab, num_boxes: int, *, boxes_per_label: int = 0, wrong: float = 0.0, seed: int = 0
) -> Script:
    """An answer of so many different boxes.

    Args:
        vocab: token ids.
        num_boxes: boxes.
        boxes_per_label: a new label after so many boxes; 0: one label for all.
        wrong: share of the boxes whose draft has one wrong coordinate, 0..1.
        seed: of the coordinates and of which drafts are wrong.
    """
    assert vocab.block_size == BOX_TOKENS, "scripts are written in blocks of one box"
    rng = np.random.default_rng((_STREAM, _VERSION, seed))
    boxes = _different_boxes(rng, num_boxes, vocab.max_bin)
    wrong_ones = set(rng.permutation(num_boxes)[: round(wrong * num_boxes)].tolist())
    label = [vocab.ref, *_LABEL, vocab.ref_end]
    tokens: list[int] = []
    drafts: list[int] = []
    for number, bins in enumerate(boxes):
        if number == 0 or (boxes_per_label and number % boxes_per_label == 0):
            tokens += label
            drafts += label
        tokens += [vocab.box, *write_place(vocab, bins), vocab.box_end]
        if number in wrong_ones:
            bins = _a_little_larger(rng, bins, vocab.max_bin)
        drafts += [vocab.box, *write_place(vocab, bins), vocab.box_end]
    return Script((*tokens, vocab.end), (*drafts, vocab.end), num_boxes, len(wrong_ones))


def _different_boxes(rng: np.random.Generator, count: int, max_bin: int) -> list[list[int]]:
    """Bins (x0, y0, x1, y1) in order, no box twice: a repeated box would end the answer."""
    found: dict[tuple[int, ...], None] = {}
    while len(found) < count:
        x, y = np.sort(rng.integers(0, max_bin + 1, (2, 2)), axis=1).tolist()
        found[x[0], y[0], x[1], y[1]] = None
    return [list(bins) for bins in found]


def _a_little_larger(rng: np.random.Generator, bins: list[int], max_bin: int) -> list[int]:
    """The box with one side, drawn at random, moved outward by a few bins, or inward at the image's edge."""
    at = int(rng.integers(4))
    moved = bins[at] + (3 if at >= 2 else -3)
    return [*bins[:at], moved if 0 <= moved <= max_bin else abs(bins[at] - 3), *bins[at + 1 :]]
