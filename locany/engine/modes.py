"""From a step's outcome to the record of an answer: what a row commits, what follows, and when it is over.

The state machine of fast, slow and hybrid is that of spec `locateanything` 6.6; the device runs the same one
(`step.py`), so that it need not wait for this record.
"""

from __future__ import annotations

import math

from locany.codec.blocks import BlockKind
from locany.codec.formulation import Formulation
from locany.codec.grammar import State, advance
from locany.codec.places import read_place
from locany.codec.vocab import Vocab
from locany.engine.judge import KINDS
from locany.engine.outcome import Outcome
from locany.engine.params import DecodeMode
from locany.engine.request import Commit, Finish, Item, Phase, Request
from locany.errors import RequestError
from locany.results import Provenance

# How the formulations decode.
DECODES = {
    Formulation.PARALLEL: tuple(DecodeMode),
    Formulation.TOKENS: (DecodeMode.SLOW,),
    Formulation.DIGITS: (DecodeMode.SLOW,),
    Formulation.FIXED: (DecodeMode.FAST, DecodeMode.SLOW),
}
_FRAME_SLOTS = 6  # <box>, four coordinates, </box>: the rules over blocks read just these slots


def check_mode(mode: DecodeMode, vocab: Vocab) -> None:
    """Refuse a mode that the checkpoint was not made for.

    Raises:
        RequestError: names the modes that it has.
    """
    formulation = vocab.formulation
    if mode not in DECODES[formulation]:
        known = " and ".join(f"'{known.value}'" for known in DECODES[formulation])
        raise RequestError(
            f"mode is {mode.value!r}, but the checkpoint has the formulation {formulation.value!r}, which "
            f"{known} decode{'s' if len(DECODES[formulation]) == 1 else ''}"
        )
    frame = vocab.block_size == _FRAME_SLOTS or formulation is not Formulation.PARALLEL
    if not frame and mode is not DecodeMode.SLOW:
        raise RequestError(
            f"the checkpoint has blocks of {vocab.block_size} slots; only mode 'slow' decodes those "
            f"(parallel modes need {_FRAME_SLOTS})"
        )


def record(request: Request, outcome: Outcome, row: int, vocab: Vocab, limit: int) -> None:
    """Write one row of an outcome into its request.

    Args:
        limit: tokens of prompt and answer at which the answer is cut.
    """
    _score_pending(request, outcome, row)
    if request.closing is not None:  # this step was only there to score the last tokens
        request.finish = request.closing
        return
    count, kind = int(outcome.count[row]), int(outcome.kind[row])
    block = KINDS[kind] if kind >= 0 else None
    tokens = outcome.tokens[row, :count].tolist()
    _note_commit(request, block, tokens, int(outcome.num_drafts[row]), vocab)
    request.provenance += [_provenance(request, block)] * count
    request.tokens += tokens
    scores, means = outcome.scores[row].tolist(), outcome.means[row].tolist()
    if request.params.mode is DecodeMode.VERIFIED:
        # Confirmed tokens and the one after them: each stands behind the column that it was read from.
        first = len(scores) - 1 - int(outcome.num_drafts[row])
        request.token_scores += scores[first : first + count]
        request.expected_bins += means[first : first + count]
        request.block_scores += [math.nan] * count
    else:
        request.token_scores += [scores[-1], *[math.nan] * (count - 1)]
        block_scores, block_means = outcome.block_scores[row].tolist(), outcome.block_means[row].tolist()
        request.expected_bins += [means[-1], *block_means[1:count]]
        request.block_scores += block_scores[:count]
    _next_phase(request, block, outcome, row, vocab)
    _follow(request, tokens, vocab, limit)
    if request.finish is None and request.text_len >= limit:
        request.finish = Finish.LIMIT
    if request.finish in (Finish.LIMIT, Finish.MAX_BOXES):
        cut_by(request, request.finish)


def cut_by(request: Request, reason: Finish) -> None:
    """End an answer that has more to say: at once, or behind one more step that scores its last tokens."""
    unscored = bool(request.tokens) and math.isnan(request.token_scores[-1]) and not request.params.compat
    request.finish, request.closing = (None, reason) if unscored else (reason, None)


def _score_pending(request: Request, outcome: Outcome, row: int) -> None:
    """Fill in the sequential scores of tokens that were committed last time and fed in this step."""
    if request.params.mode is DecodeMode.VERIFIED:
        return
    known = request.num_pending - 1  # that of the first one came with its own commit
    first = outcome.scores.shape[1] - 1 - known
    if request.closing is not None:  # of a block that was cut, tokens were fed that are no longer there
        known -= sum(len(commit.tokens) for commit in request.commits) - len(request.tokens)
    if known > 0 and request.tokens:
        request.token_scores[-known:] = outcome.scores[row, first : first + known].tolist()
        request.expected_bins[-known:] = outcome.means[row, first : first + known].tolist()


