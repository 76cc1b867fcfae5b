"""The block: `block_size` slots that are written in one decoding step (spec `locateanything` 6.1).

    semantic    <ref> t1 .. t4 </ref>, or six tokens of a long label and the rest in further blocks
    box         <box> x1 y1 x2 y2 </box>
    point       <box> x y </box> null null
    negative    <box> None </box> null null null
    end         <|im_end|> null null null null null

This file cuts an answer into blocks for training. Deciding blocks while decoding is `engine/verify.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from locany.codec.formulation import Formulation
from locany.codec.vocab import Vocab


class BlockKind(str, Enum):
    """What a block says."""

    SEMANTIC = "semantic"  # a label or a part of one
    BOX = "box"
    POINT = "point"
    NEGATIVE = "negative"
    END = "end"
    ERROR = "error"  # starts as a box and is none: to be re-decoded token by token


@dataclass(frozen=True)
class Block:
    """One training block: what is fed and what is to be predicted.

    Attributes:
        anchor: index of the real token whose copy is slot 0.
        inputs: [block_size] ids: the anchor's copy and mask tokens.
        targets: [block_size] ids: the next tokens, padded with null.
    """

    anchor: int
    inputs: tuple[int, ...]
    targets: tuple[int, ...]


def _block(ids: Sequence[int], anchor: int, targets: Sequence[int], vocab: Vocab) -> Block:
    size = vocab.block_size
    return Block(
        anchor=anchor,
        inputs=(ids[anchor], *[vocab.mask] * (size - 1)),
        targets=(*targets, *[vocab.null] * (size - len(targets))),
    )


def cut_blocks(ids: Sequence[int], anchor: int, vocab: Vocab, offset: int = 0) -> list[Block]:
    """The block stream of the answer that follows `anchor`, as the vocabulary's formulation has it.

    Args:
        offset: tokens of the answer before the first block of a fixed length, 0 .. block_size - 1. Decoding
            may come to stand anywhere, so training begins anywhere.
    """
    if vocab.formulation is Formulation.PARALLEL:
        return structured_blocks(ids, anchor, vocab)
    if vocab.formulation is not Formulation.FIXED:
        return []
    stop = list(ids).index(vocab.end, anchor + 1) + 1
    starts = range(anchor + offset, stop - 1, vocab.block_size)
    return [_block(ids, at, ids[at + 1 : min(at + 1 + vocab.block_size, stop)], vocab) for at in starts]


def structured_blocks(ids: Sequence[int], anchor: int, vocab: Vocab) -> list[Block]:
    """Blocks of the answer that follows `anchor` in `ids`, closed by the end token (spec `training` 1.3).

    Args:
        ids: a whole tokenised conversation.
        anchor: index of the token before the answer, the newline after `assistant`.
    """
    blocks = []
    while ids[anchor] != vocab.end:
        kept = list(ids[anchor + 1 : anchor + 1 + vocab.block_size])
        assert kept, "an answer must be closed by the end token"
        if kept[0] == vocab.end:
            kept = kept[:1]
        elif vocab.end in kept:
            kept = kept[: kept.index(vocab.end)]
        for closing in (vocab.ref_end, vocab.box_end):
            if closing in kept:
                kept = kept[: kept.index(closing) + 1]
        blocks.append(_block(ids, anchor, kept, vocab))
        anchor += len(kept)
    return blocks


def plain_blocks(ids: Sequence[int], anchor: int, num_targets: int, offset: int, vocab: Vocab) -> list[Block]:
    """Full blocks over free text, starting `offset` tokens into the answer; no padding (spec `training` 1.3).

    Args:
        num_targets: tokens of the answer, its end token included.
        offset: 0 .. num_targets mod block_size.
    """
    size = vocab.block_size
    return [
        _block(ids, start, ids[start + 1 : start + 1 + size], vocab)
        for start in range(anchor + offset, anchor + offset + num_targets // size * size, size)
    ]
