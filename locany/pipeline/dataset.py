"""Data sets that exist already, by position: our shards, or any format that the converters read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from locany.data.sample import Sample
from locany.data.shard_folder import ShardFolder
from locany.data.shards import SUFFIXES
from locany.errors import DataError


def open_dataset(
    path: Path,
    format: str | None = None,
    root: Path | None = None,
    split: str | None = None,
    *,
    skip_faults: bool = False,
    note: Callable[[str], None] = lambda text: None,
) -> Sequence[Sample] | ShardFolder:
    """The samples of a data set by position; images are not read yet.

    Questions that conversations ask about one image on several lines are one sample. Conversations that are
    no sample are passed over.

    Args:
        path: a file or folder.
        format: its name among the converters' formats; recognised if None.
        root: the folder that image paths are relative to; None for the default of the format.
        split: "train", "val" or "test", to read only that one of a format that knows splits (YOLO).
        skip_faults: leave faulty records out instead of refusing the data set.
        note: is told what is left out.

    Raises:
        DataError: there is none at this path, or it is faulty.
    """
    samples, notes = _read(path, format, root, split, skip_faults)
    for text in notes:
        note(f"{path}: {text}")
    return samples


@cache  # builds take samples from all their sources in turn
def _read(
    path: Path, format: str | None, root: Path | None, split: str | None, skip_faults: bool
) -> tuple[Sequence[Sample] | ShardFolder, tuple[str, ...]]:
    """The samples, and what there is to note of them."""
    is_shards = path.suffix in SUFFIXES or any(any(path.glob(f"*{suffix}")) for suffix in SUFFIXES)
    if is_shards and split is None and format in (None, "shards", "parquet"):
        return ShardFolder(path), ()
    from locany.data.converters import Dataset, Fault, FaultKind, find_format, refuse
    from locany.data.converters.detection import one_per_image
    from locany.data.converters.faults import passed_over

    plain: list[Fault] = []
    faults: list[Fault] = []

    def report(fault: Fault) -> None:
        if fault.kind is FaultKind.NO_SAMPLE:  # a good conversation, which only training takes
            plain.append(fault)
        elif skip_faults:
            faults.append(fault)
        else:
            refuse(fault)

    dataset = Dataset(path, find_format(path, format, split), root, split=split)
    samples = list(one_per_image(dataset.samples(report)))
    notes = []
    if plain:
        notes.append(passed_over(plain))
    if faults:
        notes.append(f"{len(faults)} faults, their records are left out; the first: {faults[0]}")
    if not samples:
        raise DataError("; ".join([f"{path}: there is no sample in it", *notes]))
    return samples, tuple(notes)


def absent_names(path: Path, format: str | None = None, root: Path | None = None) -> tuple[str, ...]:
    """Names that are absent from an image of a data set without a box of them; see `Dataset.absent`.

    Shards know it by sample instead; see `ShardFolder.absent`.
    """
    from locany.data.converters import open_dataset

    return open_dataset(path, format, root).absent


def spread_over(total: int, count: int) -> list[int]:
    """At most `count` positions, evenly over `total`."""
    count = min(count, total)
    return [i * total // count for i in range(count)]
