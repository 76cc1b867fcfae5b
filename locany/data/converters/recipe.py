"""The published recipe, a JSON object from the name of a data set to its settings (spec `training` 3.2).

Relative paths start at the recipe's own folder.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from locany.data.converters import chat_samples
from locany.data.converters.chat import ChatRecord
from locany.data.converters.faults import FaultKind, RecordError, Report, refuse
from locany.data.converters.fields import as_object, malformed, optional
from locany.data.converters.files import read_json, write_json
from locany.data.dialogue import Dialogue
from locany.data.sample import Sample
from locany.errors import DataError

KEYS = ("annotation", "root", "repeat_time", "data_augment", "visual_prompt")
_STREAM = 0x2EC
_SUBSET_SEED = 10086  # the published seed; which samples it chose there is not known


@dataclass(frozen=True)
class RecipeEntry:
    """One data set of a recipe.

    Attributes:
        annotation: path of a file of JSON lines, or several, as they stand in the recipe.
        root: prefix of the paths of images.
        repeat_time: from 1 on, the weight of each sample when data sets are mixed; below 1, the share of the
            samples that is used at all, always the same ones.
        data_augment: resize images by chance.
        visual_prompt: turn suited samples into visual prompts.
    """

    annotation: str | tuple[str, ...]
    root: str = ""
    repeat_time: float = 1.0
    data_augment: bool = False
    visual_prompt: bool = False

    def __post_init__(self) -> None:
        if not self.annotation:
            raise DataError("'annotation' is a path or a list of paths, got none")
        if not (math.isfinite(self.repeat_time) and self.repeat_time > 0):
            raise DataError(f"'repeat_time' is a number above 0, got {self.repeat_time}")

    @property
    def files(self) -> tuple[str, ...]:
        """The annotation files."""
        return (self.annotation,) if isinstance(self.annotation, str) else self.annotation

    def kept(self, length: int) -> np.ndarray:
        """Which of `length` samples are used: ascending indices, int64.

        All of them from a `repeat_time` of 1 on. Below, the share rounded to the nearest whole number: the
        first ones of a fixed permutation, so that a greater share contains a smaller one.
        """
        if self.repeat_time >= 1:
            return np.arange(length)
        num = math.floor(length * self.repeat_time + 0.5)
        rng = np.random.default_rng((_STREAM, 1, _SUBSET_SEED))
        return np.sort(rng.permutation(length)[:num])

    def weight(self, length: int) -> float:
        """Weight of the data set among others: `repeat_time` * length, or below 1 the number kept."""
        return self.repeat_time * length if self.repeat_time >= 1 else float(len(self.kept(length)))


Recipe = Mapping[str, RecipeEntry]


def read_recipe(path: Path, report: Report = refuse) -> dict[str, RecipeEntry]:
    """The data sets of a recipe, by name, in order.

    Raises:
        DataError: it is no recipe, unless another `report` takes it; what is wrong is then left out.
    """
    try:
        document = as_object(read_json(path), "a recipe")
        if not document:
            raise malformed("the recipe names no data set")
    except RecordError as fault:
        report(fault.at(str(path)))
        return {}
    recipe: dict[str, RecipeEntry] = {}
    for name, fields in document.items():
        try:
            recipe[name] = _entry(fields)
        except RecordError as fault:
            report(fault.at(str(path), record=f"data set {name!r}"))
        except DataError as error:
            report(malformed(str(error)).at(str(path), record=f"data set {name!r}"))
    return recipe


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write a recipe so that it reads back equal."""
    write_json(path, {name: _entry_to_json(entry) for name, entry in recipe.items()}, indent=2)


def read(path: Path, root: Path | None = None, report: Report = refuse) -> Iterator[Sample]:
    """The samples of all data sets of a recipe, each once; `provenance["dataset"]` names its data set.

    Nothing is repeated or left out here: that is for training, see `read_for_training`.

    Args:
        path: a recipe.
        root: taken in front of relative paths; by default the recipe's folder.
        report: see `chat_samples.read`.

    Raises:
        DataError: see there; or it is no recipe.
    """
    base = path.parent if root is None else root
    for name, entry in read_recipe(path, report).items():
        for file in entry.files:
            for sample in chat_samples.read(base / file, base / entry.root, report):
                yield replace(sample, provenance={"dataset": name, **sample.provenance})


def lines(path: Path, root: Path | None, report: Report, base: Path) -> Iterator[ChatRecord]:
    """The records of all data sets, each once and word for word; see `chat_samples.lines`."""
    folder = path.parent if root is None else root
    for entry in read_recipe(path, report).values():
        for file in entry.files:
            yield from chat_samples.lines(folder / file, folder / entry.root, report, base)


def read_for_training(
    path: Path, root: Path | None = None, report: Report = refuse
) -> Iterator[tuple[str, RecipeEntry, float, list[Sample | Dialogue]]]:
    """The data sets of a recipe: name, settings, weight, and what `RecipeEntry.kept` leaves of the samples.

    Raises:
        DataError: see `read`.
    """
    base = path.parent if root is None else root
    for name, entry in read_recipe(path, report).items():
        samples = [
            sample
            for file in entry.files
            for sample in chat_samples.read_for_training(base / file, base / entry.root, report)
        ]
        kept = [samples[i] for i in entry.kept(len(samples)).tolist()]
        yield name, entry, entry.weight(len(samples)), kept


def _entry(fields: Any) -> RecipeEntry:
    record = as_object(fields, "the settings")
    if unknown := sorted(set(record) - set(KEYS)):
        names = ", ".join(map(repr, unknown))
        raise RecordError(FaultKind.UNKNOWN_FIELD, f"unknown key {names}; known: {', '.join(KEYS)}")
    annotation = record.get("annotation")
    if isinstance(annotation, list) and all(isinstance(item, str) for item in annotation):
        annotation = tuple(annotation)
    elif not isinstance(annotation, str):
        raise malformed(f"'annotation' is a path or a list of paths, got {annotation!r}")
    repeat_time = record.get("repeat_time", 1.0)
    if isinstance(repeat_time, bool) or not isinstance(repeat_time, int | float):
        raise malformed(f"'repeat_time' is a number above 0, got {repeat_time!r}")
    return RecipeEntry(
        annotation,
        optional(record, "root", str, ""),
        repeat_time,
        optional(record, "data_augment", bool, False),
        optional(record, "visual_prompt", bool, False),
    )


def _entry_to_json(entry: RecipeEntry) -> dict[str, Any]:
    annotation = entry.annotation if isinstance(entry.annotation, str) else list(entry.annotation)
    return {
        "annotation": annotation,
        "root": entry.root,
        "repeat_time": entry.repeat_time,
        "data_augment": entry.data_augment,
        "visual_prompt": entry.visual_prompt,
    }
