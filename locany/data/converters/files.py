"""What every converter does with files: read them or say why not, write them whole or not at all."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from locany.data.converters.faults import FaultKind, RecordError
from locany.errors import DataError


def read_text(path: Path) -> str:
    """The whole file, UTF-8, with or without a byte order mark.

    Raises:
        RecordError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise _unreadable("there is no such file") from None
    except (OSError, ValueError) as error:  # a folder, no permission, no UTF-8
        raise _unreadable(f"the file cannot be read as UTF-8 text: {_reason(error)}") from None


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line without its end), one at a time; bytes, so that one bad line spoils no other.

    Raises:
        RecordError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, line.rstrip(b"\r\n")
    except FileNotFoundError:
        raise _unreadable("there is no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unreadable(f"the file cannot be read: {_reason(error)}") from None


def parse_json(text: str | bytes) -> Any:
    """JSON, strictly: a key that stands twice, NaN, infinite numbers and half characters are refused.

    Raises:
        RecordError: it is not JSON.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        value = json.loads(
            text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant, parse_float=_finite
        )
        if "\\ud" in text.lower():  # half of a pair of escapes is no character, and cannot be written again
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except UnicodeDecodeError as error:
        raise _unreadable(f"not UTF-8 text: {error}") from None
    except UnicodeEncodeError:
        raise _unreadable("not Unicode: an escape such as \\ud83d without its other half") from None
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"not JSON: {error}") from None


def read_json(path: Path) -> Any:
    """A JSON file; see `parse_json`."""
    return parse_json(read_text(path))


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name only when all of it is on the disk.

    Raises:
        DataError: it cannot be written, or something else than a file has its name.
    """
    refuse_other_than_file(path)
    beside = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({_reason(error)}); choose another place") from error
    finally:
        beside.unlink(missing_ok=True)


def refuse_other_than_file(path: Path) -> None:
    """Hold what is at a path that a file is to be written to.

    Raises:
        DataError: it is a folder, a device or a pipe; putting a file in its place would remove it.
    """
    if not path.name or (path.exists() and not path.is_file()):
        what = "a folder" if not path.name or path.is_dir() else "no ordinary file"
        raise DataError(f"{path} is {what}; name the file to write")


def write_json(path: Path, document: Any, indent: int | None = None) -> None:
    """One JSON document with a newline at its end."""
    with whole_file(path) as file:
        file.write(json.dumps(document, ensure_ascii=False, indent=indent, allow_nan=False).encode() + b"\n")


def write_json_lines(path: Path, records: Iterable[Any]) -> None:
    """One JSON value a line."""
    with whole_file(path) as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n")


def write_text(path: Path, text: str) -> None:
    """UTF-8 text."""
    with whole_file(path) as file:
        file.write(text.encode())


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder for a data set of many files, which appears under its name only when all of it is written.

    Raises:
        DataError: something is there: files of two data sets must not mix.
    """
    if not path.name:  # it is put in place as a whole, which the folder one is in cannot be
        raise DataError(f"{path} is the folder this runs in; name a new folder")
    beside = path.with_name(f".{path.name}.partial")
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise DataError(f"{path} is not an empty folder; a data set of many files needs one of its own")
        if beside.exists():  # of a run that was killed
            shutil.rmtree(beside)
        beside.mkdir(parents=True)
        yield beside
        os.replace(beside, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({_reason(error)}); choose another place") from error
    finally:
        if beside.exists():
            shutil.rmtree(beside)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return fields


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large a number")
    return value


def _unreadable(message: str) -> RecordError:
    return RecordError(FaultKind.UNREADABLE, message)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
