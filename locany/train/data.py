"""What a run learns from: render engines and data sets, mixed, as one endless stream of samples."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from locany.data.answers import AnswerConfig, answer_rng, choose_questions
from locany.data.converters import Fault, chat_samples, open_dataset, recipe
from locany.data.converters.recipe import RecipeEntry
from locany.data.dialogue import Dialogue
from locany.data.mixture import Mixture, Source
from locany.data.sample import Question, Sample
from locany.data.shard_folder import ShardFolder
from locany.errors import DataError
from locany.synth.renderer import engine
from locany.tasks import Task, TaskKind

_MEASURED = 0x5C0E  # seed of the negatives that a model is measured with
_LOOKED_AT = 32  # samples of shards, to see whether they bring negatives
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


def chosen_samples(source: Rendered | Stored, count: int, data: DataConfig | None = None) -> list[Sample]:
    """Some samples of a source, to measure on, always the same ones: of a data set from all over it.

    A data set that knows its splits is measured on "val", else "test". Conversations that are no sample are
    passed over.

    Args:
        source: a data set or an engine.
        count: how many; fewer where a data set has fewer.
        data: negatives at its rates join the questions of data sets, always the same ones; None leaves
            samples as they are.
    """
    if isinstance(source, Rendered):
        rendered = _RenderedSamples(source)
        return [rendered.get(index, 1.0) for index in range(count)]
    found = _open(source, ("val", "test", "train"), skip_faults=data is not None and data.skip_faults)
    able = [(one, index) for one in found for index in range(len(one.samples)) if _is_sample(one, index)]
    if not able:
        raise DataError(f"{source.path}: there is no image with questions of ours to measure on")
    # From all over: many a file is sorted by what its images show.
    chosen = [able[number * len(able) // count] for number in range(count)] if count < len(able) else able
    samples = [(one.samples[index], one, index) for one, index in chosen]
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


def _is_sample(found: _StoredSamples, index: int) -> bool:
    """Whether it can be measured on; shards hold samples only, and are not read for that."""
    return isinstance(found.samples, ShardFolder) or isinstance(found.samples[index], Sample)


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
        skip_faults: leave faulty records of data sets out, with a warning; otherwise the first is an error.
    """

    sources: tuple[Rendered | Stored, ...]
    answers: AnswerConfig = field(default_factory=AnswerConfig)
    absent: tuple[str, ...] = ()
    curriculum: int = 0
    easiest: float = 0.0
    seed: int = 0
    skip_faults: bool = False

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
    def __init__(
        self,
        name: str,
        samples: Sequence[Sample | Dialogue] | ShardFolder,
        weight: float,
        absent: Sequence[str] = (),
    ):
        self.samples, self.absent = samples, absent  # images of samples stay on disk
        self.source = Source(name, len(samples), weight)

    def get(self, index: int, progress: float) -> Sample | Dialogue:
        return self.samples[index]

    def absent_from(self, index: int, sample: Sample | Dialogue) -> Sequence[str]:
        """Names that may be asked for as absent; shards know them by sample, since they mix data sets."""
        if isinstance(self.samples, ShardFolder) and isinstance(sample, Sample):
            return self.samples.absent(index, sample)
        return self.absent


def _open(config: Stored, splits: Sequence[str], *, skip_faults: bool) -> list[_StoredSamples]:
    """A data set; a recipe of conversations is several.

    Args:
        splits: where a data set knows its splits, the first of these that it has.
        skip_faults: leave faulty records out, and warn how many.

    Raises:
        DataError: a record is wrong, or none of the splits is there.
    """
    dataset = open_dataset(config.path, config.format, config.root)
    kind = dataset.format.name
    if kind in ("shards", "parquet"):
        return [_StoredSamples(config.path, ShardFolder(dataset.path), config.weight, dataset.absent)]
    faults = _Faults(config.path, skip=skip_faults)
    if kind == "recipe":
        found = list(recipe.read_for_training(dataset.path, dataset.root, faults))
        whole = sum(weight for _, _, weight, _ in found) or 1.0
        sets = [
            _StoredSamples(f"{config.path}: {name}", samples, config.weight * weight / whole)
            for name, _, weight, samples in found
        ]
        _warn_of_settings(config.path, [entry for _, entry, _, _ in found])
    else:
        samples: list[Sample | Dialogue] = (
            list(chat_samples.read_for_training(dataset.path, dataset.root, faults))
            if kind == "jsonl"
            else _of_split(list(dataset.samples(faults)), splits, config.path)
        )
        sets = [_StoredSamples(config.path, samples, config.weight, dataset.absent)]
    faults.warn()
    return sets


