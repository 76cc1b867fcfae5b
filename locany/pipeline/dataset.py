"""Data sets that exist already, by position: our shards, or any format that the converters read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from locany.data.record import sample_to_json
from locany.data.sample import Sample
from locany.data.shard_folder import ShardFolder
from locany.data.shards import SUFFIXES
from locany.errors import DataError


@lru_cache(maxsize=8)
def open_dataset(
    path: Path, format: str | None = None, root: Path | None = None
) -> Sequence[Sample] | ShardFolder:
    """The samples of a data set by position; images are not read yet.

    Args:
        path: a file or folder.
        format: its name among the converters' formats; recognised if None.
        root: the folder that image paths are relative to; None for the default of the format.

    Raises:
        DataError: there is none at this path, or it is faulty.
    """
    is_shards = path.suffix in SUFFIXES or any(any(path.glob(f"*{suffix}")) for suffix in SUFFIXES)
    if is_shards and format in (None, "shards", "parquet"):
        return ShardFolder(path)
    from locany.data.converters import read_samples

    samples = list(read_samples(path, format, root))
    if not samples:
        raise DataError(f"{path}: there is no sample in it")
    return samples


def dataset_fingerprint(samples: Sequence[Sample] | ShardFolder, num_samples: int) -> str:
    """SHA-256 over the first records of a data set: what tells one from another without naming a path."""
    digest = hashlib.sha256()
    for index in range(num_samples):
        record = sample_to_json(samples[index])
        record.pop("provenance", None)  # may name files of this machine
        digest.update(json.dumps(record, sort_keys=True).encode())
    return digest.hexdigest()


def spread_over(total: int, count: int) -> list[int]:
    """At most `count` positions, evenly over `total`."""
    count = min(count, total)
    return [i * total // count for i in range(count)]
