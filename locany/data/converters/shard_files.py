"""Our own shards (`data/shards.py`): what training reads. Everything of a sample survives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

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
    for shard in shards:
        try:
            if read_marker(shard) is not None:
                verify_shard(shard)
        except DataError as error:
            report(_fault(shard, error))
            continue
        yield from _samples(shard, report)


def write(samples: Iterable[Sample], path: Path, absent: Sequence[str] = ()) -> None:
    """Write samples into tar shards in a new folder; see `pack` for what becomes of images.

    Args:
        samples: what to write.
        path: the folder.
        absent: names that are absent from an image without a box of them; kept in the markers.

    Raises:
        DataError: the folder is not empty, or an image cannot be read.
    """
    write_shards(samples, path, ".tar", absent)


def write_shards(samples: Iterable[Sample], path: Path, suffix: str, absent: Sequence[str]) -> None:
    """`write`, with the suffix that says what kind of shard."""
    entries: list[Entry] = []
    more = {"absent": {"": list(absent)}} if absent else None
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
