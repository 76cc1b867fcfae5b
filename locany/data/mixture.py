"""Which sample comes at which place of an endless training stream: a pure function of (seed, position).

Every worker, rank and restart asks for positions and gets the same answer, so nothing has to be counted,
shared or saved. Within a block of positions each source has its fixed share, in shuffled order; a source's
own samples come in a new order every epoch, each of them once before any comes again; or once at least, where
rare categories are to be seen more often (`repeats.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from locany.data.repeats import Repeats
from locany.errors import DataError

BLOCK = 1024  # positions in which shares are exact; a smaller share than one in a block is not possible

_SHUFFLE, _EPOCH, _AGAIN = 0xB10C, 0xE90C, 0xA6A1


@dataclass(frozen=True)
class Source:
    """One data set in the mixture.

    Attributes:
        name: for messages and reports.
        size: number of samples; None for a render engine, which never repeats.
        weight: relative frequency of its samples.
        repeats: which of them come more than once in an epoch; None for none.
    """

    name: str
    size: int | None
    weight: float
    repeats: Repeats | None = None

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise DataError(f"the data set {self.name!r} is empty; there is nothing to learn from")
        if not self.weight > 0 or not np.isfinite(self.weight):
            raise DataError(f"the weight of {self.name!r} is a number above 0, got {self.weight}")


@dataclass(frozen=True)
class Draw:
    """What stands at a position.

    Attributes:
        source: its number; index: of its sample.
        epoch: of the source, from 0; repeat: how many times the sample came before in this epoch.
    """

    source: int
    index: int
    epoch: int
    repeat: int = 0

    @property
    def time(self) -> int:
        """Another number each time that the sample comes; the epoch where none comes again in one."""
        return self.epoch + (self.repeat << 32)


class Mixture:
    """Maps positions to samples.

    Raises:
        DataError: no source, or more than fit into a block.
    """

    def __init__(self, sources: Sequence[Source], seed: int):
        if not 0 < len(sources) <= BLOCK:
            raise DataError(f"a mixture has 1 to {BLOCK} sources, got {len(sources)}")
        self.sources, self.seed = tuple(sources), seed
        self.counts = _shares([source.weight for source in sources])
        self._order = np.repeat(np.arange(len(sources)), self.counts)

    def __call__(self, position: int) -> Draw:
        """The sample at a position from 0."""
        block, place = divmod(position, BLOCK)
        order = self._block(block)
        source = int(order[place])
        drawn = block * self.counts[source] + int(np.count_nonzero(order[:place] == source))
        size, repeats = self.sources[source].size, self.sources[source].repeats
        if size is None:
            return Draw(source, drawn, 0)
        epoch, number = divmod(drawn, size) if repeats is None else repeats.place(drawn)
        samples = _epoch(self.seed, source, epoch, size, repeats)
        index = int(samples[number])
        repeat = 0 if repeats is None else int(np.count_nonzero(samples[:number] == index))
        return Draw(source, index, epoch, repeat)

    def _block(self, block: int) -> np.ndarray:
        return np.random.default_rng((_SHUFFLE, self.seed, block)).permutation(self._order)


def _shares(weights: Sequence[float]) -> list[int]:
    """Positions of each source in a block: largest remainders, and at least one each."""
    exact = np.asarray(weights) / np.sum(weights) * BLOCK
    counts = np.maximum(1, np.floor(exact)).astype(int)
    while counts.sum() < BLOCK:
        counts[np.argmax(exact - counts)] += 1
    while counts.sum() > BLOCK:
        counts[np.argmax(np.where(counts > 1, counts - exact, -np.inf))] -= 1
    return counts.tolist()


@lru_cache(maxsize=64)
def _epoch(seed: int, source: int, epoch: int, size: int, repeats: Repeats | None) -> np.ndarray:
    """The samples of a source in the order of an epoch."""
    numbers = np.arange(size)
    if repeats is not None:
        again = repeats.again(epoch, np.random.default_rng((_AGAIN, seed, source, epoch)))
        numbers = np.concatenate((numbers, again))
    return np.random.default_rng((_EPOCH, seed, source, epoch)).permutation(numbers)
