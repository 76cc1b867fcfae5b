"""The grammar as the engine needs it: the table and the automaton are one thing, and nothing is a dead end.

That written answers are allowed and allowed answers can be read is in `test_codec_grammar.py`.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from locany.codec import Tokenizer, Vocab, read_answer
from locany.codec.grammar import State, advance, allowed_table, next_states, state_after


def test_an_allowed_token_moves_on_and_only_text_stays(vocab: Vocab) -> None:
    table = allowed_table(vocab)
    for state in State:
        for token in np.flatnonzero(table[state]).tolist():
            after = advance(vocab, state, token)
            if token == vocab.end:
                assert after is State.ENDED
            elif state is State.LABEL and token != vocab.ref_end:
                assert after is State.LABEL
            else:
                assert after is not state, (state, token)


def test_a_token_that_is_not_allowed_moves_nothing(vocab: Vocab) -> None:
    """But for what published answers may hold: an end anywhere, a label after a label, one without words."""
    table = allowed_table(vocab)
    for state in State:
        for token in np.flatnonzero(~table[state]).tolist():
            said = (vocab.ref, State.LABELLED), (vocab.ref_end, State.REF)
            if token == vocab.end or (token, state) in said:
                continue
            assert advance(vocab, state, token) is state, (state, token)


def test_every_state_is_reached_and_none_is_a_dead_end(vocab: Vocab) -> None:
    table = allowed_table(vocab)

    def reached(start: State) -> set[State]:
        found, frontier = {start}, [start]
        while frontier:
            state = frontier.pop()
            following = {advance(vocab, state, t) for t in np.flatnonzero(table[state]).tolist()}
            frontier += following - found
            found |= following
        return found

    assert reached(State.ITEM) == set(State)
    assert all(State.ENDED in reached(state) for state in State)


def test_the_table_by_hand(vocab: Vocab) -> None:
    table = allowed_table(vocab)
    num_coords, num_text = vocab.max_bin + 1, vocab.pad
    sizes = {state: int(table[state].sum()) for state in State}
    nones = len(vocab.none_ids)
    assert sizes == {
        State.ITEM: 3,
        State.REF: num_text,
        State.LABEL: num_text + 1,
        State.LABELLED: 1,
        State.FRAME: num_coords + nones,
        State.ONE: num_coords,
        State.TWO: num_coords + 1,
        State.THREE: num_coords,
        State.FOUR: 1,
        State.NEGATIVE: 1,
        State.ENDED: 1,
    }
    assert table[State.TWO, vocab.box_end]
    assert not table[State.ONE, vocab.box_end]
    assert not table[State.LABEL, vocab.end]


def test_the_automaton_as_a_table(vocab: Vocab) -> None:
    table = next_states(vocab)
    for state in State:
        for token in range(vocab.size):
            assert table[state, token] == advance(vocab, state, token)


@given(seed=st.integers(0, 2**32), length=st.integers(0, 80))
def test_a_walk_reads_back_item_by_item(words: Tokenizer, seed: int, length: int) -> None:
    """Random allowed tokens, closed or cut anywhere: every whole item is read with its bins."""
    vocab, rng = words.vocab, np.random.default_rng(seed)
    table, state, ids = allowed_table(vocab), State.ITEM, []
    expected: list[tuple[int, ...]] = []
    inside: list[int] = []
    for _ in range(length):
        choices = np.flatnonzero(table[state])
        rare = [t for t in (vocab.ref_end, vocab.box_end, vocab.box) if table[state, t]]
        token = int(rng.choice(rare if rare and rng.random() < 0.4 else choices))
        ids.append(token)
        inside = [] if token == vocab.box else [*inside, token]
        if token == vocab.box_end:
            expected.append(tuple(vocab.bin_of(t) for t in inside if vocab.is_coord(t)))
        state = advance(vocab, state, token)
        assert state is state_after(vocab, ids)
    answer = read_answer(words, ids)
    whole = [item for item in answer.items if ids[item.stop - 1] == vocab.box_end]
    assert [tuple(sorted(item.bins)) for item in whole] == [tuple(sorted(bins)) for bins in expected]
    assert answer.ended == (state is State.ENDED)
    assert not [note for note in answer.dropped if "between items" in note or "other tokens" in note]
