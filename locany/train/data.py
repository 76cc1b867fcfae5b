"""What a run learns from: render engines and data sets, mixed, as one endless stream of samples."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from locany.data.answers import AnswerConfig, answer_rng, choose_questions
from locany.data.converters import open_dataset
from locany.data.mixture import Mixture, Source
from locany.data.sample import Question, Sample
from locany.data.shard_folder import ShardFolder
from locany.errors import DataError
from locany.synth.renderer import engine
from locany.tasks import Task, TaskKind

_MEASURED = 0x5C0E  # seed of the negatives that a model is measured with
TRAIN_SEEDS = 1_000_000  # training renders seeds from here up; evaluation and examples stay below


@dataclass(frozen=True)
class Rendered:
    """Samples that a render engine makes as they are needed, never the same twice.

    Attributes:
        engine: its name.
        config: of the engine; None for its defaults.
        weight: relative frequency in the mixture.
        first_seed: of the samples.
    """

    engine: str
    config: Any = None
    weight: float = 1.0
    first_seed: int = TRAIN_SEEDS


@dataclass(frozen=True)
class Stored:
    """A data set on disk, in any format that `locany data check` knows, or shards.

    Attributes:
        path: its file or folder.
        format: its format; recognised if None.
        root: the folder that image paths are relative to; None for the default of the format.
        weight: relative frequency in the mixture.
    """

    path: str
    format: str | None = None
    root: str | None = None
    weight: float = 1.0


def stored_paths(text: str) -> tuple[Stored, ...]:
    """Data sets from paths with commas between them."""
    return tuple(Stored(path.strip()) for path in text.split(",") if path.strip())


def first_samples(source: Rendered | Stored, count: int, data: DataConfig | None = None) -> list[Sample]:
    """The first samples of a source, to measure on.

    Args:
        source: a data set or an engine.
        count: how many; fewer where a data set has fewer.
        data: negatives at its rates join the questions of data sets, always the same ones; None leaves
            samples as they are.
    """
    found = _RenderedSamples(source) if isinstance(source, Rendered) else _StoredSamples(source)
    size = count if found.source.size is None else min(count, found.source.size)
    samples = [found.get(index, 1.0) for index in range(size)]
    if data is None or isinstance(source, Rendered):
        return samples
    rules = AnswerConfig(shuffle_categories=False, negative_rate=data.answers.negative_rate)
    return [_asked(s, rules, (_MEASURED, i, 0), (*found.absent, *data.absent)) for i, s in enumerate(samples)]


def _asked(
    sample: Sample, rules: AnswerConfig, chance: tuple[int, int, int], absent: Sequence[str]
) -> Sample:
    """A sample with the questions of this time; one where nothing is to be found is asked for what is absent.

    Args:
        chance: seed, index and epoch, see `answer_rng`.
    """
    empty = not sample.questions and not sample.objects
    if empty and absent and rules.negative_rate.get(TaskKind.DETECT):
        sample = replace(sample, questions=(Question(Task.detect(list(dict.fromkeys(absent)))),))
    return choose_questions(sample, rules, answer_rng(*chance), absent).sample


@dataclass(frozen=True)
class DataConfig:
    """What a run learns from.

    Attributes:
        sources: mixed by their weights.
        answers: which questions are asked each time, and how they are answered.
        curriculum: samples of the stream until render engines draw at full difficulty.
        easiest: how far engines are along their curriculum at the beginning, from 0 to 1.
        seed: of the mixture and of the choice of questions.
        absent: names that no image of the data sets shows. Negatives are drawn from the categories that an
            image lacks, and from these; a data set with one category, or with phrases, has no others.
    """

    sources: tuple[Rendered | Stored, ...]
    answers: AnswerConfig = field(default_factory=AnswerConfig)
    absent: tuple[str, ...] = ()
    curriculum: int = 0
    easiest: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.sources:
            raise DataError("recipe: data.sources is empty; name a data set or a render engine")
        if self.curriculum < 0 or not 0 <= self.easiest <= 1:
            raise DataError(
                f"recipe: data.curriculum is at least 0 and data.easiest a share, got {self.curriculum} and "
                f"{self.easiest}"
            )

    def with_setting(self, text: str) -> DataConfig:
        """`data=PATH[,PATH...]` on the command line: these data sets, equally often, for the sources."""
        return replace(self, sources=stored_paths(text))


class _RenderedSamples:
    def __init__(self, config: Rendered):
        self.config = config
        self.settings = engine(config.engine).Config() if config.config is None else config.config
        self.source = Source(config.engine, None, config.weight)
        self.absent: Sequence[str] = ()  # engines ask for what is absent themselves

    def get(self, index: int, progress: float) -> Sample:
        return engine(self.config.engine).render(self.config.first_seed + index, self.settings, step=progress)


class _StoredSamples:
    def __init__(self, config: Stored):
        dataset = open_dataset(config.path, config.format, config.root)
        self.samples: Sequence[Sample] | ShardFolder
        if dataset.format.name in ("shards", "parquet"):
            self.samples = ShardFolder(dataset.path)
        else:
            self.samples = list(dataset.samples())  # their images stay on disk
        self.source = Source(config.path, len(self.samples), config.weight)
        self.absent = dataset.absent

    def get(self, index: int, progress: float) -> Sample:
        return self.samples[index]


def _check(sets: Sequence[_RenderedSamples | _StoredSamples], config: DataConfig) -> None:
    """Refuse data that teach nothing, and warn of data sets that teach less than it seems.

    Shards are not looked at: `locany data build` has seen every sample, and they are too large to read twice.

    Raises:
        DataError: there is no target at all, or none that may be asked for.
    """
    stored = [s for s in sets if isinstance(s, _StoredSamples) and not isinstance(s.samples, ShardFolder)]
    asked = sum([_warn(found, config) for found in stored])
    if asked or len(stored) < len(sets):
        return
    num_images = sum(len(found.samples) for found in stored)
    raise DataError(
        f"of the {num_images} images of {', '.join(found.source.name for found in stored)} there is not one "
        "with a box or point to ask for, so there is nothing to learn but to answer 'None'; look at the data "
        "with 'locany data stats'"
    )


def _warn(found: _StoredSamples, config: DataConfig) -> int:
    """Warn of images that cannot be asked about, and of negatives that cannot be made.

    Returns:
        How many images have a target that can be asked for.
    """
    name, rules = found.source.name, config.answers
    samples = [found.samples[number] for number in range(len(found.samples))]
    fewest = [_fewest(sample) for sample in samples]
    crowded = sum(number > (rules.max_targets or math.inf) for number in fewest)
    if crowded:
        warnings.warn(
            f"{name}: {crowded} of {len(samples)} images are not learnt from, with more than "
            f"{rules.max_targets} targets of one name; raise data.answers.max_targets, and "
            "stream.pack.budget with it",
            stacklevel=2,
        )
    shown = {target.label.lower() for sample in samples for target in sample.objects}
    alone = len(shown) == 1 == len(found.absent) and all(fewest)
    if alone and not config.absent and any(rules.negative_rate.values()):
        warnings.warn(
            f"{name}: every image shows {next(iter(shown))!r} and there is no other name, so nothing teaches "
            "to answer that something is absent; add images without it, or names that no image shows "
            "(data.absent='[car, dog]')",
            stacklevel=2,
        )
    return sum(number > 0 for number in fewest) - crowded


def _fewest(sample: Sample) -> int:
    """Targets of the smallest thing that a sample can be asked for."""
    found: list[int] = []
    for question in sample.questions:
        counts = Counter(target.label for target in question.targets)
        found += counts.values() if question.task.takes_categories else [len(question.targets)]
    return min((number for number in found if number), default=0)


class SampleStream:
    """The sample at a position of the training stream, with the questions of this time: always the same one.

    Raises:
        DataError: a data set is empty, has a fault, or is in no known format.
    """

    def __init__(self, config: DataConfig):
        self.config = config
        self.sets = [
            _RenderedSamples(source) if isinstance(source, Rendered) else _StoredSamples(source)
            for source in config.sources
        ]
        self.mixture = Mixture([found.source for found in self.sets], config.seed)
        _check(self.sets, config)

    def __call__(self, position: int) -> Sample:
        config, draw = self.config, self.mixture(position)
        found = self.sets[draw.source]
        progress = min(1.0, position / config.curriculum) if config.curriculum else 1.0
        sample = found.get(draw.index, config.easiest + (1 - config.easiest) * progress)
        # Two sources have samples of the same number; each has chances of its own.
        chance = (config.seed * len(self.sets) + draw.source, draw.index, draw.epoch)
        absent = (*found.absent, *config.absent) if isinstance(found, _StoredSamples) else ()
        return _asked(sample, config.answers, chance, absent)