class _Faults:
    """The report of a data set that is learnt from or measured on."""

    def __init__(self, path: str, *, skip: bool):
        self.path, self.skip, self.found = path, skip, list[Fault]()

    def __call__(self, fault: Fault) -> None:
        if not self.skip:
            raise DataError(
                f"{fault}; 'locany data check {self.path}' lists all that is wrong; mend it, or leave such "
                "records out with data.skip_faults=true"
            )
        self.found.append(fault)

    def warn(self) -> None:
        if self.found:
            warnings.warn(
                f"{self.path}: {len(self.found)} faults, their records are left out; the first: "
                f"{self.found[0]}",
                stacklevel=2,
            )


def _of_split(samples: list[Sample], wanted: Sequence[str], path: str) -> list[Sample | Dialogue]:
    """The samples of a split, where all know theirs (YOLO); else all."""
    known = {str(sample.provenance.get("split", "")) for sample in samples}
    if not known or "" in known:
        return list(samples)
    chosen = next((name for name in wanted if name in known), None)
    if chosen is None:
        raise DataError(
            f"{path}: its images are those of {' and '.join(sorted(known))}, none of {' or '.join(wanted)}; "
            "name images for it in data.yaml"
        )
    return [sample for sample in samples if sample.provenance["split"] == chosen]


def _warn_of_settings(path: str, entries: Sequence[RecipeEntry]) -> None:
    named = {"data_augment": any(e.data_augment for e in entries)}
    named["visual_prompt"] = any(e.visual_prompt for e in entries)
    if asked := [name for name, is_set in named.items() if is_set]:
        warnings.warn(
            f"{path}: {' and '.join(asked)} of the published recipe are not done here; samples are learnt "
            "from as they are",
            stacklevel=2,
        )


def _check(sets: Sequence[_RenderedSamples | _StoredSamples], config: DataConfig) -> None:
    """Refuse data that teach nothing, and warn of data sets that teach less than it seems.

    Of shards a few samples are looked at: `locany data build` has seen every one, and they are too large to
    read twice.

    Raises:
        DataError: there is no target at all, or none that may be asked for.
    """
    stored = [s for s in sets if isinstance(s, _StoredSamples) and not isinstance(s.samples, ShardFolder)]
    if not config.absent and any(config.answers.negative_rate.values()):
        for found in sets:
            if isinstance(found, _StoredSamples) and isinstance(found.samples, ShardFolder):
                _warn_of_shards(found.source.name, found.samples)
    asked = sum([_warn(found, config) for found in stored])
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
    asked = [q for n in looked_at for q in samples[n].questions if q.task.takes_categories]
    if asked and all(set(q.task.categories) == {target.label for target in q.targets} for q in asked):
        warnings.warn(
            f"{name}: these shards do not say which categories their images were annotated for, and none of "
            f"{len(looked_at)} samples asks for something that is absent, so no negatives are learnt; make "
            "them anew, or give names that no image shows (data.absent='[car, dog]')",
            stacklevel=2,
        )


def _warn(found: _StoredSamples, config: DataConfig) -> int:
    """Warn of images that cannot be asked about, and of negatives that cannot be made.

    Returns:
        How many images have a target that can be asked for.
    """
    name, rules = found.source.name, config.answers
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
    shown = {target.label.lower() for sample in samples for target in sample.objects}
    alone = len(shown) == 1 == len(found.absent) and all(fewest) and len(samples) == len(every)
    if alone and not config.absent and any(rules.negative_rate.values()):
        warnings.warn(
            f"{name}: every image shows {next(iter(shown))!r} and there is no other name, so nothing teaches "
            "to answer that something is absent; add images without it, or names that no image shows "
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


class SampleStream:
    """The sample at a position of the training stream, with the questions of this time: always the same one.

    Raises:
        DataError: a data set is empty, has a fault, or is in no known format.
    """

    def __init__(self, config: DataConfig):
        self.config = config
        self.sets: list[_RenderedSamples | _StoredSamples] = []
        for source in config.sources:
            if isinstance(source, Rendered):
                self.sets.append(_RenderedSamples(source))
            else:
                self.sets += _open(source, ("train",), skip_faults=config.skip_faults)
        self.mixture = Mixture([found.source for found in self.sets], config.seed)
        _check(self.sets, config)

    def __call__(self, position: int) -> Sample | Dialogue:
        config, draw = self.config, self.mixture(position)
        found = self.sets[draw.source]
        progress = min(1.0, position / config.curriculum) if config.curriculum else 1.0
        sample = found.get(draw.index, config.easiest + (1 - config.easiest) * progress)
        if isinstance(sample, Dialogue):
            return sample
        # Two sources have samples of the same number; each has chances of its own.
        chance = (config.seed * len(self.sets) + draw.source, draw.index, draw.epoch)
        absent: Sequence[str] = ()
        if isinstance(found, _StoredSamples):
            absent = (*found.absent_from(draw.index, sample), *config.absent)
        return _asked(sample, config.answers, chance, absent)
