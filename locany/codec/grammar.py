"""Which token may follow which in a well-formed answer (spec `locateanything` 7.2), as a small automaton.

The published decoder knows no grammar and can therefore write answers that mean nothing or never end. Ours
consults this automaton unless it is asked to reproduce the published decisions.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np

from locany.codec.vocab import Vocab


class State(IntEnum):
    """Where in an answer the next token stands."""

    ITEM = 0  # at the start, or after </box>: a label, a frame, or the end
    LABEL = 1  # inside <ref> ... </ref>
    LABELLED = 2  # after </ref>: a frame must follow
    FRAME = 3  # after <box>: a first coordinate, or None
    ONE = 4  # after that many coordinates
    TWO = 5  # a third coordinate, or </box>: a point
    THREE = 6
    FOUR = 7  # </box> must follow
    NEGATIVE = 8  # after None: </box> must follow
    ENDED = 9


_NEXT_COORD = {State.FRAME: State.ONE, State.ONE: State.TWO, State.TWO: State.THREE, State.THREE: State.FOUR}
_MAY_CLOSE = (State.TWO, State.FOUR, State.NEGATIVE)


def advance(vocab: Vocab, state: State, token: int) -> State:
    """The state after a token; a token that does not belong leaves the state as it is."""
    if token == vocab.end:
        return State.ENDED
    if token == vocab.ref and state in (State.ITEM, State.LABELLED):
        return State.LABEL
    if token == vocab.ref_end and state is State.LABEL:
        return State.LABELLED
    if token == vocab.box and state in (State.ITEM, State.LABELLED):
        return State.FRAME
    if token == vocab.box_end and state in _MAY_CLOSE:
        return State.ITEM
    if vocab.is_coord(token) and state in _NEXT_COORD:
        return _NEXT_COORD[state]
    if token in vocab.none_ids and state is State.FRAME:
        return State.NEGATIVE
    return state


def state_after(vocab: Vocab, tokens: Iterable[int], state: State = State.ITEM) -> State:
    for token in tokens:
        state = advance(vocab, state, token)
    return state


def allowed_table(vocab: Vocab) -> np.ndarray:
    """Which tokens may come in which state: boolean [states, vocabulary]."""
    table = np.zeros((len(State), vocab.size), dtype=bool)
    coords = slice(vocab.coord_start, vocab.coord_end + 1)
    table[State.ITEM, [vocab.ref, vocab.box, vocab.end]] = True
    # A label is ordinary text: the base vocabulary, which ends where the added tokens begin.
    table[State.LABEL, : min(vocab.pad, vocab.turn, vocab.end, vocab.image_token, vocab.box)] = True
    table[State.LABEL, vocab.ref_end] = True
    table[State.LABELLED, vocab.box] = True
    table[State.FRAME, list(vocab.none_ids)] = True
    for state in _NEXT_COORD:
        table[state, coords] = True
    for state in _MAY_CLOSE:
        table[state, vocab.box_end] = True
    table[State.ENDED, vocab.end] = True
    return table
