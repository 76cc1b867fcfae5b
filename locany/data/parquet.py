"""Shards as Parquet: one row per sample, read by number, and by other tools as a table.

Columns: `key`; `image` (struct of `bytes` and `path`, what Hugging Face `datasets` takes for an image);
`record` (JSON, see `record.py`); and for queries `width`, `height`, `tasks`, `num_questions`, `num_targets`,
`num_negatives`, `num_objects`, `source`.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from locany.data.entry import Entry, checked_entry
from locany.errors import DataError, MissingExtraError

ROWS_PER_GROUP = 32  # what is read to get at one sample
_NUMBERS = ("width", "height", "num_questions", "num_targets", "num_negatives", "num_objects")
_WORDS = ("key", "record", "source")


def parquet_bytes(entries: list[Entry]) -> bytes:
    """A Parquet file; equal entries give equal bytes (with one version of pyarrow).

    Raises:
        DataError: a key comes twice.
        MissingExtraError: pyarrow is not installed.
    """
    pyarrow, parquet = _pyarrow()
    if len({entry.key for entry in entries}) < len(entries):
        raise DataError("a key comes twice in one shard; keys are unique")
    table = pyarrow.Table.from_pylist([_row(entry) for entry in entries], schema=_schema(pyarrow))
    stream = io.BytesIO()
    parquet.write_table(
        table,
        stream,
        row_group_size=ROWS_PER_GROUP,
        compression=_compression(),
        use_dictionary=["source"],
        write_statistics=False,
        write_page_checksum=True,
    )
    return stream.getvalue()


class ParquetShard:
    """The entries of one Parquet shard by number; the row group last read is kept.

    Raises:
        DataError: the file is damaged or is no shard of ours.
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, path: Path):
        pyarrow, parquet = _pyarrow()
        self.path = path
        self._errors = (pyarrow.ArrowException, OSError)
        try:
            self._file = parquet.ParquetFile(path, page_checksum_verification=True)
        except self._errors as error:
            raise DataError(f"{path} is damaged or is no Parquet file: {error}") from error
        missing = {"key", "image", "record"} - set(self._file.schema_arrow.names)
        if missing:
            raise DataError(
                f"{path} is no shard of samples: it lacks the columns {', '.join(sorted(missing))}"
            )
        self._starts = [0]
        for group in range(self._file.num_row_groups):
            self._starts.append(self._starts[-1] + self._file.metadata.row_group(group).num_rows)
        self._kept: tuple[int, list[dict[str, Any]]] = (-1, [])

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> Entry:
        group = next(g for g in range(len(self._starts) - 1) if index < self._starts[g + 1])
        if self._kept[0] != group:
            first, last = self._starts[group], self._starts[group + 1] - 1
            try:
                rows = self._file.read_row_group(group, columns=["key", "image", "record"]).to_pylist()
            except (*self._errors, UnicodeDecodeError) as error:
                raise DataError(f"{self.path} is damaged in its rows {first} to {last}: {error}") from error
            self._kept = (group, rows)
        row = self._kept[1][index - self._starts[group]]
        image = (row["image"] or {}).get("bytes")
        if row["key"] is None or image is None or row["record"] is None:
            raise DataError(f"{self.path}: row {index} ({row['key']}) lacks its key, image or record")
        return checked_entry(self.path, row["key"], image, row["record"].encode())


def _row(entry: Entry) -> dict[str, Any]:
    record = json.loads(entry.record)
    questions = record["questions"]
    width, height = record["size_wh"]
    return {
        "key": entry.key,
        "image": {"bytes": entry.image, "path": f"{entry.key}.{entry.suffix}"},
        "record": entry.record.decode(),
        "width": width,
        "height": height,
        "tasks": [question["task"]["kind"] for question in questions],
        "num_questions": len(questions),
        "num_targets": sum(len(question["targets"]) for question in questions),
        "num_negatives": sum(not question["targets"] for question in questions),
        "num_objects": len(record.get("objects", ())),
        "source": str(record.get("provenance", {}).get("source", "")),
    }


def _schema(pyarrow: Any) -> Any:
    image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    columns = [
        ("key", pyarrow.string()),
        ("image", image),
        ("record", pyarrow.string()),
        ("tasks", pyarrow.list_(pyarrow.string())),
        ("source", pyarrow.string()),
        *((name, pyarrow.int32()) for name in _NUMBERS),
    ]
    return pyarrow.schema(columns, metadata={"huggingface": json.dumps(_features())})


def _features() -> dict[str, Any]:
    """How Hugging Face `datasets` is to take the columns."""
    word = {"dtype": "string", "_type": "Value"}
    return {
        "info": {
            "features": {
                "key": word,
                "image": {"_type": "Image"},
                "record": word,
                "tasks": {"feature": word, "_type": "List"},
                "source": word,
                **{name: {"dtype": "int32", "_type": "Value"} for name in _NUMBERS},
            }
        }
    }


def _compression() -> dict[str, str]:
    """By the path of a column as Parquet stores it: all but the image, which is compressed already."""
    return dict.fromkeys((*_WORDS, *_NUMBERS, "image.path", "tasks.list.element"), "ZSTD")


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "data", "Parquet shards") from None
    return pyarrow, pyarrow.parquet
