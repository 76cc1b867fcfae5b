"""Rows through shared memory: what comes out is what went in, and slots are written in turn."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from locany.data.collate import COLUMNS, Row
from locany.data.ring import Ring, Stowed


def row(number: int, positions: int = 20, patches: int = 8) -> Row:
    rng = np.random.default_rng(number)

    def whole(*shape: int) -> np.ndarray:
        return rng.integers(0, 100, shape, dtype=np.int64)

    return Row(
        columns=whole(len(COLUMNS), positions),
        pixels=rng.integers(0, 256, (patches, 3, 14, 14), dtype=np.uint8),
        grids=((2, patches // 2),),
        bins=whole(3, 4),
        name=whole(3),
        owner=whole(2, patches // 4),
        reach=rng.random((2, patches // 4, 4), dtype=np.float32),
        characters=whole(patches // 4, 8),
        writes=np.zeros((0, 2), np.int64),
        names=("a", "b"),
        name_ids=((1,), (2, 3)),
        num_samples=1,
    )


def same(one: Row, two: Row) -> bool:
    pairs = [(getattr(one, f.name), getattr(two, f.name)) for f in fields(Row)]
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)


def test_a_row_comes_out_as_it_went_in() -> None:
    ring = Ring(3, 100_000)
    sent = [ring.put(row(n)) for n in range(3)]
    assert all(isinstance(s, Stowed) for s in sent)
    assert all(same(ring.get(s), row(n)) for n, s in enumerate(sent))


def test_a_slot_is_written_again_after_all_others() -> None:
    ring = Ring(3, 100_000)
    sent = [ring.put(row(n)) for n in range(4)]
    assert same(ring.get(sent[3]), row(3))
    assert not same(ring.get(sent[0]), row(0))
    assert all(same(ring.get(sent[n]), row(n)) for n in (1, 2))


def test_what_does_not_fit_is_sent_whole_and_takes_no_slot() -> None:
    ring = Ring(2, 8_000)
    kept = ring.put(row(0))
    large = ring.put(row(1, patches=400))
    assert isinstance(large, Row)
    assert ring.get(large) is large
    assert ring.count == 1
    assert same(ring.get(kept), row(0))
