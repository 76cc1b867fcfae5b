"""Packs from lanes: the same ones for any number of ranks and workers, before and after a restart."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locany.data.lanes import LaneState, Pack, lane_packs
from locany.data.packing import PackConfig
from locany.errors import DataError

NUM_LANES = 24
CONFIG = PackConfig(budget=100, buffer_size=6, max_age=4)
streams = st.sampled_from([1, 2, 3, 4, 6, 8, 12, 24])


def make(position: int) -> str:
    return "x" * int(np.random.default_rng(position).integers(5, 80))


def run(
    num_streams: int, start: int, count: int, states: dict[int, LaneState] | None = None
) -> list[Pack[str]]:
    """`count` packs after the first `start`, made by some streams that take turns, as workers do."""
    workers = [
        lane_packs(make, CONFIG, num_lanes=NUM_LANES, first=start + number, every=num_streams, states=states)
        for number in range(num_streams)
    ]
    return [next(workers[number % num_streams]) for number in range(count)]


def states_behind(packs: list[Pack[str]]) -> dict[int, LaneState]:
    return {pack.lane: pack.state for pack in packs}


@given(streams)
@settings(max_examples=8, deadline=None)
def test_any_number_of_streams_makes_the_same_packs(num_streams):
    assert run(num_streams, 0, 60) == run(1, 0, 60)


@given(st.integers(0, 60), streams, streams)
@settings(max_examples=25, deadline=None)
def test_a_run_goes_on_the_same_with_other_workers(stop, before, after):
    whole = run(1, 0, 90)
    begun = run(before, 0, stop)
    saved = json.loads(json.dumps({lane: asdict(state) for lane, state in states_behind(begun).items()}))
    states = {
        int(lane): LaneState(state["drawn"], tuple((p, a) for p, a in state["waiting"]))
        for lane, state in saved.items()
    }
    assert begun + run(after, stop, 90 - stop, states) == whole


def test_every_position_is_learnt_from_once():
    packs = run(4, 0, 400)
    seen = [position for pack in packs for position in pack.positions]
    waiting = [p for state in states_behind(packs).values() for p, _ in state.waiting]
    assert len(set(seen)) == len(seen)
    drawn = {lane + n * NUM_LANES for lane, state in states_behind(packs).items() for n in range(state.drawn)}
    assert set(seen) | set(waiting) == drawn
    assert all(sum(map(len, pack.samples)) <= CONFIG.budget for pack in packs)
    assert [pack.number for pack in packs] == list(range(400))


def test_streams_that_do_not_divide_the_lanes_are_refused():
    with pytest.raises(DataError, match=r"5 streams .* 24 lanes evenly; choose .* 1, 2, 3, 4, 6, 8, 12, 24"):
        next(islice(lane_packs(make, CONFIG, num_lanes=NUM_LANES, every=5), 1))
