"""What benchmarks of expressions share: rows of the bundle, boxes or points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from locany.errors import DataError
from locany.eval.benchmarks import bundle
from locany.eval.benchmarks.benchmark import Contents
from locany.eval.benchmarks.rows import phrase_id, unique
from locany.eval.example import Example, Query, Truth

AskPhrase = Callable[[str], tuple[Query, ...]]


def from_bundle(
    folder: Path,
    kind: str,
    name: str,
    ask: AskPhrase,
    groups: Callable[[Mapping[str, Any]], dict[str, str]] = lambda fields: {},
) -> Contents | None:
    """The rows of the bundle, where it is there.

    Raises:
        DataError: a line is damaged or its image is missing.
    """
    path = bundle.find_file(folder, kind, name)
    if path is None:
        return None
    examples, remarks = unique(_example(row, ask, groups) for row in bundle.read_rows(path))
    return Contents(tuple(examples), tuple(remarks), path)


def _example(
    row: bundle.BundleRow, ask: AskPhrase, groups: Callable[[Mapping[str, Any]], dict[str, str]]
) -> Example:
    truth = row.truth
    named = [*truth.boxes, *truth.masks]
    names = list(row.names or dict.fromkeys(named))
    if len(names) != 1 or len(named) > 1:
        raise DataError(f"the row about {row.image_name} has one expression, got {names}")
    phrase = names[0]
    if named and named[0] != phrase:  # what is asked is the category; its places are those of the one name
        boxes = {phrase: truth.boxes[named[0]]} if truth.boxes else {}
        masks = {phrase: truth.masks[named[0]]} if truth.masks else {}
        truth = replace(truth, boxes=boxes, masks=masks)
    if not named:
        truth = Truth({phrase: ()})
    image_name = PurePosixPath(row.image_name).name
    known = {**row.groups, **groups(row.fields)}
    return Example(phrase_id(image_name, phrase), row.image, row.image_name, ask(phrase), truth, known)
