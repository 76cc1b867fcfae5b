"""The record of a benchmark, and what opening one gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from locany.errors import DataError
from locany.eval.example import Example


class OwnDataError(DataError):
    """Something is wrong with data of the user's own: where to get files does not help."""


@dataclass(frozen=True)
class Contents:
    """What a folder holds of a benchmark.

    Attributes:
        examples: in the order of the file; ids are unique.
        remarks: what a reader of the results has to know about these files, one sentence each.
        source: the annotation file or folder that was read.
        names: all categories of the annotation file in its order, whether they occur or not; empty where
            there is no such list.
    """

    examples: tuple[Example, ...]
    remarks: tuple[str, ...] = ()
    source: Path | None = None
    names: tuple[str, ...] = ()


Load = Callable[..., Contents]  # (folder, **options)
_KINDS = {bool: "true or false", int: "a whole number", str: "text"}  # of options, in words


@dataclass(frozen=True)
class Benchmark:
    """A benchmark.

    Attributes:
        name: what it is called in commands.
        title: what it is called in tables.
        metric: name of its scorer, see `eval.metrics.table`.
        needs: what to get and where to put it.
        load: reads a folder; takes `options`.
        options: names and defaults of what reading can be told.
        short_side: the short side in pixels that published numbers were measured at; None for the images as
            they are.
        groups: what results are also reported by.
        num_rows: how many rows the published set has; None where there is no such number.
    """

    name: str
    title: str
    metric: str
    needs: str
    load: Load = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    short_side: int | None = None
    groups: tuple[str, ...] = ()
    num_rows: int | None = None

    def open(self, folder: str | Path, **options: Any) -> Contents:
        """What a folder holds of it.

        Args:
            folder: where the files are.
            options: see `options`.

        Raises:
            DataError: a file is missing or damaged, or there is no such option.
        """
        self._check(options)
        try:
            contents = self.load(Path(folder), **{**self.options, **options})
            if not contents.examples:
                raise DataError(f"{contents.source or folder} has no row to ask about")
        except OwnDataError as error:
            raise DataError(f"{self.title}: {error}") from error
        except DataError as error:
            raise DataError(f"{self.title}: {error}.\n{self.needs}") from error
        found = len(contents.examples)
        if self.num_rows is None or found == self.num_rows:
            return contents
        remark = f"{found} rows; the published numbers are about {self.num_rows}"
        return replace(contents, remarks=(*contents.remarks, remark))

    def _check(self, options: Mapping[str, Any]) -> None:
        """Raise DataError where an option is unknown, or not of the kind of its default."""
        if unknown := sorted(set(options) - set(self.options)):
            known = ", ".join(self.options) or "none"
            raise DataError(f"{self.name} has no option {', '.join(unknown)}; its options are: {known}")
        for name, value in options.items():
            kind = type(self.options[name])
            if kind in _KINDS and type(value) is not kind:
                raise DataError(f"option {name} of {self.name} is {_KINDS[kind]}, got {value!r}")

    def read(self, folder: str | Path, **options: Any) -> list[Example]:
        """The examples alone; see `open`.

        Raises:
            DataError: see there.
        """
        return list(self.open(folder, **options).examples)
