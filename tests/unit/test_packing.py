"""Packs: nothing lost, nothing too long, nobody forgotten, nearly full; a saved buffer goes on the same."""

from __future__ import annotations

import copy
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locany.data.packing import PackConfig, Packer, best_fit, fullest, packs
from locany.errors import DataError

lengths = st.lists(st.integers(1, 60), max_size=60)
configs = st.builds(PackConfig, st.integers(60, 200), st.integers(1, 20), st.integers(1, 9), st.floats(0, 1))


@given(lengths, configs)
def test_every_sample_once_and_no_pack_too_long(samples, config):
    found = list(packs(((number, length) for number, length in enumerate(samples)), config))
    assert sorted(number for pack in found for number in pack) == list(range(len(samples)))
    assert all(0 < sum(samples[number] for number in pack) <= config.budget for pack in found)
    assert all(pack == sorted(pack) for pack in found)


@given(st.lists(st.integers(1, 30), max_size=9), st.integers(0, 100))
def test_fullest_leaves_the_least_room(samples, room):
    others = sorted(range(len(samples)), key=lambda n: -samples[n])
    chosen = fullest(samples, others, room)
    sums = [sum(c) for n in range(len(samples) + 1) for c in combinations(samples, n) if sum(c) <= room]
    assert len(set(chosen)) == len(chosen)
    assert sum(samples[n] for n in chosen) == max(sums)
    assert sum(samples[n] for n in best_fit(samples, others, room)) <= max(sums)


@given(lengths, configs, st.integers(0, 60))
def test_a_saved_buffer_goes_on_as_if_nothing_had_happened(samples, config, cut):
    def run(packer, numbers):
        found = []
        for number in numbers:
            packer.add(number, samples[number])
            if packer.is_full:
                found.append(packer.take())
        return found

    whole: Packer[int] = Packer(config)
    expected = run(whole, range(len(samples)))
    first: Packer[int] = Packer(config)
    begun = run(first, range(min(cut, len(samples))))
    again = Packer(config, copy.deepcopy(first.waiting))
    assert begun + run(again, range(min(cut, len(samples)), len(samples))) == expected
    assert again.waiting == whole.waiting


def test_nobody_waits_beyond_the_limit():
    """One awkward sample among many that fit each other perfectly."""
    config = PackConfig(budget=100, buffer_size=8, max_age=5)
    packer: Packer[str] = Packer(config)
    packer.add("awkward", 49)
    left = []
    for number in range(100):
        packer.add(f"half {number}", 50)
        if packer.is_full:
            left.append(packer.take())
    waited = next(i for i, pack in enumerate(left) if "awkward" in pack)
    assert waited == config.max_age


@pytest.mark.parametrize(
    ("low", "high", "budget"), [(1000, 16_000, 16_384), (100, 4000, 16_384), (500, 9000, 25_600)]
)
def test_packs_are_nearly_full(low, high, budget):
    samples = np.random.default_rng(3).integers(low, high + 1, 3000).tolist()
    packer: Packer[int] = Packer(PackConfig(budget))
    filled = []
    for length in samples:
        packer.add(length, length)
        if packer.is_full:
            filled.append(sum(packer.take()) / budget)
    assert np.mean(filled) > 0.98


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_the_mix_is_not_biased(seed):
    """What is still in the buffer at the end is all that may be missing of any length."""
    samples = np.random.default_rng(seed).choice([7, 13, 40, 55], 400).tolist()
    config = PackConfig(60, buffer_size=16, max_age=16)
    packer: Packer[int] = Packer(config)
    taken = []
    for length in samples:
        packer.add(length, length)
        if packer.is_full:
            taken += packer.take()
    for length in (7, 13, 40, 55):
        assert samples.count(length) - taken.count(length) <= config.buffer_size


def test_what_cannot_be_packed_is_refused():
    packer: Packer[str] = Packer(PackConfig(100))
    with pytest.raises(DataError, match="has 101 positions, a pack holds 1 to 100; raise the budget"):
        packer.add("long", 101)
    with pytest.raises(DataError, match="buffer_size is at least 1, got 0"):
        PackConfig(100, buffer_size=0)
    assert packer.take() == []
