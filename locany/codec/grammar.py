"""Which token may follow which in a well-formed answer (spec `locateanything` 7.2), as a small automaton.

The published decoder knows no grammar and can therefore write answers that mean nothing or never end. Ours
consults this automaton unless it is asked to reproduce the published decisions.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np

from locany.codec.formulation import Formulation
from locany.codec.vocab import Vocab


class State(IntEnum):
    """Where in an answer the next token stands."""

    ITEM = 0  # at the start, or after </box>: a label, a frame, or the end
    REF = 1  # after <ref>: a first word
    LABEL = 2  # inside a label: more of it, or </ref>
    LABELLED = 3  # after </ref>: a frame must follow
    FRAME = 4  # after <box>: a first coordinate, or None
    ONE = 5  # after that many coordinates; after a digit, where coordinates are digits
    TWO = 6  # a third coordinate, or </box>: a point
    THREE = 7
    FOUR = 8  # </box> must follow
    NEGATIVE = 9  # after None: </box> must follow
    ENDED = 10


_NEXT_COORD = {State.FRAME: State.ONE, State.ONE: State.TWO, State.TWO: State.THREE, State.THREE: State.FOUR}
_MAY_CLOSE = (State.TWO, State.FOUR, State.NEGATIVE)


def advance(vocab: Vocab, state: State, token: int) -> State:
    """The state after a token; a token that does not belong leaves the state as it is."""
    if token == vocab.end:
        return State.ENDED
    if token == vocab.ref and state in (State.ITEM, State.LABELLED):
        return State.REF
    if token == vocab.ref_end and state in (State.REF, State.LABEL):  # a published answer may say <ref></ref>
        return State.LABELLED
    if state is State.REF and token < first_added(vocab):
        return State.LABEL
    if token == vocab.box and state in (State.ITEM, State.LABELLED):
        return State.FRAME
    if token == vocab.box_end and state in _MAY_CLOSE:
        return State.ITEM
    if vocab.formulation is Formulation.DIGITS:
        if state in (State.FRAME, State.ONE) and token in vocab.digits:
            return State.ONE
        if token == vocab.box_end and state is State.ONE:
            return State.ITEM
    elif vocab.is_coord(token) and state in _NEXT_COORD:
        return _NEXT_COORD[state]
    if token in vocab.none_ids and state is State.FRAME:
        return State.NEGATIVE
    return state


def first_added(vocab: Vocab) -> int:
    """Where the added tokens begin; what lies before is ordinary text, of which labels are made."""
    return min(vocab.pad, vocab.turn, vocab.end, vocab.image_token, vocab.box)


def state_after(vocab: Vocab, tokens: Iterable[int], state: State = State.ITEM) -> State:
    for token in tokens:
        state = advance(vocab, state, token)
    return state


def allowed_table(vocab: Vocab) -> np.ndarray:
    """Which tokens may come in which state: boolean [states, vocabulary]."""
    table = np.zeros((len(State), vocab.size), dtype=bool)
    coords = slice(vocab.coord_start, vocab.coord_end + 1)
    table[State.ITEM, [vocab.ref, vocab.box, vocab.end]] = True
    table[[State.REF, State.LABEL], : first_added(vocab)] = True
    table[State.LABEL, vocab.ref_end] = True
    table[State.LABELLED, vocab.box] = True
    table[State.FRAME, list(vocab.none_ids)] = True
    if vocab.formulation is Formulation.DIGITS:
        table[[[State.FRAME], [State.ONE]], list(vocab.digits)] = True
        table[State.ONE, [vocab.comma, vocab.box_end]] = True
        table[State.NEGATIVE, vocab.box_end] = True
    else:
        for state in _NEXT_COORD:
            table[state, coords] = True
        for state in _MAY_CLOSE:
            table[state, vocab.box_end] = True
    table[State.ENDED, vocab.end] = True
    return table


def next_states(vocab: Vocab) -> np.ndarray:
    """`advance` as a table: int8 [states, vocabulary]."""
    table = np.repeat(np.arange(len(State), dtype=np.int8)[:, None], vocab.size, axis=1)
    table[State.REF, : first_added(vocab)] = State.LABEL
    special = [vocab.ref, vocab.ref_end, vocab.box, vocab.box_end, vocab.end, *vocab.none_ids]
    special += [*vocab.digits, vocab.comma] if vocab.digits else []
    for state in State:
        for token in (*special, *vocab.coord_ids):
            table[state, token] = advance(vocab, state, token)
    return table
