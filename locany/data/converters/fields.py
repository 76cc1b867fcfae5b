"""Fields of JSON objects, checked while they are taken: a wrong file is a fault, never a KeyError."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from locany.codec.vocab import added_tokens
from locany.data.converters.faults import FaultKind, RecordError, shorten
from locany.errors import RequestError
from locany.geometry import NUM_BINS
from locany.tasks import Task

T = TypeVar("T")

Box = tuple[float, float, float, float]
Polygon = tuple[tuple[float, float], ...]

_RESERVED = (*added_tokens(NUM_BINS - 1), "<image", "<video")
_NO_CHARACTERS = "\ufffe\uffff"  # nor can XML hold them

_NAMES: dict[Any, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    bool: "true or false",
}


def malformed(message: str) -> RecordError:
    """The fault of a field that is missing or of a wrong type."""
    return RecordError(FaultKind.MALFORMED, message)


def as_object(value: Any, what: str) -> Mapping[str, Any]:
    """`value`, if it is a JSON object."""
    return _typed(value, dict, what)


def field(record: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """A field that must be there."""
    if name not in record:
        raise malformed(f"has no field {name!r}")
    return _typed(record[name], kind, f"field {name!r}")


def optional(record: Mapping[str, Any], name: str, kind: type[T], default: T) -> T:
    """A field that may be missing or null."""
    return default if record.get(name) is None else field(record, name, kind)


def whole_numbers(record: Any, names: Collection[str]) -> Any:
    """A JSON object with 3.0 as 3 in some of its fields, as tables and other programs write whole numbers."""
    if not isinstance(record, dict):
        return record
    return {key: _whole(value) if key in names else value for key, value in record.items()}


def _whole(value: Any) -> Any:
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def numbers(value: Any, what: str, length: int | None = None) -> list[float]:
    """A list of finite numbers, `length` of them if given."""
    if not isinstance(value, list) or not all(_is_number(v) for v in value):
        raise malformed(f"{what} is a list of numbers, got {_shown(value)}")
    if length is not None and len(value) != length:
        raise malformed(f"{what} has {length} numbers, got {len(value)}: {_shown(value)}")
    if not all(math.isfinite(v) for v in value):
        raise malformed(f"{what} holds what is no number: {_shown(value)}")
    return [float(v) for v in value]


def corners(value: Any, what: str) -> Polygon:
    """A list of [x, y]."""
    points = _typed(value, list, what)
    pairs = [numbers(point, f"a corner of {what}", 2) for point in points]
    return tuple((x, y) for x, y in pairs)


def spelling(name: str, what: str = "the name") -> str:
    """The one spelling of a category or phrase: that of `Task`, which every format can write and ask for."""
    shown = shorten(repr(name))
    try:
        spelled = Task.ground(name).phrase
    except RequestError as error:
        raise malformed(f"{what} {shown} cannot be asked for: {error}") from None
    if wrong := next((c for c in spelled if unicodedata.category(c) == "Cc" or c in _NO_CHARACTERS), None):
        raise malformed(f"{what} {shown} holds {wrong!r}, which is no character of a text; take it out")
    if token := reserved_in(spelled):
        raise malformed(f"{what} {shown} contains {token}, which has a meaning in conversations; rename it")
    return spelled


def reserved_in(words: str) -> str | None:
    """The first thing in words that has a meaning in conversations, such as `</c>`; None without one."""
    return next((token for token in _RESERVED if token in words), None) if "<" in words else None


def extent(polygon: Polygon) -> Box:
    """The box around corners."""
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    return min(xs), min(ys), max(xs), max(ys)


def _typed(value: Any, kind: Any, what: str) -> Any:
    is_bool = isinstance(value, bool) and kind is not bool  # true is an int in Python, not in JSON
    if not isinstance(value, kind) or is_bool:
        raise malformed(f"{what} is {_NAMES[kind]}, got {type(value).__name__}: {_shown(value)}")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return shorten(repr(value))
