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
from functools import cache

import torch
from torch import Tensor

from locany.codec.blocks import BlockKind
from locany.codec.vocab import Vocab
from locany.engine.sampler import most_probable

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
class RowThresholds:
    """`Thresholds` of several rows, [rows] each; the most that any row asks for is known on the host."""

    negative_start: Tensor
    negative_none: Tensor
    negative_null: Tensor
    frame_end: Tensor
    num_candidates: Tensor
    abnormal_probability: Tensor
    abnormal_spread: Tensor
    label_start: Tensor
    num_label_candidates: Tensor
    score_reach: Tensor
    place_mass: Tensor
    prefix_score: Tensor
    most_candidates: int
    most_label_candidates: int
    most_reach: int


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

    def where(self, rows: Tensor, other: Verdict) -> Verdict:
        """This one in some rows ([rows] boolean), another one in the rest."""
        return Verdict(
            torch.where(rows[:, None], self.tokens, other.tokens),
            torch.where(rows, self.length, other.length),
            torch.where(rows, self.kind, other.kind),
        )


@dataclass(frozen=True)
class _Coordinates:
    """Slots 1 to 4 read as coordinates: [rows, 4] each."""

    value: Tensor  # most probable coordinate among the candidates
    found: Tensor  # whether there is one
    doubtful: Tensor  # improbable, and the candidates lie far apart


def _is_coord(tokens: Tensor, vocab: Vocab) -> Tensor:
    return (tokens >= vocab.coord_start) & (tokens <= vocab.coord_end)


def _ranks_below(limit: Tensor, most: int) -> Tensor:
    """Of the `most` candidates, those that a row looks at: [rows, 1, most] boolean."""
    return torch.arange(most, device=limit.device) < limit[:, None, None]


def _coordinates(probs: Tensor, vocab: Vocab, thresholds: RowThresholds) -> _Coordinates:
    most = thresholds.most_candidates
    p, ids = probs[:, 1:5].topk(most, dim=-1)
    valid = _is_coord(ids, vocab) & (p > 0) & _ranks_below(thresholds.num_candidates, most)
    first = valid.int().argmax(-1, keepdim=True)
    highest = torch.where(valid, ids, vocab.coord_start).amax(-1)
    lowest = torch.where(valid, ids, vocab.coord_end).amin(-1)
    return _Coordinates(
        value=ids.gather(-1, first)[..., 0],
        found=valid.any(-1),
        doubtful=(p.gather(-1, first)[..., 0] < thresholds.abnormal_probability[:, None])
        & (valid.sum(-1) >= 2)
        & (highest - lowest > thresholds.abnormal_spread[:, None]),
    )


def _negative_frame(probs: Tensor, vocab: Vocab, thresholds: RowThresholds) -> Tensor:
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
    """The same tokens for every row of `like`: [rows, len(tokens)]."""
    return _constant(tuple(tokens), like.dtype, like.device).expand(len(like), -1)


