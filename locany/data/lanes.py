"""The stream of packs, cut into lanes, so that any number of ranks and workers makes the same packs.

Position p of the training stream belongs to lane p modulo the number of lanes, which is fixed for a run. Each
lane packs its own positions, and pack k of the run is the next one of lane k modulo the number of lanes. Who
works on a lane changes nothing: packs, their order, and what is left in every buffer are the same for one
process and for eight ranks of four workers. The state of a run is therefore the state of its lanes, and it
goes on with other numbers of ranks and workers, provided that their product divides the number of lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Generic, TypeVar

from locany.data.packing import PackConfig, Packer, Waiting
from locany.errors import DataError

T = TypeVar("T", bound=Sized)


@dataclass(frozen=True)
class LaneState:
    """Where a lane stands, in numbers that JSON can hold.

    Attributes:
        drawn: samples taken from its positions.
        waiting: (position, age) of the samples in its buffer, oldest first; they are made again.
    """

    drawn: int = 0
    waiting: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Pack(Generic[T]):
    """One pack.

    Attributes:
        number: its place in the run, from 0.
        lane: where it comes from.
        positions: of its samples in the training stream.
        samples: made by the caller's function, their length is `len`.
        state: of its lane behind it; what a checkpoint keeps once the pack has been learnt from.
    """

    number: int
    lane: int
    positions: tuple[int, ...]
    samples: tuple[T, ...]
    state: LaneState


class Lane(Generic[T]):
    """One lane: a buffer and the next position."""

    def __init__(
        self,
        number: int,
        num_lanes: int,
        make: Callable[[int], T],
        config: PackConfig,
        state: LaneState = LaneState(),
    ):
        self.number, self.num_lanes, self.make = number, num_lanes, make
        self.drawn = state.drawn
        self.packer: Packer[tuple[int, T]] = Packer(config)
        for position, age in state.waiting:
            sample = make(position)
            self.packer.waiting.append(Waiting((position, sample), len(sample), age))

    def next(self, number: int) -> Pack[T]:
        """The next pack, which has this number in the run."""
        while not self.packer.is_full:
            position = self.drawn * self.num_lanes + self.number
            sample = self.make(position)
            self.packer.add((position, sample), len(sample))
            self.drawn += 1
        taken = self.packer.take()
        waiting = tuple((sample.item[0], sample.age) for sample in self.packer.waiting)
        positions, samples = zip(*taken, strict=True)
        return Pack(number, self.number, positions, samples, LaneState(self.drawn, waiting))


def lane_packs(
    make: Callable[[int], T],
    config: PackConfig,
    *,
    num_lanes: int,
    first: int = 0,
    every: int = 1,
    states: Mapping[int, LaneState] | None = None,
) -> Iterator[Pack[T]]:
    """Packs `first`, `first + every`, ... of a run, without end.

    Rank r of R, worker w of W, with n packs learnt from before by all ranks together: first = n + w * R + r
    and every = R * W.

    Args:
        make: the sample at a position of the training stream, always the same one.
        states: of all lanes that have given a pack before `first`.

    Raises:
        DataError: `every` does not divide the number of lanes, so that two workers would share one.
    """
    check_lanes(num_lanes, every)
    lanes: dict[int, Lane[T]] = {}
    number = first
    while True:
        at = number % num_lanes
        if at not in lanes:
            lanes[at] = Lane(at, num_lanes, make, config, (states or {}).get(at, LaneState()))
        yield lanes[at].next(number)
        number += every


def check_lanes(num_lanes: int, num_streams: int) -> None:
    """Refuse a division of lanes that would not come out even.

    Raises:
        DataError: `num_streams` (ranks times workers) does not divide `num_lanes`.
    """
    if num_streams < 1 or num_lanes % num_streams:
        divisors = [n for n in range(1, num_lanes + 1) if num_lanes % n == 0]
        raise DataError(
            f"{num_streams} streams (ranks times workers) do not divide the run's {num_lanes} lanes evenly; "
            f"choose a product among {', '.join(map(str, divisors))}"
        )
