"""Is a block well framed, is it unambiguous: six distributions to the tokens that are committed.

Two sets of rules over the same tensors, for all rows at once:

* `published`: spec `locateanything` 6.4 and 6.5, bit by bit. It never looks at slot 0 of a legal frame, so
  an end, a label or a point can be taken for a box (spec 6.9).
* `guarded`, our default: slot 0 decides what the block is, under the grammar of an answer; a box then needs
  four coordinates, a point two, and only a box that is doubtful is given back for re-decoding.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from locany.codec.blocks import BlockKind
from locany.codec.vocab import Vocab
from locany.engine.params import Thresholds

# The order of kinds in `Verdict.kind`.
KINDS = (
    BlockKind.END,
    BlockKind.NEGATIVE,
    BlockKind.BOX,
    BlockKind.POINT,
    BlockKind.ERROR,
    BlockKind.SEMANTIC,
)
_END, _NEGATIVE, _BOX, _POINT, _ERROR, _SEMANTIC = range(len(KINDS))
_DOUBTFUL = 0  # stands for a doubtful coordinate in the published rules; any non-coordinate would do


@dataclass(frozen=True)
class Verdict:
    """What became of each row's block.

    Attributes:
        tokens: [rows, slots]; the first `length` of each row are committed.
        length: [rows].
        kind: [rows] index into KINDS.
    """

    tokens: Tensor
    length: Tensor
    kind: Tensor


@dataclass(frozen=True)
class _Coordinates:
    """Slots 1 to 4 read as coordinates: [rows, 4] each."""

    value: Tensor  # most probable coordinate among the candidates
    found: Tensor  # whether there is one
    doubtful: Tensor  # improbable, and the candidates lie far apart


def _is_coord(tokens: Tensor, vocab: Vocab) -> Tensor:
    return (tokens >= vocab.coord_start) & (tokens <= vocab.coord_end)


def _coordinates(probs: Tensor, vocab: Vocab, thresholds: Thresholds) -> _Coordinates:
    p, ids = probs[:, 1:5].topk(thresholds.num_candidates, dim=-1)
    valid = _is_coord(ids, vocab) & (p > 0)
    first = valid.int().argmax(-1, keepdim=True)
    highest = torch.where(valid, ids, vocab.coord_start).amax(-1)
    lowest = torch.where(valid, ids, vocab.coord_end).amin(-1)
    return _Coordinates(
        value=ids.gather(-1, first)[..., 0],
        found=valid.any(-1),
        doubtful=(p.gather(-1, first)[..., 0] < thresholds.abnormal_probability)
        & (valid.sum(-1) >= 2)
        & (highest - lowest > thresholds.abnormal_spread),
    )


def _negative_frame(probs: Tensor, vocab: Vocab, thresholds: Thresholds) -> Tensor:
    return (
        (probs[:, 0, vocab.box] >= thresholds.negative_start)
        & (probs[:, 1, vocab.none] > thresholds.negative_none)
        & (probs[:, 2, vocab.box_end] > thresholds.negative_none)
        & (probs[:, 3, vocab.null] > thresholds.negative_null)
        & (probs[:, 4, vocab.null] > thresholds.negative_null)
    )


def _frame_end_mass(probs: Tensor, vocab: Vocab) -> Tensor:
    return probs[:, 5, vocab.box_end] + probs[:, 5, vocab.null] + probs[:, 5, vocab.end]


def _row(tokens: list[int], like: Tensor) -> Tensor:
    return torch.tensor(tokens, dtype=like.dtype, device=like.device).expand_as(like)


def propose_published(
    probs: Tensor, drawn: Tensor, fast: Tensor, vocab: Vocab, thresholds: Thresholds
) -> tuple[Tensor, Tensor]:
    """Steps A to C of spec 6.4.

    Args:
        probs: [rows, 6, vocabulary]; drawn: [rows, 6] sampled or most probable tokens; fast: [rows] boolean.

    Returns:
        The six tokens of each row, and whether the frame rules (rather than `drawn`) made them.
    """
    negative = _negative_frame(probs, vocab, thresholds)
    coords = _coordinates(probs, vocab, thresholds)
    box = (_frame_end_mass(probs, vocab) >= thresholds.frame_end) & coords.found.all(-1)
    value = coords.value.masked_fill(coords.doubtful & ~fast[:, None], _DOUBTFUL)
    box_tokens = torch.cat(
        (_row([vocab.box], value[:, :1]), value, _row([vocab.box_end], value[:, :1])), dim=1
    )

    ids = probs[:, 1:].topk(thresholds.num_label_candidates, dim=-1).indices
    is_text = ~_is_coord(ids, vocab)
    text = ids.gather(-1, is_text.int().argmax(-1, keepdim=True))[..., 0]
    label = (probs[:, 0, vocab.ref] >= thresholds.label_start) & is_text.any(-1).all(-1)
    label_tokens = torch.cat((_row([vocab.ref], text[:, :1]), text), dim=1)

    null = vocab.null
    tokens = torch.where(label[:, None], label_tokens, drawn)
    tokens = torch.where(box[:, None], box_tokens, tokens)
    negative_tokens = _row([vocab.box, vocab.none, vocab.box_end, null, null, null], tokens)
    tokens = torch.where(negative[:, None], negative_tokens, tokens)
    return tokens, negative | box | label


def classify_published(tokens: Tensor, fast: Tensor, vocab: Vocab) -> Verdict:
    """The pattern rules of spec 6.5, first match wins.

    Args:
        tokens: [rows, 6]; fast: [rows] boolean.
    """
    tokens = tokens.clone()
    first = tokens[:, 0]
    end = (first == vocab.null) | (first == vocab.end)
    frame = first == vocab.box
    negative = frame & (tokens[:, 1] == vocab.none)
    leading = _is_coord(tokens[:, 1:5], vocab).int().cumprod(-1).sum(-1)
    box = frame & (leading == 4) & (tokens[:, 5] == vocab.box_end)
    point = frame & (leading == 2) & (tokens[:, 3] == vocab.box_end)

    is_null = tokens == vocab.null
    cut = torch.where(is_null.any(-1), is_null.int().argmax(-1), tokens.shape[1])
    last, before = (tokens.gather(1, (cut - k).clamp(min=0)[:, None])[:, 0] for k in (1, 2))
    twice_closed = (cut >= 2) & (last == vocab.ref_end) & (before == vocab.ref_end)
    kind = torch.full_like(first, _SEMANTIC)
    length = cut - twice_closed.long()
    for where, what, count in (
        (frame, _ERROR, 1 + leading),
        (frame & fast, _BOX, torch.full_like(leading, 6)),
        (point, _POINT, torch.full_like(leading, 4)),
        (box, _BOX, torch.full_like(leading, 6)),
        (negative, _NEGATIVE, torch.full_like(leading, 3)),
        (end, _END, torch.full_like(leading, 1)),
    ):
        kind = torch.where(where, what, kind)
        length = torch.where(where, count, length)
    tokens[:, 0] = torch.where(end, vocab.end, tokens[:, 0])
    tokens[:, 2] = torch.where(negative & ~end, vocab.box_end, tokens[:, 2])
    return Verdict(tokens, length, kind)


def is_coordinate(probs: Tensor, vocab: Vocab, others: Collection[int]) -> Tensor:
    """Whether a slot is rather a coordinate than one of some other tokens: [rows] boolean.

    A coordinate is one thing to say in a thousand spellings: where it lies may be open by some bins, so that
    no single bin is likelier than None, while a coordinate of some kind is nearly certain. Its mass counts.

    Args:
        probs: [rows, vocabulary]; others: ids of what else may stand there.
    """
    mass = probs[:, vocab.coord_start : vocab.coord_end + 1].sum(-1)
    return mass > sum(probs[:, token] for token in others)


def place_mass(probs: Tensor, tokens: Tensor, vocab: Vocab, reach: Tensor | int) -> Tensor:
    """Probability of all bins within `reach` of a coordinate.

    Args:
        probs: [..., vocabulary]; tokens: [...] ids, read as the nearest bin if they are no coordinates.
        reach: bins, broadcastable to `tokens`.

    Returns:
        [...], 0..1.
    """
    mass = probs[..., vocab.coord_start : vocab.coord_end + 1].cumsum(-1)
    bins = (tokens - vocab.coord_start).clamp(0, vocab.max_bin)
    upper = mass.gather(-1, (bins + reach).clamp(max=vocab.max_bin)[..., None])[..., 0]
    below = bins - reach - 1
    lower = torch.where(below >= 0, mass.gather(-1, below.clamp(min=0)[..., None])[..., 0], 0.0)
    return (upper - lower).clamp(0, 1)


def settle_guarded(probs: Tensor, drawn: Tensor, vocab: Vocab) -> Tensor:
    """One sequential token under the grammar: first whether it is a coordinate, by mass, then which.

    Args:
        probs: [rows, vocabulary], limited to what the grammar allows; drawn: [rows] most probable tokens.
    """
    coords = probs[:, vocab.coord_start : vocab.coord_end + 1]
    place = coords.argmax(-1) + vocab.coord_start
    others = probs.clone()
    others[:, vocab.coord_start : vocab.coord_end + 1] = 0
    rather = coords.sum(-1) > others.sum(-1)
    return torch.where(rather, place, torch.where(_is_coord(drawn, vocab), others.argmax(-1), drawn))


def judge_guarded(
    probs: Tensor, drawn: Tensor, fast: Tensor, vocab: Vocab, thresholds: Thresholds, label_tokens: Tensor
) -> Verdict:
    """Our rules; see the module's text.

    Args:
        probs: [rows, 6, vocabulary], slot 0 already limited to what the grammar allows (null may stand for
            the end).
        label_tokens: [vocabulary] boolean, what may stand in a label, its closing token included.
    """
    first = drawn[:, 0]
    end = (first == vocab.end) | (first == vocab.null)
    frame = first == vocab.box

    coords = _coordinates(probs, vocab, thresholds)
    nearest = probs[:, 1:5, vocab.coord_start : vocab.coord_end + 1].argmax(-1) + vocab.coord_start
    value = torch.where(coords.found, coords.value, nearest)
    near = place_mass(probs[:, 1:5], value, vocab, thresholds.score_reach)
    sure = coords.found & ~coords.doubtful & (near >= thresholds.place_mass)
    sure = sure | fast[:, None]  # fast cannot ask again: it takes the nearest
    inverted = ((value[:, 0] > value[:, 2]) | (value[:, 1] > value[:, 3])) & ~fast
    negative = frame & ~is_coordinate(probs[:, 1], vocab, vocab.none_ids)
    two = coords.found[:, :2].all(-1) & sure[:, :2].all(-1)
    point = frame & ~negative & ~is_coordinate(probs[:, 3], vocab, (vocab.box_end,)) & two
    closed = (_frame_end_mass(probs, vocab) >= thresholds.frame_end) | fast
    box = frame & ~negative & ~point & sure.all(-1) & closed & ~inverted
    error = frame & ~negative & ~point & ~box
    leading = torch.where(inverted, 0, sure.int().cumprod(-1).sum(-1).clamp(max=3))

    # A label, or the rest of a long one: text up to </ref>, which is kept, or up to null, which is not.
    masked = probs * (label_tokens | (torch.arange(probs.shape[-1], device=probs.device) == vocab.null))
    fits = label_tokens[drawn] | (drawn == vocab.null)
    text = torch.where(fits, drawn, masked.argmax(-1))
    no_text = ~fits & (masked.amax(-1) == 0)  # top-p left other tokens only: the block ends before them
    text = text.masked_fill(no_text, vocab.null)
    text = torch.cat((drawn[:, :1], text[:, 1:]), dim=1)
    stops = (text == vocab.ref_end) | (text == vocab.null)
    at = torch.where(stops.any(-1), stops.int().argmax(-1), text.shape[1] - 1)
    kept = at + (text.gather(1, at[:, None])[:, 0] != vocab.null).long()
    # A label has words: <ref> alone is kept, and the next block asks for them again.
    kept = torch.where((first == vocab.ref) & (at == 1), 1, kept)

    null = vocab.null
    box_tokens = torch.cat((drawn[:, :1], value, _row([vocab.box_end], value[:, :1])), dim=1)
    point_end = _row([vocab.box_end, null, null], value[:, :3])
    point_tokens = torch.cat((drawn[:, :1], value[:, :2], point_end), dim=1)
    negative_tokens = _row([vocab.box, vocab.none, vocab.box_end, null, null, null], drawn)
    end_tokens = _row([vocab.end, *[null] * 5], drawn)
    tokens, kind, length = text, torch.full_like(first, _SEMANTIC), kept.clamp(min=1)
    for where, what, content, count in (
        (error, _ERROR, box_tokens, 1 + leading),
        (box, _BOX, box_tokens, torch.full_like(first, 6)),
        (point, _POINT, point_tokens, torch.full_like(first, 4)),
        (negative, _NEGATIVE, negative_tokens, torch.full_like(first, 3)),
        (end, _END, end_tokens, torch.full_like(first, 1)),
    ):
        tokens = torch.where(where[:, None], content, tokens)
        kind = torch.where(where, what, kind)
        length = torch.where(where, count, length)
    return Verdict(tokens, length, kind)
