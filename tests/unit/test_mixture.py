"""The endless stream: shares, real epochs, and the same answer whoever asks."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locany.data.mixture import BLOCK, Draw, Mixture, Source
from locany.errors import DataError

sources = st.lists(
    st.builds(Source, st.just("set"), st.none() | st.integers(1, 50), st.floats(0.001, 1000)),
    min_size=1,
    max_size=6,
)


@given(sources, st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_a_block_has_its_shares_and_every_source_a_place(chosen, seed):
    mixture = Mixture(chosen, seed)
    total = sum(source.weight for source in chosen)
    drawn = Counter(mixture(position).source for position in range(BLOCK))
    assert drawn.total() == BLOCK
    for number, source in enumerate(chosen):
        assert drawn[number] >= 1
        assert drawn[number] == pytest.approx(BLOCK * source.weight / total, abs=len(chosen) + 1)


def test_every_sample_once_an_epoch_and_in_another_order_each_time():
    mixture = Mixture([Source("small", 7, 1.0), Source("engine", None, 1.0)], seed=3)
    draws = [mixture(position) for position in range(2 * BLOCK)]
    small = [draw for draw in draws if draw.source == 0]
    epochs = [small[i : i + 7] for i in range(0, len(small) - 6, 7)]
    assert len(epochs) > 100
    for number, epoch in enumerate(epochs):
        assert {draw.epoch for draw in epoch} == {number}
        assert sorted(draw.index for draw in epoch) == list(range(7))
    assert len({tuple(draw.index for draw in epoch) for epoch in epochs}) > 50
    rendered = [draw.index for draw in draws if draw.source == 1]
    assert rendered == list(range(len(rendered)))


def test_the_answer_depends_on_seed_and_position_alone():
    chosen = [Source("a", 100, 3.0), Source("b", None, 1.0)]
    places = [5000, 3, 70_000, 3]
    assert [Mixture(chosen, 1)(p) for p in places] == [Mixture(chosen, 1)(p) for p in places]
    assert Mixture(chosen, 1)(70_000) == Mixture(chosen, 1)(70_000) != Draw(0, 0, 0)
    assert [Mixture(chosen, 1)(p) for p in range(50)] != [Mixture(chosen, 2)(p) for p in range(50)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Source("mine", 0, 1.0), "data set 'mine' is empty"),
        (lambda: Source("mine", 5, 0.0), "weight of 'mine' is a number above 0"),
        (lambda: Source("mine", 5, float("nan")), "weight of 'mine' is a number above 0"),
        (lambda: Mixture([], 0), "1 to 1024 sources, got 0"),
    ],
)
def test_what_is_no_mixture(make, message):
    with pytest.raises(DataError, match=message):
        make()
