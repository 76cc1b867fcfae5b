"""The grammar of answers: whatever is written is allowed, and whatever is allowed can be read."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from locany.codec import read_answer, write_answer
from locany.codec.grammar import State, advance, allowed_table, state_after
from tests.vocabulary import spell


@given(
    groups=st.lists(
        st.tuples(
            st.text(min_size=1, max_size=9),
            st.lists(st.sampled_from([(0, 1000), (1, 2, 3, 4)]), max_size=3),
        ),
        max_size=4,
    )
)
def test_every_written_answer_is_allowed(tokenizer, groups):
    table, state = allowed_table(tokenizer.vocab), State.ITEM
    for token in write_answer(tokenizer, groups):
        assert table[state, token]
        state = advance(tokenizer.vocab, state, token)
    assert state is State.ENDED


@given(seed=st.integers(0, 2**32))
def test_every_allowed_answer_is_read_without_loss(tokenizer, seed):
    """A random walk through the table: labels may lack words or a box and corners their order, no more."""
    vocab, rng = tokenizer.vocab, np.random.default_rng(seed)
    table, state, ids = allowed_table(vocab), State.ITEM, []
    while state is not State.ENDED:
        allowed = np.flatnonzero(table[state])
        closing = [t for t in (vocab.ref_end, vocab.box_end, vocab.end) if table[state, t]]
        ids.append(int(rng.choice(closing if closing and rng.random() < 0.2 else allowed)))
        state = advance(vocab, state, ids[-1])
    answer = read_answer(tokenizer, ids)
    assert answer.ended
    for text in answer.dropped:
        assert text.startswith(("an empty label", "label ", "a box was mended (corners put in order)"))
        assert "not closed" not in text
    assert len(answer.items) == ids.count(vocab.box)
    assert state_after(vocab, ids) is State.ENDED


def test_states_of_a_box_a_point_and_a_negative(tokenizer):
    def after(text: str) -> State:
        return state_after(tokenizer.vocab, tokenizer.encode(spell(tokenizer, text)))

    assert after("") is State.ITEM
    assert after("<ref>red car") is State.LABEL
    assert after("<ref>red car</ref>") is State.LABELLED
    assert after("<ref>None</ref><box>") is State.FRAME
    assert [after("<box>" + "<5>" * n) for n in (1, 2, 3, 4)] == [
        State.ONE,
        State.TWO,
        State.THREE,
        State.FOUR,
    ]
    assert after("<box><1><2></box>") is after("<box>None</box>") is State.ITEM
    assert after("<box>None") is State.NEGATIVE
    assert after("<box><1></box>") is State.ONE  # a token that does not belong changes nothing
    assert after("<box><1><|im_end|>") is State.ENDED


def test_every_state_lets_an_answer_go_on_and_end(tokenizer):
    table = allowed_table(tokenizer.vocab)
    assert table.shape == (len(State), tokenizer.vocab.size)
    assert table.any(axis=1).all()
    never = [tokenizer.vocab.null, tokenizer.vocab.mask, tokenizer.vocab.pad, tokenizer.vocab.image_token]
    assert not table[:, never].any()
