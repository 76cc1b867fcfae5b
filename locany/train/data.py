"""What a run learns from: render engines and data sets, mixed, as one endless stream of samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from locany.data.answers import AnswerConfig, answer_rng, choose_questions
from locany.data.converters import open_dataset
from locany.data.mixture import Mixture, Source
from locany.data.sample import Sample
from locany.data.shard_folder import ShardFolder
from locany.errors import DataError
from locany.synth.renderer import engine

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


def first_samples(source: Rendered | Stored, count: int) -> list[Sample]:
    """The first samples of a source as they are, to measure on."""
    found = _RenderedSamples(source) if isinstance(source, Rendered) else _StoredSamples(source)
    size = count if found.source.size is None else min(count, found.source.size)
    return [found.get(index, 1.0) for index in range(size)]


@dataclass(frozen=True)
class DataConfig:
    """What a run learns from.

    Attributes:
        sources: mixed by their weights.
        answers: which questions are asked each time, and how they are answered.
        curriculum: samples of the stream until render engines draw at full difficulty.
        easiest: how far engines are along their curriculum at the beginning, from 0 to 1.
        seed: of the mixture and of the choice of questions.
    """

    sources: tuple[Rendered | Stored, ...]
    answers: AnswerConfig = field(default_factory=AnswerConfig)
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

    def __call__(self, position: int) -> Sample:
        config, draw = self.config, self.mixture(position)
        found = self.sets[draw.source]
        progress = min(1.0, position / config.curriculum) if config.curriculum else 1.0
        sample = found.get(draw.index, config.easiest + (1 - config.easiest) * progress)
        # Two sources have samples of the same number; each has chances of its own.
        rng = answer_rng(config.seed * len(self.sets) + draw.source, draw.index, draw.epoch)
        return choose_questions(sample, config.answers, rng, found.absent).sample
