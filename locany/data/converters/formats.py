"""The formats by name: how each is recognised, read and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from locany.data.converters.faults import RecordError, Report, refuse
from locany.data.converters.files import parse_json, read_json, read_lines
from locany.data.sample import Sample
from locany.errors import DataError

if TYPE_CHECKING:
    from locany.data.converters.chat import ChatRecord


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        name: what it is called in commands.
        summary: what its path is, in a few words.
        module: where it is read and written; loaded when it is needed.
        has_categories: whether it lists the categories that its images were annotated for.
        is_exhaustive: whether a category of that list that an image has no box of is absent from it.
        has_splits: whether its samples know which of train, val and test they are of.
        has_lines: whether it is conversations, which may be more than samples can hold.
    """

    name: str
    summary: str
    module: str
    has_categories: bool = False
    is_exhaustive: bool = False
    has_splits: bool = False
    has_lines: bool = False

    def load(self) -> ModuleType:
        """Its module: `read(path, root, report)`, and where it can be written, `write(samples, path)`."""
        return import_module(f"locany.data.converters.{self.module}")


FORMATS: Mapping[str, Format] = {
    f.name: f
    for f in (
        Format("jsonl", "conversations, one JSON object a line", "chat_samples", has_lines=True),
        Format("recipe", "a JSON object of data sets of conversations", "recipe", has_lines=True),
        Format("coco", "a JSON file of images, annotations and categories", "coco", True, True),
        Format("lvis", "as coco, with the categories checked for each image", "lvis", True, False),
        Format("yolo", "a folder with data.yaml, or that file", "yolo", True, True, True),
        Format("voc", "a folder of Pascal VOC XML files", "voc", True, True),
        Format("labelme", "a folder of LabelMe JSON files", "labelme", True, True),
        Format("refer", "a JSON list of expressions with boxes, as RefCOCO", "refer"),
        Format("screenspot", "a JSON list of instructions with boxes, as ScreenSpot", "screenspot"),
        Format("answers", "the JSON that locany detect --json and its sisters print", "json_answers", True),
        Format("shards", "a folder of tar shards, or one of them", "shard_files"),
        Format("parquet", "a folder of Parquet shards, or one of them", "parquet_files"),
    )
}

_SHARDS = {".tar": "shards", ".parquet": "parquet"}


@dataclass(frozen=True)
class Dataset:
    """A data set on disk.

    Attributes:
        path: its file or folder.
        format: its format.
        root: the folder that image paths are relative to; None for the default of the format.
        categories: everything its images were annotated for, in its own order; empty for data sets of
            phrases.
        split: the one of its splits that is read; None for all.
    """

    path: Path
    format: Format
    root: Path | None = None
    categories: tuple[str, ...] = ()
    split: str | None = None

    @property
    def absent(self) -> tuple[str, ...]:
        """Names that are absent from an image that has no box of them: what negatives may be drawn from.

        Empty where images are not annotated exhaustively (LVIS lists what is absent for each image, and its
        questions ask for that already).
        """
        return self.categories if self.format.is_exhaustive else ()

    def samples(self, report: Report = refuse) -> Iterator[Sample]:
        """Its samples, one at a time, images not decoded.

        Args:
            report: takes each fault; the record is then left out. By default the first fault is an error.

        Raises:
            DataError: a record is wrong; the message names file and line or record.
        """
        read = self.format.load().read
        if self.split is None:
            return read(self.path, self.root, report)
        return read(self.path, self.root, report, self.split)

    def lines(self, base: Path, report: Report = refuse) -> Iterator[ChatRecord]:
        """Its conversations word for word, whether or not a sample can hold them.

        Args:
            base: the folder that their images are to be named relative to.
            report: see `samples`.

        Raises:
            DataError: a record is wrong, or the format holds no conversations (`Format.has_lines`).
        """
        if not self.format.has_lines:
            raise DataError(f"{self.path} is {self.format.name}, which holds no conversations")
        return self.format.load().lines(self.path, self.root, report, base)


def open_dataset(
    path: str | Path,
    format: str | None = None,
    root: str | Path | None = None,
    split: str | None = None,
) -> Dataset:
    """Recognise a data set and read its categories.

    Args:
        path: a file or folder.
        format: its name in `FORMATS`; recognised if None.
        root: the folder that image paths are relative to; by default where the format expects images.
        split: "train", "val" or "test", to read only that one of a format that knows splits (YOLO).

    Raises:
        DataError: there is no such path, no format fits, or the format knows no splits.
    """
    path = Path(path)
    chosen = find_format(path, format, split)
    categories = chosen.load().categories(path) if chosen.has_categories else ()
    return Dataset(path, chosen, None if root is None else Path(root), categories, split)


def read_samples(
    path: str | Path, format: str | None = None, root: str | Path | None = None, report: Report = refuse
) -> Iterator[Sample]:
    """The samples of a data set in any format; see `open_dataset` and `Dataset.samples`.

    Raises:
        DataError: see there.
    """
    path = Path(path)
    chosen = find_format(path, format)
    return Dataset(path, chosen, None if root is None else Path(root)).samples(report)


