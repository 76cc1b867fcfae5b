"""What one model answers about some samples in several decode modes: the quick look that training takes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from locany.codec.blocks import BlockKind
from locany.data.sample import Sample
from locany.eval.detection import Counts, count, total
from locany.locator import Locator

# Of one answer; a model at the beginning of its training does not stop by itself.
MAX_NEW_TOKENS = 512
_PER_TARGET = 12  # of a box with a label of its own; long transcriptions need more


@dataclass(frozen=True)
class ModeScores:
    """What the answers of one mode came to.

    Attributes:
        counts: of all answers together.
        blocks: parallel blocks by kind.
        seconds: that all of it took, vision included.
    """

    counts: Counts
    blocks: Counter[str]
    seconds: float

    @property
    def fallback(self) -> float:
        """Of the blocks with a place in them, the share that was doubtful and decoded again token by token.

        0 where there were none, as in modes that do not ask again.
        """
        again = self.blocks[BlockKind.ERROR.value]
        places = again + sum(self.blocks[kind.value] for kind in (BlockKind.BOX, BlockKind.POINT))
        return again / places if places else 0.0

    @property
    def boxes_per_s(self) -> float:
        """Boxes and points that were found, right or wrong, a second."""
        return self.counts.num_detections / self.seconds


def score_modes(locator: Locator, samples: Sequence[Sample], modes: Sequence[str]) -> dict[str, ModeScores]:
    """Ask every question of every sample, in each mode.

    Args:
        locator: the model.
        samples: boxes are right from IoU 0.5, points inside the box; see `count`.
        modes: names of decode modes.
    """
    asked = [(sample, question) for sample in samples for question in sample.questions]
    names = max((len(q.targets) + len(q.task.categories) for _, q in asked), default=0)
    limit = max(MAX_NEW_TOKENS, _PER_TARGET * names)
    found = {}
    for mode in modes:
        questions = ((sample.pixels(), question.task) for sample, question in asked)
        before, began = locator.engine.stats.blocks.copy(), time.perf_counter()
        answers = locator.locate_many(questions, mode=mode, max_new_tokens=limit)
        seconds, blocks = time.perf_counter() - began, locator.engine.stats.blocks - before
        counts = total(count(q, a) for (_, q), a in zip(asked, answers, strict=True))
        found[mode] = ModeScores(counts, blocks, seconds)
    return found
