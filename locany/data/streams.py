"""One text, two streams: the next-token stream and, behind it, the block stream (spec `training` 1.2 to 1.5).

The text is there once, as ordinary tokens. Behind it every answer is there a second time, cut into blocks
whose inputs are masked. What each position may see follows from `branch`, `index` and `block`
(`model/masks.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from locany.codec.blocks import Block, cut_blocks, plain_blocks
from locany.codec.tokenizer import Tokenizer
from locany.codec.vocab import Vocab
from locany.errors import DataError

IGNORE = -100  # target of a position that is not supervised


@dataclass(frozen=True)
class Streams:
    """Arrays of one sample, all int64 of shape [positions].

    Attributes:
        token_ids: what is fed.
        targets: what the output at this same position should predict; IGNORE where nothing is asked.
        positions: rotary positions.
        branch, index, block: the layout of `model/masks.py`.
    """

    token_ids: np.ndarray
    targets: np.ndarray
    positions: np.ndarray
    branch: np.ndarray
    index: np.ndarray
    block: np.ndarray

    def __len__(self) -> int:
        return len(self.token_ids)


class _Builder:
    """Collects the columns of `Streams` as lists: a block has six positions, too few for an array each."""

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab
        self.token_ids: list[int] = []
        self.targets: list[int] = []
        self.positions: list[int] = []
        self.branch: list[int] = []
        self.index: list[int] = []
        self.block: list[int] = []
        self.num_blocks = 0

    def add_text(self, ids: Sequence[int], targets: Sequence[int], branch: int, start: int) -> None:
        stop = start + len(ids)
        self.token_ids += ids
        self.targets += targets
        self.positions += range(start, stop)
        self.branch += [branch] * len(ids)
        self.index += range(start, stop)
        self.block += [-1] * len(ids)

    def add_blocks(self, blocks: Sequence[Block], branch: int) -> None:
        for block in blocks:
            size = len(block.inputs)
            self.token_ids += block.inputs
            self.targets += block.targets
            self.positions += range(block.anchor, block.anchor + size)
            self.branch += [branch] * size
            self.index += [block.anchor] * size
            self.block += [self.num_blocks] * size
            self.num_blocks += 1

    def add_closing_pad(self) -> None:
        """One pad behind the blocks, as published: it sees the text and nothing sees it."""
        position = self.positions[-1] + 1
        self.token_ids.append(self.vocab.pad)
        self.targets.append(IGNORE)
        self.positions.append(position)
        self.branch.append(0)
        self.index.append(position)
        self.block.append(self.num_blocks)

    def build(self) -> Streams:
        columns = (self.token_ids, self.targets, self.positions, self.branch, self.index, self.block)
        return Streams(*(np.asarray(column, dtype=np.int64) for column in columns))


def answer_targets(ids: Sequence[int], spans: Sequence[tuple[int, int]]) -> list[int]:
    """Next-token targets: position i predicts ids[i + 1] where i + 1 lies in an answer, else IGNORE."""
    targets = [IGNORE] * len(ids)
    for start, stop in spans:
        targets[start - 1 : stop - 1] = ids[start:stop]
    return targets


def conversation_streams(tokenizer: Tokenizer, ids: Sequence[int], draw: Callable[[int], int]) -> Streams:
    """Streams of a tokenised conversation in the published format, all its turns in one branch.

    Args:
        ids: the rendered conversation, image tokens expanded.
        draw: draw(n) is a uniform integer 0 .. n - 1; only free text uses it.

    Raises:
        DataError: no assistant turn, or one that is not closed.
    """
    vocab = tokenizer.vocab
    spans = answer_spans(tokenizer, ids)
    structured = vocab.box_end in ids or vocab.ref_end in ids
    blocks: list[Block] = []
    for start, stop in spans:
        if structured:
            blocks += cut_blocks(ids, start - 1, vocab)
        else:
            offset = draw((stop - start) % vocab.block_size + 1)
            blocks += plain_blocks(ids, start - 1, stop - start, offset, vocab)
    builder = _Builder(vocab)
    builder.add_text(ids, answer_targets(ids, spans), branch=0, start=0)
    builder.add_blocks(blocks, branch=0)
    if blocks:
        builder.add_closing_pad()
    return builder.build()


def answer_spans(tokenizer: Tokenizer, ids: Sequence[int]) -> list[tuple[int, int]]:
    """Start and stop of every answer: after `assistant` and its newline, up to and with the end token."""
    vocab, spans, ids = tokenizer.vocab, [], list(ids)
    opening = [vocab.turn, *tokenizer.encode_plain("assistant")]
    for at in range(len(ids) - len(opening) + 1):
        if ids[at : at + len(opening)] == opening:
            # One token more: the newline, whatever its id; it merges with a newline that starts the answer.
            start = at + len(opening) + 1
            try:
                stop = ids.index(vocab.end, start) + 1
            except ValueError:
                raise DataError("an assistant turn is not closed by <|im_end|>") from None
            spans.append((start, stop))
    if not spans:
        raise DataError("the conversation has no assistant turn, so there is nothing to learn from it")
    return spans


def branched_streams(
    vocab: Vocab,
    prefix: Sequence[int],
    branches: Sequence[tuple[Sequence[int], Sequence[int]]],
    offset: int = 0,
) -> Streams:
    """Streams of several independent questions about one shared prefix.

    Each question sees the prefix and itself, as if it were asked alone: the image is encoded once and asked
    many times.

    Args:
        prefix: ids up to and with the image.
        branches: (ids from the question to the opening of the answer, ids of the answer with its end token).
        offset: of blocks of a fixed length, see `cut_blocks`.
    """
    builder = _Builder(vocab)
    builder.add_text(prefix, [IGNORE] * len(prefix), branch=0, start=0)
    for number, (question, answer) in enumerate(branches, start=1):
        text = [*question, *answer]
        spans = [(len(question), len(text))]
        builder.add_text(text, answer_targets(text, spans), branch=number, start=len(prefix))
        whole = [*prefix, *text]
        anchor = len(prefix) + len(question) - 1
        builder.add_blocks(cut_blocks(whole, anchor, vocab, offset), branch=number)
    return builder.build()
