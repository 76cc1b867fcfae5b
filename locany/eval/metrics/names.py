"""The ways in which the published scripts make two names equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")

# Task names whose names are compared by letters alone. The published layout, text and dense sets are
# reported to carry the first of them.
DETECTION_TASKS = (
    "common_object_detection",
    "long_tailed_object_detection",
    "dense_object_detection",
)


def category_key(name: str) -> str:
    """Of COCO and LVIS categories: lower case, `_` is a blank."""
    return name.lower().replace("_", " ")


def letters_only(name: str) -> str:
    """Of detection tasks: nothing but letters of any script, lower case. Two numbers are the same name."""
    return "".join(char for char in name.lower() if char.isalpha())


def without_separators(name: str) -> str:
    """Of other tasks: without `_` and blanks, lower case."""
    return name.lower().replace("_", "").replace(" ", "")


def rename(places: Mapping[str, T], key: Callable[[str], str]) -> dict[str, T]:
    """Published: of names that become equal, by case and then by `key`, the last one's places survive."""
    lower = {name.lower(): found for name, found in places.items()}
    return {key(name): found for name, found in lower.items()}
