"""Which sample comes at which place of an endless training stream: a pure function of (seed, position).

Every worker, rank and restart asks for positions and gets the same answer, so nothing has to be counted,
shared or saved. Within a block of positions each source has its fixed share, in shuffled order; a source's
own samples come in a new order every epoch, each of them once before any comes again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from locany.errors import DataError

BLOCK = 1024  # positions in which shares are exact; a smaller share than one in a block is not possible

_SHUFFLE, _EPOCH = 0xB10C, 0xE90C


@dataclass(frozen=True)
class Source:
    """One data set in the mixture.

    Attributes:
        name: for messages and reports.
        size: number of samples; None for a render engine, which never repeats.
        weight: relative frequency of its samples.
    """

    name: str
    size: int | None
    weight: float

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise DataError(f"the data set {self.name!r} is empty; there is nothing to learn from")
        if not self.weight > 0 or not np.isfinite(self.weight):
            raise DataError(f"the weight of {self.name!r} is a number above 0, got {self.weight}")


@dataclass(frozen=True)
class Draw:
    """What stands at a position: sample `index` of source number `source`, for the `epoch`-th time from 0."""

    source: int
    index: int
    epoch: int


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
        size = self.sources[source].size
        if size is None:
            return Draw(source, drawn, 0)
        epoch, number = divmod(drawn, size)
        return Draw(source, int(_permutation(self.seed, source, epoch, size)[number]), epoch)

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
def _permutation(seed: int, source: int, epoch: int, size: int) -> np.ndarray:
    return np.random.default_rng((_EPOCH, seed, source, epoch)).permutation(size)
