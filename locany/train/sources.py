"""Where samples come from: render engines, and data sets on disk."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from locany.data.converters import Fault, chat_samples, open_dataset, recipe
from locany.data.converters.formats import check_there
from locany.data.converters.recipe import RecipeEntry
from locany.data.dialogue import Dialogue
from locany.data.fingerprint import dataset_fingerprint
from locany.data.mixture import Source
from locany.data.repeats import Repeats, categories_of, repeat_factors
from locany.data.sample import Sample
from locany.data.shard_folder import ShardFolder
from locany.data.shards import read_marker
from locany.data.splits import of_split
from locany.errors import DataError
from locany.synth.renderer import engine
from locany.train.held_out import check_divided, divide

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

    def __post_init__(self) -> None:  # a config is kept as JSON, which knows no `Path`
        object.__setattr__(self, "path", str(self.path))
        object.__setattr__(self, "root", None if self.root is None else str(self.root))


def stored_paths(text: str) -> tuple[Stored, ...]:
    """Data sets from paths with commas between them."""
    return tuple(Stored(path.strip()) for path in text.split(",") if path.strip())


def located(
    sources: tuple[Rendered | Stored, ...], root: str | None, format: str | None
) -> tuple[Rendered | Stored, ...]:
    """Data sets that say no root or format of their own get these."""
    return tuple(
        replace(s, root=s.root or root, format=s.format or format) if isinstance(s, Stored) else s
        for s in sources
    )


class RenderedSamples:
    """What an engine draws, by number."""

    def __init__(self, config: Rendered):
        self.config = config
        self.settings = engine(config.engine).Config() if config.config is None else config.config
        self.source = Source(config.engine, None, config.weight)
        self.absent: Sequence[str] = ()  # engines ask for what is absent themselves

    def get(self, index: int, progress: float) -> Sample:
        return engine(self.config.engine).render(self.config.first_seed + index, self.settings, step=progress)


class StoredSamples:
    """The samples of a data set, by number; their images stay on disk."""

    def __init__(
        self,
        name: str,
        samples: Sequence[Sample | Dialogue] | ShardFolder,
        weight: float,
        absent: Sequence[str] = (),
    ):
        self.samples, self.absent = samples, absent
        self.source = Source(name, len(samples), weight)

    def get(self, index: int, progress: float) -> Sample | Dialogue:
        return self.samples[index]

    def divide(self, share: float, *, apart: bool) -> None:
        """Keep one side of `held_out.divide`.

        Raises:
            DataError: of shards, which are not read for that, or where nothing is left.
        """
        if isinstance(self.samples, ShardFolder):
            raise DataError(
                f"{self.source.name}: shards cannot be divided by data.held_out; give a data set to measure "
                "on (evaluation=PATH), or the annotation file that the shards were built from"
            )
        self.samples = divide(self.samples, share, apart=apart)
        check_divided(self.samples, self.source.name, share)
        self.source = replace(self.source, size=len(self.samples))

    def fingerprint(self) -> str:
        """Of its records in their order; of shards, which are too large to read twice, what markers say."""
        if not isinstance(self.samples, ShardFolder):
            return dataset_fingerprint(self.samples, len(self.samples))
        digest = hashlib.sha256()
        for path in self.samples.paths:
            marker = read_marker(path) or {"sha256": f"{path.name} {path.stat().st_size}"}
            digest.update(marker["sha256"].encode())
        return digest.hexdigest()

    def absent_from(self, index: int, sample: Sample | Dialogue) -> Sequence[str]:
        """Names that may be asked for as absent; shards know them by sample, since they mix data sets."""
        if isinstance(self.samples, ShardFolder) and isinstance(sample, Sample):
            return self.samples.absent(index, sample)
        return self.absent


def check_sources(sources: Sequence[Rendered | Stored]) -> None:
    """Raise DataError where a data set is not there, or what its images lie in: before a model is loaded."""
    for source in sources:
        if isinstance(source, Stored):
            check_there(Path(source.path))
            if source.root is not None and not Path(source.root).is_dir():
                raise DataError(
                    f"{source.path}: its images are to be found from {source.root}, which is no folder"
                )


def open_stored(config: Stored, splits: Sequence[str], *, skip_faults: bool) -> list[StoredSamples]:
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
        return [StoredSamples(config.path, ShardFolder(dataset.path), config.weight, dataset.absent)]
    faults = _Faults(config.path, skip=skip_faults)
    if kind == "recipe":
        found = list(recipe.read_for_training(dataset.path, dataset.root, faults))
        whole = sum(weight for _, _, weight, _ in found) or 1.0
        sets = [
            StoredSamples(f"{config.path}: {name}", samples, config.weight * weight / whole)
            for name, _, weight, samples in found
        ]
        _warn_of_settings(config.path, [entry for _, entry, _, _ in found])
    else:
        samples: list[Sample | Dialogue] = (
            list(chat_samples.read_for_training(dataset.path, dataset.root, faults))
            if kind == "jsonl"
            else list(of_split(list(dataset.samples(faults)), splits, config.path))
        )
        sets = [StoredSamples(config.path, samples, config.weight, dataset.absent)]
    faults.warn()
    return sets


def balance(sets: Sequence[RenderedSamples | StoredSamples], threshold: float) -> None:
    """Have samples with rare categories come more often, each data set for itself; see `data/repeats.py`.

    Data sets without categories stay as they are, with a warning. So do shards: every record of theirs would
    have to be read before the first step.

    Args:
        threshold: share of a data set's images that a category shall be as frequent as.

    Raises:
        DataError: there is no data set whose categories are known.
    """
    unknown = []
    for found in sets:
        if not isinstance(found, StoredSamples):
            continue
        samples = () if isinstance(found.samples, ShardFolder) else found.samples
        categories = [categories_of(one) if isinstance(one, Sample) else set[str]() for one in samples]
        if any(categories):
            found.source = replace(found.source, repeats=Repeats(repeat_factors(categories, threshold)))
        else:
            unknown.append(found.source.name)
    if not any(found.source.repeats for found in sets):
        raise DataError(
            f"recipe: data.balance={threshold} is for data sets with categories, and there is none "
            f"({', '.join(unknown) or 'no data set at all'}); of shards, phrases and free conversations none "
            "are known: give the annotation file that shards were built from, or set data.balance=0"
        )
    if unknown:
        warnings.warn(
            f"data.balance does nothing for {', '.join(unknown)}: of shards, phrases and free conversations "
            "no categories are known",
            stacklevel=2,
        )


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


def _warn_of_settings(path: str, entries: Sequence[RecipeEntry]) -> None:
    named = {"data_augment": any(e.data_augment for e in entries)}
    named["visual_prompt"] = any(e.visual_prompt for e in entries)
    if asked := [name for name, is_set in named.items() if is_set]:
        warnings.warn(
            f"{path}: {' and '.join(asked)} of the published recipe are not done here; samples are learnt "
            "from as they are",
            stacklevel=2,
        )