def _note_commit(
    request: Request, block: BlockKind | None, tokens: list[int], num_drafts: int, vocab: Vocab
) -> None:
    in_parallel = request.phase is Phase.PARALLEL
    window = vocab.block_size if in_parallel else 0
    fed = request.num_pending + request.num_drafts
    num_cached = request.text_len - request.num_pending if request.tokens else 0
    if not request.tokens:
        fed = len(request.prompt)  # prefill belongs to the first step: the record counts what was fed for it
    request.commits.append(Commit(request.phase, block, tuple(tokens), fed + window, num_cached, num_drafts))


def _provenance(request: Request, block: BlockKind | None) -> Provenance:
    """How tokens came to be that are committed now."""
    if request.params.mode is DecodeMode.SLOW:
        return Provenance.SEQUENTIAL
    if request.params.mode is DecodeMode.VERIFIED:
        return Provenance.VERIFIED
    if block is None or block is BlockKind.ERROR:
        return Provenance.REDECODED  # the kept prefix of a doubtful box belongs to the box that is re-decoded
    return Provenance.PARALLEL


def _follow(request: Request, tokens: list[int], vocab: Vocab, limit: int) -> None:
    """Move grammar and label along the new tokens, note items that they close, cut what is too much."""
    for at, token in enumerate(tokens, start=len(request.tokens) - len(tokens)):
        request.state = advance(vocab, request.state, token)
        if token == vocab.ref:
            request.label = ()
        elif request.state is State.LABEL:
            request.label = (*request.label, token)
        elif token == vocab.box_end and _close_item(request, at, vocab):
            return
        # A verified step may commit more than slow would have. A block is committed whole, as published.
        if request.params.mode is DecodeMode.VERIFIED:
            if token == vocab.end:
                request.finish = Finish.END
            elif len(request.prompt) + at + 1 >= limit:
                request.finish = Finish.LIMIT
            if request.finish is not None:
                _cut(request, at + 1)
                return


def _next_phase(request: Request, block: BlockKind | None, outcome: Outcome, row: int, vocab: Vocab) -> None:
    """Next phase, or the end, once a block or a token has been committed."""
    token, mode, compat = request.tokens[-1], request.params.mode, request.params.compat
    request.num_pending, request.num_drafts = int(outcome.count[row]), 0
    if mode is DecodeMode.VERIFIED:
        request.num_pending, request.num_drafts = 1, int(outcome.next_drafts[row])
        request.phase = Phase.PARALLEL if outcome.next_parallel[row] else Phase.SEQUENTIAL
    elif block is not None:
        if block is BlockKind.END:
            request.finish = Finish.END
        elif block is BlockKind.ERROR:
            request.phase = Phase.SEQUENTIAL
    elif token == vocab.end:
        request.finish = Finish.END
    elif mode is DecodeMode.HYBRID:
        if token == vocab.box_end:
            request.phase = Phase.PARALLEL
        elif not (vocab.is_coord(token) or token == vocab.none):
            # The published rule ends the answer here and keeps the token; our grammar never comes here
            # except for the second spelling of None.
            request.finish = None if token in vocab.none_ids and not compat else Finish.STRAY


def _close_item(request: Request, at: int, vocab: Vocab) -> bool:
    """Note the box, point or negative that token `at` closes; says whether the answer is over with it."""
    start = at
    while start > 0 and request.tokens[start] != vocab.box:
        start -= 1
    between = request.tokens[start + 1 : at]
    bins = read_place(vocab, between)
    if (bins is None and vocab.none_ids.isdisjoint(between)) or len(bins or ()) not in (0, 2, 4):
        return False  # no place: only the published rules (compat) let such a frame pass
    bins = bins or ()  # none of a negative
    if not request.params.compat and (request.label, bins) in request.said:
        # Greedy decoding that says a thing twice goes on for ever: take it back, with a label that stands
        # just before it, and end the answer.
        opened = start - 2 - len(request.label)
        if opened >= 0 and request.tokens[opened] == vocab.ref and request.tokens[start - 1] == vocab.ref_end:
            start = opened  # blocks of any tokens may close a label that nothing has opened
        _cut(request, start)
        request.finish = Finish.REPEAT
        return True
    request.said.add((request.label, bins))
    request.items.append(Item(request.label, bins, start, at + 1))
    request.num_boxes += bool(bins)
    most = request.params.max_boxes
    if most and request.num_boxes >= most:  # also where the block goes on, to the end
        _cut(request, at + 1)
        request.finish = Finish.MAX_BOXES
        return True
    return False


def _cut(request: Request, length: int) -> None:
    """Forget what was committed from there on."""
    lists = (request.tokens, request.provenance, request.token_scores, request.block_scores)
    for values in (*lists, request.expected_bins):
        del values[length:]
