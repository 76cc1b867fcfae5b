"""What a run learns from: render engines and data sets, mixed, as one endless stream of samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from locany.data.answers import AnswerConfig, answer_rng, choose_questions
from locany.data.augment import AugmentConfig, augment, augment_rng
from locany.data.dialogue import Dialogue
from locany.data.mixture import Mixture
from locany.data.sample import Question, Sample, place_of
from locany.data.shard_folder import ShardFolder
from locany.errors import DataError, ImageError
from locany.tasks import Task, TaskKind
from locany.train.data_check import check_data
from locany.train.sources import (
    Rendered,
    RenderedSamples,
    Stored,
    StoredSamples,
    balance,
    located,
    open_stored,
    stored_paths,
)

_MEASURED = 0x5C0E  # seed of the negatives that a model is measured with


def chosen_samples(source: Rendered | Stored, count: int, data: DataConfig | None = None) -> list[Sample]:
    """Some samples of a source, to measure on, always the same ones: of a data set from all over it.

    A data set that knows its splits is measured on "val", else "test", else "train"; one of which `data`
    holds images out, on those. Conversations that are no sample are passed over.

    Args:
        source: a data set or an engine.
        count: how many; fewer where a data set has fewer.
        data: negatives at its rates join the questions of data sets, always the same ones; None leaves
            samples as they are.

    Raises:
        DataError: there is nothing to measure on but what `data` learns from.
    """
    if isinstance(source, Rendered):
        rendered = RenderedSamples(source)
        return [rendered.get(index, 1.0) for index in range(count)]
    learnt = data is not None and any(s.path == source.path for s in data.stored)
    share = data.held_out if data is not None and learnt else 0.0
    splits = ("train",) if share else ("val", "test", "train")
    found = open_stored(source, splits, skip_faults=data is not None and data.skip_faults)
    if share:
        for one in found:
            one.divide(share, apart=True)
    able = [(one, index) for one in found for index in range(len(one.samples)) if _is_sample(one, index)]
    if not able:
        raise DataError(f"{source.path}: there is no image with questions of ours to measure on")
    # From all over: many a file is sorted by what its images show.
    chosen = [able[number * len(able) // count] for number in range(count)] if count < len(able) else able
    samples = [(one.samples[index], one, index) for one, index in chosen]
    if learnt and not share and any(s.provenance.get("split") == "train" for s, _, _ in samples):
        raise DataError(
            f"{source.path}: it has no images for val or test, and those for train are learnt from; name "
            "images for val in data.yaml, keep some apart (data.held_out=0.1), or give another data set to "
            "measure on (evaluation=PATH)"
        )
    if data is None:
        return [sample for sample, _, _ in samples if isinstance(sample, Sample)]
    limits = data.answers
    rules = AnswerConfig(
        shuffle_categories=False, negative_rate=limits.negative_rate, max_categories=limits.max_categories
    )
    return [
        _asked(sample, rules, (_MEASURED, number, 0), (*one.absent_from(index, sample), *data.absent))
        for number, (sample, one, index) in enumerate(samples)
        if isinstance(sample, Sample)
    ]


def _is_sample(found: StoredSamples, index: int) -> bool:
    """Whether it can be measured on; shards hold samples only, and are not read for that."""
    return isinstance(found.samples, ShardFolder) or isinstance(found.samples[index], Sample)


def _asked(
    sample: Sample, rules: AnswerConfig, chance: tuple[int, int, int], absent: Sequence[str]
) -> Sample:
    """A sample with the questions of this time; one where nothing is to be found is asked for what is absent.

    Args:
        chance: seed, index and time, see `answer_rng`.
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
        augment: what may happen to images of data sets, each time anew; engines vary what they draw, and
            conversations that are no sample stay as they are.
        seed: of the mixture, of the choice of questions and of augmentation.
        absent: names that no image of the data sets shows. Negatives are drawn from the categories that an
            image lacks, and from these; a data set with one category, or with phrases, has no others.
        skip_faults: leave faulty records of data sets out, with a warning; otherwise the first is an error.
        balance: a category that a smaller share of a data set's images shows counts as rare, and images with
            it come more often, sqrt(balance / its share) times an epoch; 0 has every image come once.
        root, format: of data sets that say none of their own, see `Stored`.
        held_out: share of each data set's images that is not learnt from but measured on, where `evaluation`
            names that data set or none; see `held_out.divide`.
    """

    sources: tuple[Rendered | Stored, ...]
    answers: AnswerConfig = field(default_factory=AnswerConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    absent: tuple[str, ...] = ()
    curriculum: int = 0
    easiest: float = 0.0
    seed: int = 0
    skip_faults: bool = False
    balance: float = 0.0
    root: str | None = None
    format: str | None = None
    held_out: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", located(self.sources, self.root, self.format))
        if not self.sources:
            raise DataError("recipe: data.sources is empty; name a data set or a render engine")
        if self.seed < 0:
            raise DataError(f"recipe: data.seed is {self.seed}, expected 0 or more")
        if self.curriculum < 0 or not 0 <= self.easiest <= 1:
            raise DataError(
                f"recipe: data.curriculum is at least 0 and data.easiest a share, got {self.curriculum} and "
                f"{self.easiest}"
            )
        if not 0 <= self.balance <= 1:
            raise DataError(
                f"recipe: data.balance is {self.balance}, expected a share of the images from 0 to 1, "
                "such as 0.1"
            )
        if not 0 <= self.held_out < 1:
            raise DataError(
                f"recipe: data.held_out is {self.held_out}, expected a share of the images below 1, "
                "such as 0.1"
            )

    @property
    def stored(self) -> tuple[Stored, ...]:
        """The data sets among the sources."""
        return tuple(source for source in self.sources if isinstance(source, Stored))

    def with_setting(self, text: str) -> DataConfig:
        """`data=PATH[,PATH...]` on the command line: these data sets, equally often, for the sources."""
        return replace(self, sources=stored_paths(text))


class SampleStream:
    """The sample at a position of the training stream, with the questions of this time: always the same one.

    Raises:
        DataError: a data set is empty, has a fault, or is in no known format.
    """

    def __init__(self, config: DataConfig):
        self.config = config
        self.sets: list[RenderedSamples | StoredSamples] = []
        for source in config.sources:
            if isinstance(source, Rendered):
                self.sets.append(RenderedSamples(source))
            else:
                found = open_stored(source, ("train",), skip_faults=config.skip_faults)
                if config.held_out:
                    for one in found:
                        one.divide(config.held_out, apart=False)
                self.sets += found
        check_data(self.sets, config.answers, config.absent)
        if config.balance:
            balance(self.sets, config.balance)
        self.mixture = Mixture([found.source for found in self.sets], config.seed)

    def fingerprint(self) -> str:
        """Of the data sets, in the order of the sources: another one means other samples."""
        return " ".join(found.fingerprint() for found in self.sets if isinstance(found, StoredSamples))

    def __call__(self, position: int) -> Sample | Dialogue:
        config, draw = self.config, self.mixture(position)
        found = self.sets[draw.source]
        progress = min(1.0, position / config.curriculum) if config.curriculum else 1.0
        sample = found.get(draw.index, config.easiest + (1 - config.easiest) * progress)
        if isinstance(sample, Dialogue):
            return sample
        # Two sources have samples of the same number; each has chances of its own, every time.
        chance = (config.seed * len(self.sets) + draw.source, draw.index, draw.time)
        absent: Sequence[str] = ()
        if isinstance(found, StoredSamples):
            absent = (*found.absent_from(draw.index, sample), *config.absent)
            try:
                sample = augment(sample, config.augment, augment_rng(*chance))
            except (DataError, ImageError) as error:  # the image is read here, not where it is encoded
                raise DataError(f"{place_of(sample.provenance)}: {error}") from error
        return _asked(sample, config.answers, chance, absent)
