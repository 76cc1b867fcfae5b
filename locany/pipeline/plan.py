"""What is to be made, cut into parts: the same parts whoever makes them, wherever and in what order."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from locany.data.category_lists import Lists, join_lists, list_mark
from locany.data.entry import Entry, pack
from locany.data.sample import ImageRef, Sample
from locany.data.shard_folder import ShardFolder
from locany.data.shards import sha256, tar_bytes
from locany.errors import DataError, LocanyError
from locany.pipeline.config import BuildConfig, DatasetSource, RenderSource, config_of, find_engine
from locany.pipeline.dataset import absent_names, open_dataset
from locany.pipeline.steps import Drop, Item, Tally, run_steps

PART_SIZE = 32  # samples; what one worker makes at a time, and what a kill can cost


@dataclass(frozen=True)
class Plan:
    """A recipe with the sizes of its sources.

    Attributes:
        config: the recipe.
        sizes: samples of each source.
        num_items: samples to make, at most the sum of the sizes.
        absent: lists of names that are absent from an image without a box of them, by name, as the markers
            of the shards have them; see `data.category_lists`.
        list_names: for each source, what its own lists are called there. A data set that is no shards has
            one list, "", which is empty where images are not annotated exhaustively.
    """

    config: BuildConfig
    sizes: tuple[int, ...]
    num_items: int
    absent: Lists
    list_names: tuple[Mapping[str, str], ...]

    @property
    def num_parts(self) -> int:
        return -(-self.num_items // PART_SIZE)

    @property
    def asked(self) -> tuple[int, ...]:
        """Samples to make of each source."""
        sources, _ = _order(self.sizes, self.config.mixture)
        return tuple(np.bincount(sources[: self.num_items], minlength=len(self.sizes)).tolist())

    def part(self, number: int) -> list[tuple[int, int]]:
        """Source and position in it of each item of a part."""
        sources, positions = _order(self.sizes, self.config.mixture)
        first = number * PART_SIZE
        last = min(first + PART_SIZE, self.num_items)
        return list(zip(sources[first:last].tolist(), positions[first:last].tolist(), strict=True))


@dataclass(frozen=True)
class PartResult:
    """What came of a part.

    Attributes:
        number: of the part.
        content: a tar shard of the samples that passed all steps, keys "0", "1", ...
        facts: what is noted of it; see `make_part`.
    """

    number: int
    content: bytes
    facts: dict[str, Any]


def make_plan(config: BuildConfig, limit: int | None = None) -> Plan:
    """The plan of a recipe, of the first `limit` samples in the order of the mixture.

    Raises:
        DataError: an engine does not exist, a config is wrong, a data set cannot be read or is too small.
    """
    if limit is not None and limit < 1:
        raise DataError(f"the limit is at least 1 sample, got {limit}")
    sizes: list[int] = []
    absent: list[Lists] = []
    for source in config.sources:
        if isinstance(source, RenderSource):
            find_engine(source)
            sizes.append(source.num_samples)
            absent.append({"": ()})  # engines ask for what is absent themselves
        else:
            samples = open_source(source, lambda text: warnings.warn(text, stacklevel=2))
            _warn_of_splits(source, samples)
            found = len(samples)
            if found < (source.num_samples or 1):
                wanted = source.num_samples or "at least 1"
                raise DataError(f"the data set {source.path} has {found} samples, the recipe wants {wanted}")
            sizes.append(source.num_samples or found)
            if isinstance(samples, ShardFolder):
                absent.append(samples.absent_lists)
            else:
                absent.append({"": absent_names(source.path, source.format, source.root)})
    total = sum(sizes)
    lists, list_names = join_lists(absent, [source.name for source in config.sources])
    num_items = total if limit is None else min(limit, total)
    return Plan(config, tuple(sizes), num_items, lists, tuple(list_names))


def make_part(plan: Plan, number: int, on_item: Callable[[], None] = lambda: None) -> PartResult:
    """Make the samples of a part and take them through the steps; the same bytes wherever it runs.

    Args:
        plan: the plan.
        number: of the part.
        on_item: called after each item, whatever became of it.

    Raises:
        LocanyError: a sample cannot be made; source and seed are named.
    """
    tally = Tally()
    entries: list[Entry] = []
    fingerprints: list[str] = []
    items: list[list[Any]] = []
    sizes: list[list[int]] = []
    counts: dict[str, list[int]] = {}
    browsers: set[str] = set()
    last: Item | None = None

    def watched() -> Iterator[Item]:
        nonlocal last
        for item in _items(plan, number, tally):
            last = item
            yield item
            on_item()

    try:
        for item in run_steps(plan.config.steps, watched(), tally):
            sample = item.sample
            provenance = {**sample.provenance, "source": item.source}
            entries.append(pack(str(len(entries)), replace(sample, provenance=provenance)))
            fingerprints.append(item.fingerprint)
            items.append([item.source, item.number])
            sizes.append([len(sample.questions), sum(len(q.targets) for q in sample.questions)])
            count = counts.setdefault(item.source, [0, 0, 0])
            counts[item.source] = [a + b for a, b in zip(count, (1, *sizes[-1]), strict=True)]
            browsers |= {str(sample.provenance["browser"])} if "browser" in sample.provenance else set()
    except _SourceError:
        raise
    except DataError as error:
        assert last is not None, "only a step raises it, and steps are given items"
        raise DataError(f"source {last.source!r}, number {last.number}: {error}") from error
    content, _ = tar_bytes(entries)
    facts = {
        "samples": len(entries),
        "bytes": len(content),
        "sha256": sha256(content),
        "items": items,
        "sizes": sizes,
        "counts": counts,
        "fingerprints": fingerprints,
        "forwarded": dict(tally.forwarded),
        "removed_questions": dict(tally.removed_questions),
        "drops": [vars(drop) for drop in tally.drops],
        "browsers": sorted(browsers),
    }
    return PartResult(number, content, facts)


class _SourceError(DataError):
    """A sample could not be made; the message names it."""


def _items(plan: Plan, number: int, tally: Tally) -> Iterator[Item]:
    for source_index, position in plan.part(number):
        source = plan.config.sources[source_index]
        if isinstance(source, RenderSource):
            seed = source.first_seed + position
            try:
                sample = find_engine(source).render(seed, config_of(source), step=source.step)
            except DataError as error:
                raise _SourceError(f"source {source.name!r}, seed {seed}: {error}") from error
            except LocanyError:  # something is missing on this machine: no matter of the seed
                raise
            except Exception as error:
                what = f"{type(error).__name__}: {error}"
                raise RuntimeError(f"source {source.name!r}, seed {seed}: {what}") from error
            yield Item(source.name, seed, _with_list(plan, source_index, sample, ""))
            continue
        samples = _whole_source(source, plan.sizes[source_index])
        found: Sample | None = None
        try:
            found = samples[position]
            found.pixels()
        except LocanyError as error:
            # What people bring is not always whole: it is left out, and the manifest says so.
            detail = _detail(error, found, source.path)
            tally.drops.append(Drop(source.name, position, "read", "cannot be read", detail))
            continue
        own = samples.absent_list(position, found) if isinstance(samples, ShardFolder) else ""
        sample = replace(found, provenance=_without_place(found, source.path))
        sample = _with_list(plan, source_index, sample, own)
        is_exhaustive = bool(plan.absent.get(plan.list_names[source_index].get(own, "")))
        yield Item(source.name, position, sample, is_exhaustive=is_exhaustive)


def _with_list(plan: Plan, source_index: int, sample: Sample, own: str) -> Sample:
    """The sample with a mark of which list is its own, if its source will not say it.

    Args:
        own: what the list is called in the source.
    """
    name = plan.list_names[source_index].get(own, "")
    written = {**sample.provenance, "source": plan.config.sources[source_index].name}
    mark = list_mark(written, plan.absent, name)
    return replace(sample, provenance={**sample.provenance, **mark}) if mark else sample


def open_source(
    source: DatasetSource, note: Callable[[str], None] = lambda text: None
) -> Sequence[Sample] | ShardFolder:
    """The data set of a source; see `open_dataset`."""
    return open_dataset(
        source.path, source.format, source.root, source.split, skip_faults=source.skip_faults, note=note
    )


def _warn_of_splits(source: DatasetSource, samples: Sequence[Sample] | ShardFolder) -> None:
    """Warn of splits that flow together; shards are not looked at, since that would read all of them."""
    if isinstance(samples, ShardFolder):
        return
    splits = Counter(str(sample.provenance.get("split", "none")) for sample in samples)
    if len(splits) > 1:
        found = ", ".join(f"{name} ({number:,})" for name, number in splits.items())
        warnings.warn(
            f"source {source.name!r}: images of several splits are built together: {found}; to take one of "
            'them, name it: DatasetSource(..., split="train")',
            stacklevel=2,
        )


def _whole_source(source: DatasetSource, size: int) -> Sequence[Sample] | ShardFolder:
    """The data set of a source, as it was planned.

    Raises:
        DataError: this machine has another one or none. Left out sample by sample, it would be missing from
            a build that says it is complete.
    """
    try:
        samples = open_source(source)
    except DataError as error:
        raise _SourceError(f"source {source.name!r}: {error}") from error
    if len(samples) < size:
        raise _SourceError(
            f"source {source.name!r}: {source.path} has {len(samples)} samples here, but {size} where the "
            "build was planned; give every machine the same files"
        )
    return samples


def _detail(error: LocanyError, sample: Sample | None, dataset: Path) -> str:
    """The message with files named as in `_without_place`."""
    text = str(error)
    if sample is not None and isinstance(sample.image, ImageRef) and isinstance(sample.image.source, Path):
        text = text.replace(str(sample.image.source), _relative(sample.image.source, dataset))
    return text.replace(f"{dataset.parent}{os.sep}", "")


def _relative(path: Path, dataset: Path) -> str:
    inside = path.is_relative_to(dataset.parent)
    return path.relative_to(dataset.parent).as_posix() if inside else path.name


def _without_place(sample: Sample, dataset: Path) -> dict[str, Any]:
    """The provenance with files named relative to where the data set lies: the same on every machine."""
    found = dict(sample.provenance)
    for name, value in found.items():
        if isinstance(value, str) and os.path.isabs(value):
            found[name] = _relative(Path(value), dataset)
    return found


@lru_cache(maxsize=4)
def _order(sizes: tuple[int, ...], mixture: str) -> tuple[np.ndarray, np.ndarray]:
    """Source and position in it of every item of a build, in order."""
    sources = np.repeat(np.arange(len(sizes)), sizes)
    positions = np.concatenate([np.arange(size) for size in sizes])
    if mixture == "interleaved":
        # Each source is spread evenly over the whole.
        when = np.concatenate([(np.arange(size) + 0.5) / size for size in sizes])
        order = np.lexsort((sources, when))
        sources, positions = sources[order], positions[order]
    return sources, positions
