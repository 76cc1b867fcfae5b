"""Our own shards (`data/shards.py`): what training reads. Everything of a sample survives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from locany.data.category_lists import CategoryLists, marker_lists
from locany.data.converters.detection import sample_faults
from locany.data.converters.faults import Fault, FaultKind, RecordError, Report, refuse
from locany.data.converters.files import whole_folder
from locany.data.sample import Sample
from locany.data.shards import (
    Entry,
    pack,
    read_entries,
    read_marker,
    shard_paths,
    unpack,
    verify_shard,
    write_entries,
)
from locany.errors import DataError

SAMPLES_PER_SHARD = 256


def read(path: Path, root: Path | None = None, report: Report = refuse) -> Iterator[Sample]:
    """The samples of a shard, or of all shards of a folder by name. Shards with a marker are verified first.

    Where the markers of a folder differ in their lists of categories, provenance says which is a sample's
    (`category_lists.CategoryLists.mark`), so that `write` can hold all of them in one marker.

    Args:
        path: a .tar or .parquet file, or a folder of them.
        root: not used: images are inside.
        report: takes faults; by default the first one is an error.

    Raises:
        DataError: a shard is damaged, or a sample in it cannot be trained on.
    """
    try:
        shards = shard_paths(path)
    except DataError as error:
        report(_fault(path, error))
        return
    lists = CategoryLists([_lists(shard) for shard in shards])
    for number, shard in enumerate(shards):
        try:
            if read_marker(shard) is not None:
                verify_shard(shard)
        except DataError as error:
            report(_fault(shard, error))
            continue
        for sample in _samples(shard, report):
            yield lists.mark(number, sample)


def write(
    samples: Iterable[Sample], path: Path, absent: Sequence[str] | Mapping[str, Sequence[str]] = ()
) -> None:
    """Write samples into tar shards in a new folder; see `pack` for what becomes of images.

    Args:
        samples: what to write.
        path: the folder.
        absent: names that are absent from an image without a box of them, or lists of such by name
            (`ShardFolder.absent_lists`); kept in the markers.

    Raises:
        DataError: the folder is not empty, or an image cannot be read.
    """
    write_shards(samples, path, ".tar", absent)


def write_shards(
    samples: Iterable[Sample], path: Path, suffix: str, absent: Sequence[str] | Mapping[str, Sequence[str]]
) -> None:
    """`write`, with the suffix that says what kind of shard."""
    entries: list[Entry] = []
    lists = absent if isinstance(absent, Mapping) else {"": absent}
    known = any(lists.values())
    more = {"absent": {name: list(names) for name, names in lists.items()}} if known else None
    with whole_folder(path) as folder:
        for index, sample in enumerate(samples):
            entries.append(pack(f"{index:09d}", sample))
            if len(entries) == SAMPLES_PER_SHARD:
                number = index // SAMPLES_PER_SHARD
                write_entries(folder / f"shard-{number:05d}{suffix}", entries, more)
                entries = []
        if entries:
            number = index // SAMPLES_PER_SHARD
            write_entries(folder / f"shard-{number:05d}{suffix}", entries, more)


def _lists(shard: Path) -> dict[str, tuple[str, ...]]:
    """The lists in the marker of a shard; none if it is damaged, which is reported when its turn comes."""
    try:
        return marker_lists(shard)
    except DataError:
        return {}


def _samples(shard: Path, report: Report) -> Iterator[Sample]:
    entries = read_entries(shard)
    while True:
        try:
            entry = next(entries, None)
        except DataError as error:  # what follows in this shard cannot be found any more
            report(_fault(shard, error))
            return
        if entry is None:
            return
        faults: list[Fault]
        try:
            sample = unpack(entry, str(shard))
            faults = [fault.at(str(shard), record=f"sample {entry.key}") for fault in sample_faults(sample)]
        except DataError as error:
            faults = [_fault(shard, error)]
        for fault in faults:
            report(fault)
        if not faults:
            yield sample


def _fault(shard: Path, error: DataError) -> Fault:
    message = str(error).removeprefix(f"{shard}: ").removeprefix(f"{shard} ")
    return RecordError(FaultKind.UNREADABLE, message).at(str(shard))
