"""Samples into packs of a token budget: nearly full ones, and nobody waits for ever.

The published loop is next-fit in effect, whatever its buffer (spec `training` 4.2). Here the buffer is kept
full. A pack starts with a sample that has waited too long, or else with the longest, and takes the longest
that fits, again and again: best fit, which saves the short samples that long ones need as company. Where that
leaves too much room, the subset that leaves the least is found instead, exactly: a set of reachable sums is
the bits of one big integer, and adding a sample is a shift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from locany.errors import DataError

T = TypeVar("T")


@dataclass(frozen=True)
class PackConfig:
    """How samples are packed.

    Attributes:
        budget: positions of a pack, at most.
        buffer_size: samples to choose from, at least; more where they would not fill two packs.
        max_age: packs that a sample may see leave without it; then it starts the next one, oldest first.
        good_fill: share of the budget from which best fit is taken as it is.
    """

    budget: int
    buffer_size: int = 128
    max_age: int = 128
    good_fill: float = 0.95

    def __post_init__(self) -> None:
        for name in ("budget", "buffer_size", "max_age"):
            if getattr(self, name) < 1:
                raise DataError(f"PackConfig.{name} is at least 1, got {getattr(self, name)}")
        if not 0 <= self.good_fill <= 1:
            raise DataError(f"PackConfig.good_fill is a share from 0 to 1, got {self.good_fill}")


def check_length(length: int, budget: int) -> None:
    """Refuse a sample that no pack holds: it could never be learnt.

    Raises:
        DataError: it is longer than a pack, or empty.
    """
    if not 0 < length <= budget:
        raise DataError(
            f"a sample has {length} positions, a pack holds 1 to {budget}; raise the budget "
            "(stream.pack.budget of a recipe), or limit the sample's image size, its questions "
            "(data.answers.max_questions) or their targets (data.answers.max_targets)"
        )


@dataclass
class Waiting(Generic[T]):
    """A sample in the buffer: its length in positions, and the packs that have left without it."""

    item: T
    length: int
    age: int = 0


@dataclass
class Packer(Generic[T]):
    """Holds the buffer; a pure function of what was added, so equal inputs give equal packs.

    Attributes:
        config: the rules.
        waiting: the buffer, oldest first. Together with the config it is the whole state.
    """

    config: PackConfig
    waiting: list[Waiting[T]] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether there is enough to choose from."""
        enough = len(self.waiting) >= self.config.buffer_size
        return enough and sum(sample.length for sample in self.waiting) >= 2 * self.config.budget

    def add(self, item: T, length: int) -> None:
        """Put a sample into the buffer.

        Raises:
            DataError: it is longer than a pack; it could never be learnt from.
        """
        check_length(length, self.config.budget)
        self.waiting.append(Waiting(item, length))

    def take(self) -> list[T]:
        """The next pack, in the order in which its samples came; empty if nothing waits."""
        chosen = self._choose()
        for number, sample in enumerate(self.waiting):
            sample.age += number not in chosen
        pack = [self.waiting[number].item for number in sorted(chosen)]
        self.waiting = [sample for number, sample in enumerate(self.waiting) if number not in chosen]
        return pack

    def _choose(self) -> set[int]:
        """Numbers of the samples of the next pack."""
        if not self.waiting:
            return set()
        lengths = [sample.length for sample in self.waiting]
        if self.waiting[0].age >= self.config.max_age:
            first = 0
        else:
            first = max(range(len(lengths)), key=lengths.__getitem__)
        # Longest first, of equal ones the oldest.
        others = sorted((n for n in range(len(lengths)) if n != first), key=lambda n: -lengths[n])
        room = self.config.budget - lengths[first]
        chosen = best_fit(lengths, others, room)
        left = room - sum(lengths[number] for number in chosen)
        if left > (1 - self.config.good_fill) * self.config.budget:
            chosen = fullest(lengths, others, room)
        return {first, *chosen}


def best_fit(lengths: Sequence[int], others: Sequence[int], room: int) -> list[int]:
    """Those of `others`, numbers into `lengths`, that are taken one by one, each if it still fits."""
    chosen = []
    for number in others:
        if lengths[number] <= room:
            chosen.append(number)
            room -= lengths[number]
    return chosen


def fullest(lengths: Sequence[int], others: Sequence[int], room: int) -> list[int]:
    """Those of `others` that together leave the least room; among equal choices, the first in `others`."""
    within = (1 << (room + 1)) - 1
    reachable = [1]  # bit s: some of the samples so far add up to s
    for number in reversed(others):
        reachable.append((reachable[-1] | reachable[-1] << lengths[number]) & within)
    total = reachable.pop().bit_length() - 1
    chosen = []
    for number in others:  # the walk back
        before, length = reachable.pop(), lengths[number]
        if length <= total and before >> (total - length) & 1:
            chosen.append(number)
            total -= length
    assert total == 0, "the walk back ends at the empty sum"
    return chosen


def packs(samples: Iterable[tuple[T, int]], config: PackConfig) -> Iterator[list[T]]:
    """Packs of a finite stream of (sample, length): every sample exactly once."""
    packer: Packer[T] = Packer(config)
    for item, length in samples:
        packer.add(item, length)
        if packer.is_full:
            yield packer.take()
    while packer.waiting:
        yield packer.take()
