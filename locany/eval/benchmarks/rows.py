"""From names and places to examples: what is asked, what is filed where, ids, absent names."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from locany.data.converters.faults import FaultKind, RecordError, refuse, shorten
from locany.data.converters.fields import as_object, field, malformed, numbers
from locany.data.converters.files import read_lines
from locany.errors import DataError
from locany.eval.example import Box, Example, Place, Query, Truth
from locany.tasks import Task

STREAM, VERSION = 1201, 1  # of the chance that chooses absent names
ANY_NAME = ""  # in `Truth.crowd`: what lies there counts for no name at all

Ask = Callable[[Sequence[str]], tuple[Query, ...]]
T = TypeVar("T")

# COCO's letters: five bits each from "0" up, and in all but the last one of a number a sixth bit.
_COUNTS = re.compile("(?:[P-o]*[0-O])*")


def ask_all(names: Sequence[str]) -> tuple[Query, ...]:
    """All categories in one question; answers are filed under their labels."""
    return (Query(Task.detect(names)),)


def ask_each(names: Sequence[str]) -> tuple[Query, ...]:
    """A question for points on the instances of each category, filed under the name asked for."""
    return tuple(Query(Task.point(name), name) for name in names)


def ask_joined(names: Sequence[str]) -> tuple[Query, ...]:
    """One question for points on the instances of all categories; answers are filed under their labels."""
    return (Query(Task.point(", ".join(names))),)


def ask_text(names: Sequence[str] = ()) -> tuple[Query, ...]:
    """All text; answers are filed under what was read."""
    return (Query(Task.text()),)


def ask_matches(phrase: str) -> tuple[Query, ...]:
    """All matches of an expression, filed under it."""
    return (Query(Task.ground(phrase), phrase),)


def ask_one(phrase: str) -> tuple[Query, ...]:
    """The one thing that an expression means, filed under it."""
    return (Query(Task.refer(phrase), phrase),)


def ask_points(phrase: str) -> tuple[Query, ...]:
    """Points on what an expression means, filed under it."""
    return (Query(Task.point(phrase), phrase),)


def image_file(root: Path, name: str) -> Path:
    """The file `root / name`.

    Raises:
        RecordError: there is none.
    """
    path = root / name
    try:
        if path.is_file():
            return path
    except (OSError, ValueError):  # a NUL in the name, a name that is too long
        pass
    raise RecordError(FaultKind.MISSING_IMAGE, f"image {name!r} is missing: there is no {path}")


def box_of(value: Any, what: str = "a box") -> Box:
    """Four numbers as (x0, y0, x1, y1), taken as they are.

    Raises:
        RecordError: they are something else.
    """
    x0, y0, x1, y1 = numbers(value, what, 4)
    return (x0, y0, x1, y1)


def mask_of(value: Any) -> Mapping[str, Any]:
    """Run lengths {"counts": text or lengths, "size": [height, width]}.

    Raises:
        RecordError: they are something else, or the text is cut.
    """
    record = as_object(value, "a mask")
    height, width = numbers(record.get("size"), "'size' of a mask", 2)
    size = [int(height), int(width)]
    if isinstance(record.get("counts"), list):
        return {"counts": [int(n) for n in numbers(record["counts"], "'counts' of a mask")], "size": size}
    counts = field(record, "counts", str)
    if not _COUNTS.fullmatch(counts):
        raise malformed(f"'counts' of a mask are run lengths in COCO's letters, got {shorten(repr(counts))}")
    return {"counts": counts, "size": size}


def extent(place: Place) -> Box:
    """The box around a flat outline (x, y, x, y, ...)."""
    xs, ys = place[0::2], place[1::2]
    return (min(xs), min(ys), max(xs), max(ys))


def transcription(text: str) -> str:
    """A transcription in the one spelling that answers have: composed characters, single blanks."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def gather(pairs: Iterable[tuple[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Places by name, in the order of first occurrence."""
    found: dict[str, list[Any]] = {}
    for name, place in pairs:
        found.setdefault(name, []).append(place)
    return {name: tuple(places) for name, places in found.items()}


def phrase_id(image_name: str, phrase: str) -> str:
    """An id for one of several expressions about an image."""
    return f"{image_name}#{hashlib.sha256(phrase.encode()).hexdigest()[:10]}"


def unique(examples: Iterable[Example]) -> tuple[list[Example], list[str]]:
    """Without rows that stand twice; other rows of one id are told apart by a number.

    Returns:
        The examples, and remarks.
    """
    kept: dict[str, Example] = {}
    num_again = 0
    for example in examples:
        number, name = 1, example.id
        while name in kept and not _same(kept[name], example):
            number += 1
            name = f"{example.id}~{number}"
        num_again += name in kept
        kept.setdefault(name, replace(example, id=name))
    return list(kept.values()), [f"{num_again} rows stand there twice and were taken once"] * bool(num_again)


def _same(a: Example, b: Example) -> bool:
    return (a.image, a.queries, a.truth) == (b.image, b.queries, b.truth)


def add_absent(
    examples: Sequence[Example], number: int, pool: Callable[[Example], Sequence[str]], ask: Ask
) -> list[Example]:
    """The examples, each also asked for categories that are not there, one by one.

    Args:
        examples: of images.
        number: how many absent names for each; fewer where fewer are known.
        pool: names that are known to be absent from an image.
        ask: how one name is asked for.

    Raises:
        DataError: the number is negative.
    """
    if number < 0:
        raise DataError(f"negatives is how many absent names to ask for, at least 0, got {number}")
    if not number:
        return list(examples)
    found = []
    for example in examples:
        seed = int.from_bytes(hashlib.sha256(example.id.encode()).digest()[:8], "big")
        rng = np.random.default_rng((STREAM, VERSION, seed))
        there = {*example.truth.boxes, *example.truth.masks, *example.truth.partial, *example.truth.crowd}
        names = [name for name in pool(example) if name not in there]
        chosen = [names[i] for i in sorted(rng.permutation(len(names))[:number].tolist())]
        queries = tuple(replace(query, name=name) for name in chosen for query in ask((name,)))
        truth = replace(example.truth, boxes={**example.truth.boxes, **dict.fromkeys(chosen, ())})
        found.append(replace(example, queries=example.queries + queries, truth=truth))
    return found


def json_digest(value: Any) -> str:
    """SHA-256 of a value as JSON, the same everywhere."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def each_line(path: Path, read: Callable[[bytes], T]) -> Iterator[T]:
    """What `read` makes of each line that is not blank.

    Raises:
        DataError: the file or a line is damaged; the message names both.
    """
    number = None
    try:
        for at, line in read_lines(path):
            number = at
            if line.strip():
                yield read(line)
    except RecordError as fault:
        refuse(fault.at(str(path), number))


def first_of(folder: Path, *names: str) -> Path | None:
    """The first of some files or folders that is there."""
    return next((folder / name for name in names if (folder / name).exists()), None)


def missing(folder: Path, *names: str) -> DataError:
    """The error that none of some files is there."""
    if not folder.is_dir():
        return DataError(f"{folder} is not a folder")
    return DataError(f"{folder} has none of: {', '.join(names)}")


def truth_names(truth: Truth) -> list[str]:
    """Names with a place, in order."""
    places: dict[str, Sequence[Any]] = {**truth.boxes, **truth.masks, **truth.polygons}
    return [name for name, found in places.items() if found]
