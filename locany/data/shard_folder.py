"""The samples of a folder of shards by number, for a trainer that shuffles."""

from __future__ import annotations

import bisect
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from locany.data.category_lists import CategoryLists, marker_lists
from locany.data.entry import Entry, checked_entry, unpack
from locany.data.sample import Sample
from locany.data.shards import read_marker, shard_paths
from locany.errors import DataError


class ShardFolder:
    """The samples of a folder of shards (or of one shard) by number, without reading more than is asked.

    It can be sent to other processes. Tar shards that have no marker, for example from elsewhere, are scanned
    once, file head by file head.

    Raises:
        DataError: there is no shard, or one is not what its marker says.
    """

    def __init__(self, path: Path):
        self.paths = shard_paths(Path(path))
        self._keys: list[list[str]] = []
        self._places: list[np.ndarray] = []
        self._open: tuple[int, Any] | None = None
        self._absent = CategoryLists([marker_lists(shard) for shard in self.paths])
        counts = []
        for shard in self.paths:
            if shard.suffix == ".parquet":
                from locany.data.parquet import ParquetShard

                counts.append(len(ParquetShard(shard)))
                self._keys.append([])
                self._places.append(np.zeros((0, 4), np.int64))
            else:
                keys, places = _index(shard)
                counts.append(len(keys))
                self._keys.append(keys)
                self._places.append(np.asarray(places, np.int64).reshape(-1, 4))
        self._ends = np.cumsum(counts).tolist()

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        entry, path = self._entry(index)
        return unpack(entry, str(path))

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": None}  # an open file does not travel

    def key(self, index: int) -> str:
        """The key of a sample."""
        return self._entry(index)[0].key

    def absent(self, index: int, sample: Sample) -> tuple[str, ...]:
        """Names that are absent from the image of a sample unless it has a box of them.

        They are the categories of the exhaustively annotated data set that the sample is from; empty where
        the shard says of none.
        """
        return self._absent.names(bisect.bisect_right(self._ends, index), sample)

    def absent_list(self, index: int, sample: Sample) -> str:
        """The name among `absent_lists` of the names that `absent` gives; "" where there are none."""
        return self._absent.name(bisect.bisect_right(self._ends, index), sample)

    @property
    def absent_lists(self) -> dict[str, tuple[str, ...]]:
        """Everything that `absent` gives, by name; see `category_lists.CategoryLists.by_name`."""
        return self._absent.by_name

    @property
    def absent_everywhere(self) -> tuple[str, ...]:
        """Names that `absent` gives for every sample."""
        return self._absent.common

    @property
    def knows_absent(self) -> bool:
        """Whether there are such names for any sample."""
        return any(self._absent.by_name.values())

    def _entry(self, index: int) -> tuple[Entry, Path]:
        shard = bisect.bisect_right(self._ends, index)
        row = index - (self._ends[shard - 1] if shard else 0)
        path = self.paths[shard]
        if path.suffix == ".parquet":
            return self._parquet(shard)[row], path
        image_at, image_size, record_at, record_size = (int(n) for n in self._places[shard][row])
        with open(path, "rb") as file:
            file.seek(image_at)
            image = file.read(image_size)
            file.seek(record_at)
            record = file.read(record_size)
        key = self._keys[shard][row]
        if len(record) < record_size:
            raise DataError(f"{path} is cut short: sample {key} is not all there")
        return checked_entry(path, key, image, record), path

    def _parquet(self, shard: int) -> Any:
        from locany.data.parquet import ParquetShard

        if self._open is None or self._open[0] != shard:
            self._open = (shard, ParquetShard(self.paths[shard]))
        return self._open[1]


def _index(path: Path) -> tuple[list[str], list[list[int]]]:
    """Keys and places of a tar shard: from its marker, else by scanning it."""
    marker = read_marker(path)
    if marker is not None and {"keys", "places"} <= marker.keys():
        if path.stat().st_size != marker["bytes"]:
            raise DataError(f"{path} has {path.stat().st_size} bytes, but {marker['bytes']} were written")
        return list(marker["keys"]), list(marker["places"])
    keys: list[str] = []
    places: list[list[int]] = []
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                if suffix != "json":
                    keys.append(key)
                    places.append([member.offset_data, member.size])
                elif keys and keys[-1] == key and len(places[-1]) == 2:
                    places[-1] += [member.offset_data, member.size]
                else:
                    raise DataError(f"{path}: {member.name} does not follow the image of its sample")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{path} is damaged: {error}") from error
    if any(len(place) != 4 for place in places):
        raise DataError(f"{path}: a sample has no record")
    return keys, places
