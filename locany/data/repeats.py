"""Repeat-factor sampling: samples that show a rare category come more than once in an epoch.

As for LVIS (Gupta et al. 2019): a category that a smaller share than `threshold` of the samples show has the
factor sqrt(threshold / its share), every other one has 1, and a sample comes as often as the largest factor
among its categories says.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from locany.data.sample import Sample
from locany.tasks import TaskKind


def categories_of(sample: Sample) -> set[str]:
    """What a sample shows of the categories of its data set; phrases and texts are none."""
    return {
        target.label
        for question in sample.questions
        if question.task.takes_categories or question.task.kind is TaskKind.POINT
        for target in question.targets
    }


def repeat_factors(categories: Sequence[Collection[str]], threshold: float) -> np.ndarray:
    """[samples] how often each comes in an epoch on average, at least 1.

    Args:
        categories: of each sample; threshold: share of the samples that a category shall be as frequent as.
    """
    counts = Counter(name for found in categories for name in set(found))
    factors = {n: max(1.0, math.sqrt(threshold * len(categories) / count)) for n, count in counts.items()}
    return np.array([max((factors[name] for name in found), default=1.0) for found in categories])


@dataclass(frozen=True, eq=False)
class Repeats:
    """The epochs of a data set of which every sample comes once, and some again.

    Attributes:
        factors: [samples] how often each comes in an epoch on average, at least 1.
    """

    factors: np.ndarray

    @cached_property
    def _again(self) -> float:
        """Samples that come again in an epoch on average: the same number on every machine."""
        return math.fsum(self.factors) - len(self.factors)

    def place(self, drawn: int) -> tuple[int, int]:
        """The epoch in which the draw of this number falls, and its number there, all from 0."""
        epoch = int(drawn / (len(self.factors) + self._again))  # but for rounding
        while self._begin(epoch) > drawn:
            epoch -= 1
        while self._begin(epoch + 1) <= drawn:
            epoch += 1
        return epoch, drawn - self._begin(epoch)

    def _begin(self, epoch: int) -> int:
        """Draws before an epoch. Lengths differ by one at most, so that the mean is exact."""
        return epoch * len(self.factors) + math.floor(epoch * self._again + 0.5)

    def again(self, epoch: int, rng: np.random.Generator) -> np.ndarray:
        """Samples that come again in an epoch, one that comes three times twice.

        Systematic sampling: in an order by chance, samples lie side by side, each as wide as what its factor
        is above 1, and equally spaced points choose. So fractions are rounded by chance, and the number of
        points is that which the length of the epoch asks for.
        """
        count = self._begin(epoch + 1) - self._begin(epoch) - len(self.factors)
        order = rng.permutation(len(self.factors))
        ends = np.cumsum(self.factors[order] - 1)
        points = (np.arange(count) + (1 - rng.random())) / max(1, count) * ends[-1]  # above 0, up to the end
        return order[np.searchsorted(ends, points)]
