"""Samples in shards: tar files as WebDataset reads them, or Parquet (`parquet.py`).

    write_shard(Path("shard-00000.tar"), [("000000000", sample), ...])
    for sample in read_shards(Path("folder")): ...

By number they are read by `shard_folder.ShardFolder`.

In a tar shard a sample is two files of one name, its key: `KEY.jpg` (or .png, .webp), the image as encoded,
and `KEY.json` with the record (`record.py`). Equal samples give equal bytes. Beside a shard lies its marker,
`shard-00000.tar.json`, written last: number of samples, size and SHA-256 of the shard, and where each sample
begins. A shard is never half there under its name.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from locany.data.entry import Entry, checked_entry, pack, unpack
from locany.data.sample import Sample
from locany.errors import DataError
from locany.files import write_whole

SUFFIXES = (".tar", ".parquet")
_BLOCK = 512  # bytes; what a tar file is made of
_MARKER = ".json"


def tar_bytes(entries: Iterable[Entry]) -> tuple[bytes, list[list[int]]]:
    """A tar shard, and for each entry where image and record lie: [offset, size, offset, size] in bytes."""
    stream = io.BytesIO()
    places: list[list[int]] = []
    seen: set[str] = set()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for entry in entries:
            if entry.key in seen:
                raise DataError(f"the key {entry.key!r} comes twice in one shard; keys are unique")
            seen.add(entry.key)
            place: list[int] = []
            for suffix, content in ((entry.suffix, entry.image), ("json", entry.record)):
                member = tarfile.TarInfo(f"{entry.key}.{suffix}")  # its defaults know neither time nor owner
                member.size = len(content)
                place += [stream.tell() + _BLOCK, len(content)]
                tar.addfile(member, io.BytesIO(content))
            places.append(place)
    return stream.getvalue(), places


def write_shard(path: Path, samples: Iterable[tuple[str, Sample]]) -> dict[str, Any]:
    """Write a tar or Parquet shard (by the suffix of `path`) and its marker; all of it, or nothing.

    Returns:
        What the marker says.

    Raises:
        DataError: see `pack`; or the suffix is unknown.
    """
    return write_entries(path, [pack(key, sample) for key, sample in samples])


def write_entries(path: Path, entries: list[Entry], more: dict[str, Any] | None = None) -> dict[str, Any]:
    """Write entries as `write_shard` does; `more` are further fields of the marker.

    One that readers know is "absent": lists of names that are absent from an image without a box of them; see
    `category_lists.py` for which list is whose.
    """
    places = None
    if path.suffix == ".tar":
        content, places = tar_bytes(entries)
    elif path.suffix == ".parquet":
        from locany.data.parquet import parquet_bytes

        content = parquet_bytes(entries)
    else:
        raise DataError(f"{path}: a shard is a .tar or a .parquet file")
    marker: dict[str, Any] = {"samples": len(entries), "bytes": len(content), "sha256": sha256(content)}
    if places is not None:
        marker |= {"keys": [entry.key for entry in entries], "places": places}
    marker |= more or {}
    write_whole(path, content)
    write_whole(marker_of(path), json_bytes(marker))
    return marker


def read_shards(path: Path, *, verify: bool = False) -> Iterator[Sample]:
    """The samples of a shard, or of all shards of a folder in the order of their names.

    Args:
        path: a shard or a folder of shards.
        verify: first compare each shard with the SHA-256 in its marker, which sees any damage.

    Raises:
        DataError: a shard is damaged, cut short or mixed up; file and key are named.
    """
    for shard in shard_paths(path):
        if verify:
            verify_shard(shard)
        for entry in read_entries(shard):
            yield unpack(entry, str(shard))


def read_entries(path: Path) -> Iterator[Entry]:
    """The entries of one shard, in order.

    Raises:
        DataError: see `read_shards`.
    """
    if path.suffix == ".parquet":
        from locany.data.parquet import ParquetShard

        shard = ParquetShard(path)
        for index in range(len(shard)):
            yield shard[index]
        return
    image: tuple[str, bytes] | None = None
    for name, content in _members(path):
        key, _, suffix = name.partition(".")
        if image is None:
            if suffix == "json":
                raise DataError(f"{path}: sample {key} has no image before its record")
            image = (key, content)
        elif key != image[0] or suffix != "json":
            raise DataError(f"{path}: sample {image[0]} is followed by {name}, expected {image[0]}.json")
        else:
            yield checked_entry(path, key, image[1], content)
            image = None
    if image is not None:
        raise DataError(f"{path}: sample {image[0]} has an image, but the shard ends before its record")


def verify_shard(path: Path) -> None:
    """Compare a shard with its marker.

    Raises:
        DataError: there is no marker, or the shard is not what was written.
    """
    marker = read_marker(path)
    if marker is None:
        raise DataError(f"{path} has no marker {marker_of(path).name}, so it cannot be verified")
    if path.stat().st_size != marker["bytes"]:
        raise DataError(f"{path} has {path.stat().st_size} bytes, but {marker['bytes']} were written")
    if sha256(path.read_bytes()) != marker["sha256"]:
        raise DataError(f"{path} is damaged: its SHA-256 is not the one in {marker_of(path).name}")


def shard_paths(path: Path) -> list[Path]:
    """The shard itself, or the shards in a folder by name.

    Raises:
        DataError: there is none.
    """
    if path.is_file() and path.suffix in SUFFIXES:
        return [path]
    found = sorted(p for p in path.glob("*") if p.suffix in SUFFIXES) if path.is_dir() else []
    if not found:
        raise DataError(
            f"{path}: no shards here; expected a folder with .tar or .parquet files, or one of them"
        )
    return found


def marker_of(path: Path) -> Path:
    """Where the marker of a shard lies."""
    return path.with_name(path.name + _MARKER)


def read_marker(path: Path) -> dict[str, Any] | None:
    """What the marker of a shard says, or None if there is none.

    Raises:
        DataError: the marker is damaged.
    """
    marker = marker_of(path)
    if not marker.is_file():
        return None
    try:
        fields: dict[str, Any] = json.loads(marker.read_bytes())
        if not {"samples", "bytes", "sha256"} <= fields.keys():
            raise ValueError("fields are missing")
    except (ValueError, AttributeError) as error:
        raise DataError(f"{marker} is damaged ({error}); delete it together with its shard") from error
    return fields


def make_folder(path: Path) -> None:
    """Make a folder for what is to be written, unless it is there.

    Raises:
        DataError: it cannot be made, or something else has its name.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{path}: no folder can be made here ({error.strerror}); choose another place"
        ) from error


def json_bytes(value: Any) -> bytes:
    """JSON for people and machines, the same bytes for the same value."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def sha256(content: bytes) -> str:
    """As 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file of a tar, which has to be whole."""
    last = "its start"
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isfile() else None
                if file is None:
                    raise DataError(f"{path}: {member.name!r} is no file; a shard holds images and records")
                yield member.name, file.read()
                last = member.name
            end = tar.offset
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{path} is damaged or cut short after {last}: {error}") from error
    with open(path, "rb") as stream:
        stream.seek(end)
        tail = stream.read()
    if len(tail) < 2 * _BLOCK or tail.strip(b"\0"):  # tarfile takes any nonsense between files for the end
        raise DataError(f"{path} is cut short or damaged after {last}: the end of the tar file is missing")