@cache
def _constant(values: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Copied from the host once, not in every step."""
    return torch.tensor([values], dtype=dtype, device=device)


def propose_published(
    probs: Tensor, drawn: Tensor, fast: Tensor, vocab: Vocab, thresholds: RowThresholds
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

    most = thresholds.most_label_candidates
    ids = probs[:, 1:].topk(most, dim=-1).indices
    is_text = ~_is_coord(ids, vocab) & _ranks_below(thresholds.num_label_candidates, most)
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


def is_coordinate(
    probs: Tensor, vocab: Vocab, others: Collection[int], weight: Tensor | None = None
) -> Tensor:
    """Whether a slot is rather a coordinate than one of some other tokens: [rows] boolean.

    A coordinate is one thing to say in a thousand spellings: where it lies may be open by some bins, so that
    no single bin is likelier than None, while a coordinate of some kind is nearly certain. Its mass counts.

    Args:
        probs: [rows, vocabulary]; others: ids of what else may stand there.
        weight: [rows] times the probability of those; None for 1.
    """
    mass = probs[:, vocab.coord_start : vocab.coord_end + 1].sum(-1)
    other = torch.stack([probs[:, token] for token in others]).sum(0)
    return mass > (other if weight is None else other * weight)


def place_moments(
    probs: Tensor, tokens: Tensor, vocab: Vocab, reach: Tensor, most_reach: int
) -> tuple[Tensor, Tensor]:
    """Mass and mean of the bins within `reach` of a coordinate.

    Args:
        probs: [..., vocabulary]; tokens: [...] ids, read as the nearest bin if they are no coordinates.
        reach: bins, broadcastable to `tokens`; most_reach: no less than any of them.

    Returns:
        Probability of all bins within reach, 0..1, and their mean weighted by it, in bins: [...] each.
    """
    bins = (tokens - vocab.coord_start).clamp(0, vocab.max_bin)
    offsets = _constant(tuple(range(-most_reach, most_reach + 1)), torch.long, probs.device)[0]
    near = bins[..., None] + offsets
    inside = near.clamp(0, vocab.max_bin)
    counts = (offsets.abs() <= reach[..., None]) & (near == inside)
    mass = probs.gather(-1, inside + vocab.coord_start) * counts
    total = mass.sum(-1)
    # As a distance from the coordinate itself, so that rounding stays small.
    mean = bins + (mass * offsets).sum(-1) / total.clamp(min=1e-30)
    return total.clamp(0, 1), mean


def settle_guarded(probs: Tensor, drawn: Tensor, vocab: Vocab) -> Tensor:
    """One sequential token under the grammar: first whether it is a coordinate, by mass, then which.

    Args:
        probs: [..., vocabulary], limited to what the grammar allows; drawn: [...] most probable tokens.
    """
    coords = probs[..., vocab.coord_start : vocab.coord_end + 1]
    place = most_probable(coords) + vocab.coord_start
    others = probs.clone()
    others[..., vocab.coord_start : vocab.coord_end + 1] = 0
    rather = coords.sum(-1) > others.sum(-1)
    return torch.where(rather, place, torch.where(_is_coord(drawn, vocab), most_probable(others), drawn))


def judge_guarded(
    probs: Tensor,
    drawn: Tensor,
    fast: Tensor,
    vocab: Vocab,
    thresholds: RowThresholds,
    label_tokens: Tensor,
    none_weight: Tensor | None = None,
) -> Verdict:
    """Our rules; see the module's text.

    Args:
        probs: [rows, 6, vocabulary], slot 0 already limited to what the grammar allows (null may stand for
            the end).
        label_tokens: [vocabulary] boolean, what may stand in a label, its closing token included.
        none_weight: [rows] times the probability of None against coordinates; None for 1.
    """
    first = drawn[:, 0]
    end = (first == vocab.end) | (first == vocab.null)
    frame = first == vocab.box
    kind, value = torch.full_like(first, _SEMANTIC), drawn[:, 1:5]
    leading = torch.zeros_like(first)
    if some(frame):
        kind, value, leading = _judge_frame(probs, frame, fast, vocab, thresholds, none_weight)
    text, kept = drawn, torch.ones_like(first)
    if some(~(end | frame)):
        text, kept = _read_text(probs, drawn, vocab, label_tokens)
    kind = kind.masked_fill(end, _END)

    null = vocab.null
    box_tokens = torch.cat((drawn[:, :1], value, _row([vocab.box_end], value[:, :1])), dim=1)
    point_end = _row([vocab.box_end, null, null], value[:, :3])
    point_tokens = torch.cat((drawn[:, :1], value[:, :2], point_end), dim=1)
    negative_tokens = _row([vocab.box, vocab.none, vocab.box_end, null, null, null], drawn)
    end_tokens = _row([vocab.end, *[null] * 5], drawn)
    # In the order of KINDS.
    choices = torch.stack((end_tokens, negative_tokens, box_tokens, point_tokens, box_tokens, text), dim=1)
    lengths = torch.cat((_row([1, 3, 6, 4], drawn), 1 + leading[:, None], kept[:, None]), dim=1)
    tokens = choices.gather(1, kind[:, None, None].expand(-1, 1, choices.shape[2]))[:, 0]
    return Verdict(tokens, lengths.gather(1, kind[:, None])[:, 0], kind)


def judge_fixed(drawn: Tensor, scores: Tensor, vocab: Vocab, thresholds: RowThresholds) -> Verdict:
    """Keep the tokens before the first doubtful one, whatever they are, and nothing behind the end.

    Args:
        drawn: [rows, block_size] tokens; scores: [rows, block_size] how probable they are.
    """
    sure = scores >= thresholds.prefix_score[:, None]
    kept = sure[:, 1:].int().cumprod(-1).sum(-1) + 1
    is_end = (drawn == vocab.end) | (drawn == vocab.null)
    at = torch.where(is_end.any(-1), is_end.int().argmax(-1), drawn.shape[1])
    ended = at < kept
    kind = torch.where(ended, _END, _SEMANTIC)
    return Verdict(torch.where(is_end, vocab.end, drawn), torch.where(ended, at + 1, kept), kind)


def some(rows: Tensor) -> bool:
    """Whether work for some rows is to be done. Asked on the CPU only; elsewhere the answer costs more."""
    return rows.device.type != "cpu" or bool(rows.any())


def _judge_frame(
    probs: Tensor,
    frame: Tensor,
    fast: Tensor,
    vocab: Vocab,
    thresholds: RowThresholds,
    none_weight: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Blocks that begin with <box>.

    Returns:
        [rows] kind, SEMANTIC where there is no frame; [rows, 4] coordinates; [rows] of them, those that a
        doubtful box keeps.
    """
    coords = _coordinates(probs, vocab, thresholds)
    nearest = most_probable(probs[:, 1:5, vocab.coord_start : vocab.coord_end + 1]) + vocab.coord_start
    value = torch.where(coords.found, coords.value, nearest)
    reach = thresholds.score_reach[:, None]
    near, _ = place_moments(probs[:, 1:5], value, vocab, reach, thresholds.most_reach)
    sure = coords.found & ~coords.doubtful & (near >= thresholds.place_mass[:, None])
    sure = sure | fast[:, None]  # fast cannot ask again: it takes the nearest
    inverted = ((value[:, 0] > value[:, 2]) | (value[:, 1] > value[:, 3])) & ~fast
    negative = frame & ~is_coordinate(probs[:, 1], vocab, vocab.none_ids, none_weight)
    two = coords.found[:, :2].all(-1) & sure[:, :2].all(-1)
    point = frame & ~negative & ~is_coordinate(probs[:, 3], vocab, (vocab.box_end,)) & two
    closed = (_frame_end_mass(probs, vocab) >= thresholds.frame_end) | fast
    box = frame & sure.all(-1) & closed & ~inverted
    leading = torch.where(inverted, 0, sure.int().cumprod(-1).sum(-1).clamp(max=3))
    kind = torch.full_like(value[:, 0], _SEMANTIC)
    for where, what in ((frame, _ERROR), (box, _BOX), (point, _POINT), (negative, _NEGATIVE)):
        kind = kind.masked_fill(where, what)
    return kind, value, leading


def _read_text(probs: Tensor, drawn: Tensor, vocab: Vocab, label_tokens: Tensor) -> tuple[Tensor, Tensor]:
    """A label, or the rest of a long one: text up to </ref>, which is kept, or up to null, which is not.

    Returns:
        [rows, 6] tokens, and how many of each row are kept, at least one.
    """
    masked = probs * (label_tokens | (torch.arange(probs.shape[-1], device=probs.device) == vocab.null))
    fits = label_tokens[drawn] | (drawn == vocab.null)
    text = torch.where(fits, drawn, most_probable(masked))
    no_text = ~fits & (masked.amax(-1) == 0)  # top-p left other tokens only: the block ends before them
    text = text.masked_fill(no_text, vocab.null)
    text = torch.cat((drawn[:, :1], text[:, 1:]), dim=1)
    stops = (text == vocab.ref_end) | (text == vocab.null)
    at = torch.where(stops.any(-1), stops.int().argmax(-1), text.shape[1] - 1)
    kept = at + (text.gather(1, at[:, None])[:, 0] != vocab.null).long()
    # A label has words: <ref> alone is kept, and the next block asks for them again.
    kept = torch.where((drawn[:, 0] == vocab.ref) & (at == 1), 1, kept)
    return text, kept.clamp(min=1)
