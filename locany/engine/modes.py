"""What follows a block or a token: the state machine of fast, slow and hybrid (spec `locateanything` 6.6)."""

from __future__ import annotations

from locany.codec.blocks import BlockKind
from locany.codec.grammar import State
from locany.codec.vocab import Vocab
from locany.engine.params import DecodeMode
from locany.engine.request import Finish, Phase, Request
from locany.results import Provenance


def provenance_of(request: Request, kind: BlockKind | None) -> Provenance:
    """How tokens came to be that are committed now; `kind` is None for a single token."""
    if request.params.mode is DecodeMode.SLOW:
        return Provenance.SEQUENTIAL
    if kind is None or kind is BlockKind.ERROR:
        return Provenance.REDECODED  # the kept prefix of a doubtful box belongs to the box that is re-decoded
    return Provenance.PARALLEL


def after_block(request: Request, kind: BlockKind) -> None:
    """Next phase, or the end, once a block has been committed."""
    if kind is BlockKind.END or (request.state is State.ENDED and not request.params.compat):
        request.finish = Finish.END
    elif kind is BlockKind.ERROR:
        request.phase = Phase.SEQUENTIAL


def after_token(request: Request, token: int, vocab: Vocab) -> None:
    """Next phase, or the end, once a single token has been committed."""
    if token == vocab.end:
        request.finish = Finish.END
    elif request.params.mode is DecodeMode.HYBRID:
        if token == vocab.box_end:
            request.phase = Phase.PARALLEL
        elif not (vocab.is_coord(token) or token == vocab.none):
            # The published rule ends the answer here and keeps the token; our grammar never comes here
            # except for the second spelling of None.
            request.finish = None if token in vocab.none_ids and not request.params.compat else Finish.STRAY


def after_item(request: Request, vocab: Vocab) -> None:
    """Count a box, point or negative that has just been closed, and stop where the guards say so."""
    start = len(request.tokens) - 1
    while start > 0 and request.tokens[start] != vocab.box:
        start -= 1
    bins = tuple(t for t in request.tokens[start:] if vocab.is_coord(t))  # none of a negative
    item = (request.label, bins)
    if not request.params.compat and item in request.said:
        # Greedy decoding that says a thing twice goes on for ever: take it back, with a label that stands
        # just before it, and end the answer.
        if start and request.tokens[start - 1] == vocab.ref_end:
            start = max(i for i in range(start) if request.tokens[i] == vocab.ref)
        for values in (request.tokens, request.provenance, request.token_scores, request.block_scores):
            del values[start:]
        request.finish = Finish.REPEAT
        return
    request.said.add(item)
    request.num_boxes += bool(bins)
    if request.params.max_boxes and request.num_boxes >= request.params.max_boxes and request.finish is None:
        request.finish = Finish.MAX_BOXES
