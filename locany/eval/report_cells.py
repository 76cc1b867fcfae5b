"""What a report is made of: runs, tables of text, and numbers as text."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from locany.eval.metrics.profile import Profile

# Name of a number and head of its column, in the order of columns; shares are shown in percent.
_SCORES = {
    "f1@0.5": "F1@0.5",
    "f1@0.95": "F1@0.95",
    "f1@mean": "F1@mean",
    "precision@0.5": "P@0.5",
    "recall@0.5": "R@0.5",
    "precision@mean": "P@mean",
    "recall@mean": "R@mean",
    "f1@point": "F1@point",
    "precision@point": "P@point",
    "recall@point": "R@point",
    "accuracy": "accuracy",
    "accuracy_first": "first only",
    "detection_f1@0.5": "text found, F1@0.5",
}
_MOST_SHOWN = 20  # rows of a table that is shown at once


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        config, metrics: the documents of its folder.
        name: of the folder.
    """

    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    name: str = ""

    @property
    def model(self) -> str:
        return str(self.metrics.get("model", ""))

    @property
    def mode(self) -> str:
        """Decode mode, and the seed where something was drawn by chance; of others the score that counts."""
        settings, mode = self.config.get("settings", {}), str(self.metrics.get("mode", ""))
        if settings.get("threshold") is not None:
            return f"≥ {settings['threshold']:.2f}"
        return f"{mode}, seed {settings['seed']}" if settings.get("temperature") else mode

    @property
    def benchmark(self) -> str:
        return str(self.metrics["benchmark"])

    @property
    def title(self) -> str:
        title = str(self.metrics["title"])
        return title[:1].upper() + title[1:]

    @property
    def headline(self) -> str:
        return str(self.metrics["headline"])

    def scores(self, profile: Profile) -> Mapping[str, Any] | None:
        """The scores of a profile; None where the run was not measured in it."""
        found = self.metrics["profiles"].get(profile.value)
        return None if found is None else found["scores"]

    def who(self) -> str:
        """Model and mode."""
        return f"{self.model}, {self.mode}" if self.mode else self.model


def told_apart(runs: Sequence[Run]) -> list[Run]:
    """Runs of one model, mode and benchmark get the paths of their folders beside that of the model."""
    keys = [(run.benchmark, run.model, run.mode) for run in runs]
    names = [run.model for run in runs]
    for key in {key for key in keys if keys.count(key) > 1}:
        alike = [place for place, other in enumerate(keys) if other == key]
        shared = os.path.commonpath([Path(runs[place].name).absolute().parent for place in alike])
        for place in alike:
            path = Path(runs[place].name).absolute().relative_to(shared)
            names[place] = f"{runs[place].model} ({path.as_posix()})"
    return [
        run if run.model == name else replace(run, metrics={**run.metrics, "model": name})
        for run, name in zip(runs, names, strict=True)
    ]


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        title: a line above it.
        heads: of the columns.
        rows: cells; the first `num_names` of each are words, the rest numbers.
        num_names: columns of words at the left.
        num_ours: the rows from here on are printed by others; None: all are ours.
        best: (row, column) of cells to stress.
        notes: lines below it.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    num_names: int = 1
    num_ours: int | None = None
    best: frozenset[tuple[int, int]] = frozenset()
    notes: tuple[str, ...] = ()

    @property
    def is_long(self) -> bool:
        """Whether it has so many rows of ours that it is shown when asked for."""
        return (len(self.rows) if self.num_ours is None else self.num_ours) > _MOST_SHOWN

    def markdown(self, level: int = 3) -> str:
        """As GitHub reads it."""
        align = ["---"] * self.num_names + ["---:"] * (len(self.heads) - self.num_names)
        lines = [f"{'#' * level} {_escape(self.title)}", "", _line(self.heads), _line(align)]
        for at, row in enumerate(self.rows):
            lines.append(_line(f"**{c}**" if (at, i) in self.best else _escape(c) for i, c in enumerate(row)))
        return "\n".join([*lines, "", *(f"{note}  " for note in self.notes)]).rstrip() + "\n"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def head_of(key: str) -> str:
    """What a number is called above its column."""
    return _SCORES.get(key, key.removeprefix("accuracy@").replace("f1", "F1"))


def percent(value: Any) -> str:
    """A share as a percentage; nothing for no value."""
    return f"{100 * value:.1f}" if isinstance(value, int | float) else ""


def number(value: Any, digits: int = 1) -> str:
    """A number that is no share."""
    return f"{value:,.{digits}f}" if isinstance(value, int | float) else ""


def shown_scores(scores: Sequence[Mapping[str, Any]]) -> list[str]:
    """The scores to show: those that have a column, and accuracies of groups."""
    there = list(dict.fromkeys(key for found in scores for key in found))
    if "f1@mean" in there:  # one pair of precision and recall is enough
        there = [k for k in there if k not in ("precision@0.5", "recall@0.5")]
    return [k for k in _SCORES if k in there] + [k for k in there if k.startswith("accuracy@")]


def best_of_columns(rows: Sequence[Sequence[str]], columns: Iterable[int]) -> frozenset[tuple[int, int]]:
    """The highest of each column."""
    best = set()
    for column in columns:
        values = {at: float(row[column]) for at, row in enumerate(rows) if row[column]}
        if len(values) > 1 and (most := max(values.values())) > 0:
            best |= {(at, column) for at, value in values.items() if value == most}
    return frozenset(best)


def best_of_rows(rows: Sequence[Sequence[str]], columns: Iterable[int]) -> frozenset[tuple[int, int]]:
    """The highest of each row."""
    best = set()
    for at, row in enumerate(rows):
        values = {column: float(row[column]) for column in columns if row[column]}
        if len(values) > 1 and (most := max(values.values())) > 0:
            best |= {(at, column) for column, value in values.items() if value == most}
    return frozenset(best)
