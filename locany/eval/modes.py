"""F1 of one model on some samples in several decode modes: the quick look that training takes at itself."""

from __future__ import annotations

from collections.abc import Sequence

from locany.data.sample import Sample
from locany.eval.detection import Counts, count, total
from locany.locator import Locator

# Of one answer; a model at the beginning of its training does not stop by itself.
MAX_NEW_TOKENS = 512
_PER_TARGET = 12  # of a box with a label of its own; long transcriptions need more


def count_modes(locator: Locator, samples: Sequence[Sample], modes: Sequence[str]) -> dict[str, Counts]:
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
        answers = locator.locate_many(questions, mode=mode, max_new_tokens=limit)
        found[mode] = total(count(q, a) for (_, q), a in zip(asked, answers, strict=True))
    return found
