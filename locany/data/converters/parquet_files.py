"""Our own shards as Parquet, which other tools read as a table; see `shard_files.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from locany.data.converters.shard_files import read, write_shards
from locany.data.sample import Sample

__all__ = ["read", "write"]


def write(
    samples: Iterable[Sample], path: Path, absent: Sequence[str] | Mapping[str, Sequence[str]] = ()
) -> None:
    """Write samples into Parquet shards in a new folder; see `shard_files.write`.

    Raises:
        DataError: the folder is not empty, or an image cannot be read.
        MissingExtraError: pyarrow is not installed.
    """
    write_shards(samples, path, ".parquet", absent)