def write_samples(
    samples: Iterable[Sample],
    path: str | Path,
    format: str,
    categories: Sequence[str] = (),
    absent: Sequence[str] | Mapping[str, Sequence[str]] = (),
) -> None:
    """Write samples in a format.

    Args:
        samples: what to write.
        path: the file, or for yolo, voc, labelme and shards an empty or new folder.
        format: its name in `FORMATS`.
        categories: for formats that list them, the list to start with; others are added as they occur.
        absent: for shards, names that are absent from an image without a box of them (`Dataset.absent`), or
            where that differs from sample to sample, lists of them (`ShardFolder.absent_lists`).

    Raises:
        DataError: the format cannot be written or cannot hold a sample.
    """
    module = _by_name(format).load()
    if not hasattr(module, "write"):
        raise DataError(f"{format} cannot be written; these can: {', '.join(writable())}")
    if FORMATS[format].has_categories:
        module.write(samples, Path(path), categories)
    elif format in _SHARDS.values():
        module.write(samples, Path(path), absent)
    else:
        module.write(samples, Path(path))


def writable() -> tuple[str, ...]:
    """Names of the formats that can be written."""
    return tuple(name for name in FORMATS if name not in ("recipe", "answers"))


def check_there(path: Path) -> None:
    """Raise DataError where nothing is at a path: the cheap part of `find_format`, which reads JSON files."""
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder; check the spelling")


def find_format(path: Path, format: str | None = None, split: str | None = None) -> Format:
    """The format by name, or else by what lies at `path`; one that knows splits if one is asked for.

    Raises:
        DataError: nothing is there, no format fits, or the format knows no splits.
    """
    check_there(path)
    name = format
    if name is None:
        name = _of_folder(path) if path.is_dir() else _of_file(path)
    if name is None:
        raise DataError(f"{path}: its format is not recognised; name it, one of: {listing()}")
    found = _by_name(name)
    if split is not None and not found.has_splits:
        known = ", ".join(f.name for f in FORMATS.values() if f.has_splits)
        raise DataError(f"{path} is {name}, which knows no splits ({known} does); leave {split!r} out")
    return found


def listing() -> str:
    """Every format and what its path is, for messages."""
    return ", ".join(f"{f.name} ({f.summary})" for f in FORMATS.values())


def _by_name(name: str) -> Format:
    if name not in FORMATS:
        raise DataError(f"there is no format {name!r}; there are: {listing()}")
    return FORMATS[name]


def _of_folder(path: Path) -> str | None:
    if any((path / name).is_file() for name in ("data.yaml", "data.yml", "dataset.yaml")):
        return "yolo"
    for suffix, name in _SHARDS.items():
        if next(path.glob(f"*{suffix}"), None):
            return name
    if next(path.glob("*.xml"), None) or next((path / "Annotations").glob("*.xml"), None):
        return "voc"
    # macOS adds "._a.json".
    files = (file for file in sorted(path.glob("*.json")) if not file.name.startswith("."))
    return "labelme" if any(_of_file(file) == "labelme" for file in files) else None


def _of_file(path: Path) -> str | None:
    suffix = path.suffix.lower()
    by_suffix = {".yaml": "yolo", ".yml": "yolo", ".xml": "voc", ".jsonl": "jsonl", **_SHARDS}
    if suffix in by_suffix:
        return by_suffix[suffix]
    try:
        return _of_json(read_json(path)) if suffix == ".json" else _of_first_line(path)
    except RecordError:
        return _of_first_line(path)


def _of_json(document: Any) -> str | None:
    if isinstance(document, list):
        return _of_list(document)
    if not isinstance(document, dict):
        return None
    if {"images", "annotations"} <= document.keys():
        lists_absent = {"neg_category_ids", "not_exhaustive_category_ids"}
        images = document["images"] if isinstance(document["images"], list) else []
        return "lvis" if any(isinstance(i, dict) and lists_absent & i.keys() for i in images) else "coco"
    if "shapes" in document:
        return "labelme"
    if "conversations" in document:
        return "jsonl"  # a single line
    if isinstance(document.get("refs"), list):
        return "refer"
    several = {"results", "errors"} <= document.keys()
    if several or "detections" in document or {"image", "error"} <= document.keys():
        return "answers"
    values = list(document.values())
    return "recipe" if values and all(isinstance(v, dict) and "annotation" in v for v in values) else None


def _of_list(records: list[Any]) -> str | None:
    first = next((r for r in records if isinstance(r, dict)), {})
    if "instruction" in first and {"img_filename", "file_name"} & first.keys():
        return "screenspot"
    return "refer" if {"sentences", "expression"} & first.keys() else None


def _of_first_line(path: Path) -> str | None:
    """Conversations in a file of another suffix."""
    with suppress(RecordError):
        first = next((parse_json(line) for _, line in read_lines(path) if line.strip()), None)
        return "jsonl" if isinstance(first, dict) and "conversations" in first else None
    return None
