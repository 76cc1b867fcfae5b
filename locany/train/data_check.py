"""Before a run: is there anything to learn, and what of it is left out."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence

from locany.data.answers import AnswerConfig
from locany.data.sample import Question, Sample
from locany.data.shard_folder import ShardFolder
from locany.errors import DataError
from locany.train.sources import RenderedSamples, StoredSamples

_LOOKED_AT = 32  # samples of shards, to see whether they bring negatives


def check_data(
    sets: Sequence[RenderedSamples | StoredSamples], rules: AnswerConfig, absent: Sequence[str]
) -> None:
    """Refuse data that teach nothing, and warn of data sets that teach less than it seems.

    Of shards a few samples are looked at: `locany data build` has seen every one, and they are too large to
    read twice.

    Args:
        rules: of the questions; absent: names that no image shows.

    Raises:
        DataError: there is no target at all, or none that may be asked for.
    """
    stored = [s for s in sets if isinstance(s, StoredSamples) and not isinstance(s.samples, ShardFolder)]
    if not absent and any(rules.negative_rate.values()):
        for found in sets:
            if isinstance(found, StoredSamples) and isinstance(found.samples, ShardFolder):
                _warn_of_shards(found.source.name, found.samples)
    asked = sum([_warn(found, rules, absent) for found in stored])
    if asked or len(stored) < len(sets):
        return
    num_images = sum(len(found.samples) for found in stored)
    raise DataError(
        f"of the {num_images} images of {', '.join(found.source.name for found in stored)} there is not one "
        "with a box or point to ask for, so there is nothing to learn but to answer 'None'; look at the data "
        "with 'locany data stats'"
    )


def _warn_of_shards(name: str, samples: ShardFolder) -> None:
    """Warn of shards that neither list categories nor ask for one that is absent."""
    if samples.knows_absent:
        return
    looked_at = range(0, len(samples), -(-len(samples) // _LOOKED_AT))
    asked = [q for n in looked_at for q in _questions(samples, n) if q.task.takes_categories]
    if asked and all(set(q.task.categories) == {target.label for target in q.targets} for q in asked):
        warnings.warn(
            f"{name}: these shards do not say which categories their images were annotated for, and none of "
            f"{len(looked_at)} samples asks for something that is absent, so no negatives are learnt; make "
            "them anew, or give names that no image shows (data.absent='[car, dog]')",
            stacklevel=2,
        )


def _questions(samples: ShardFolder, number: int) -> Sequence[Question]:
    """What a sample asks; nothing of a damaged one, which is told, or passed over, when it is learnt from."""
    try:
        return samples[number].questions
    except DataError:
        return ()


def _warn(found: StoredSamples, rules: AnswerConfig, absent: Sequence[str]) -> int:
    """Warn of images that cannot be asked about, and of negatives that cannot be made.

    Returns:
        How many images have a target that can be asked for.
    """
    name = found.source.name
    every = [found.samples[number] for number in range(len(found.samples))]
    samples = [sample for sample in every if isinstance(sample, Sample)]
    fewest = [_fewest(sample) for sample in samples]
    crowded = sum(number > (rules.max_targets or math.inf) for number in fewest)
    over = Counter(label for sample in samples for label in _over(sample, rules.max_targets or math.inf))
    if over:
        worst = ", ".join(f"{label!r} in {count} images" for label, count in over.most_common(3))
        more = f", and {len(over) - 3} names more" if len(over) > 3 else ""
        warnings.warn(
            f"{name}: more than {rules.max_targets} targets of one name are not learnt from ({worst}{more}); "
            f"{crowded} of {len(samples)} images have nothing else; raise data.answers.max_targets, and "
            "stream.pack.budget with it",
            stacklevel=2,
        )
    names = {name.lower() for name in found.absent}
    full = all(names <= {target.label.lower() for target in sample.objects} for sample in samples)
    if names and full and len(samples) == len(every) and not absent and any(rules.negative_rate.values()):
        told = ", ".join(repr(name) for name in sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
        warnings.warn(
            f"{name}: every image shows {told} and there is no other name, so nothing teaches to answer "
            "that something is absent; add images without it, or names that no image shows "
            "(data.absent='[car, dog]')",
            stacklevel=2,
        )
    return sum(number > 0 for number in fewest) - crowded + len(every) - len(samples)


def _amounts(sample: Sample) -> list[tuple[str, int]]:
    """What a sample can be asked for, with its number of targets."""
    found: list[tuple[str, int]] = []
    for question in sample.questions:
        whole = [(question.task.phrase or "all text", len(question.targets))]
        counts = Counter(target.label for target in question.targets)
        found += counts.items() if question.task.takes_categories else whole
    return found


def _fewest(sample: Sample) -> int:
    """Targets of the smallest thing that a sample can be asked for."""
    return min((number for _, number in _amounts(sample) if number), default=0)


def _over(sample: Sample, limit: float) -> set[str]:
    """What has more targets than may be asked for."""
    return {label for label, number in _amounts(sample) if number > limit}
