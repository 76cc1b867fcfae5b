"""How closely an image is looked at: the options that make several looks of one question."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from locany.errors import RequestError
from locany.image.tile import MAX_GRID
from locany.numeric import check_flags, number_within, plain_number
from locany.tasks import Task

MAX_OVERLAP = 0.5
_GRID = re.compile(r"(\d+)[x×](\d+)")


@dataclass(frozen=True)
class CloserConfig:
    """What is done for small things. The defaults do nothing: one look at the whole image.

    Attributes:
        parallel_categories: ask for each category alone, side by side, and put the answers together in the
            order of the categories. Of a single category nothing changes.
        tiles: cut the image into overlapping tiles and ask about each: (columns, rows), "3x2", or "auto" for
            the fewest tiles that the encoder sees without shrinking them. None asks about the image alone.
        overlap: share of a tile's side that it has in common with the next one, 0 to 0.5. What is smaller
            than the overlap is whole in some tile.
        whole_image: with tiles, look at the whole image, too, for what is whole in no tile.
        zoom: look a second time, at a crop around each finding.
        refine: coordinates between the bins: the mean of the bins around the chosen one, weighted by their
            probability.

    Raises:
        RequestError: a value of a wrong type or out of range, or one about tiles where there are none.
    """

    parallel_categories: bool = False
    tiles: str | tuple[int, int] | None = None
    overlap: float = 0.2
    whole_image: bool = True
    zoom: bool = False
    refine: bool = False

    def __post_init__(self) -> None:
        flags = ("parallel_categories", "whole_image", "zoom", "refine")
        check_flags(**{name: getattr(self, name) for name in flags})
        object.__setattr__(self, "overlap", number_within("overlap", self.overlap, 0, MAX_OVERLAP))
        object.__setattr__(self, "tiles", _check_tiles(self.tiles))
        changed = self.changed()
        if self.tiles is None and (idle := [name for name in ("overlap", "whole_image") if name in changed]):
            raise RequestError(f"{', '.join(idle)}: of tiles, but none are asked for; set tiles, too")

    def check(self, task: Task) -> None:
        """Refuse a task that these options do not fit (RequestError)."""
        if self.parallel_categories and not task.takes_categories:
            raise RequestError(
                "parallel_categories is for questions about several categories (detect and layout), got a "
                f"{task.kind.value} question; leave it out"
            )

    def changed(self) -> dict[str, Any]:
        """The options that are not at their default, as JSON-able values."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def _check_tiles(tiles: Any) -> str | tuple[int, int] | None:
    if tiles is None or (isinstance(tiles, str) and tiles == "auto"):
        return tiles
    grid = tiles
    if isinstance(tiles, str) and (found := _GRID.fullmatch(tiles)):
        grid = (int(found[1]), int(found[2]))
    if isinstance(grid, tuple | list) and len(grid) == 2:
        columns, rows = (_count(number) for number in grid)
        if columns and rows:
            return (columns, rows)
    raise RequestError(
        f"tiles is {tiles!r}, expected 'auto', or columns and rows such as (3, 2) or '3x2', each from "
        f"1 to {MAX_GRID}"
    )


def _count(given: Any) -> int:
    """A number of tiles; 0 for what is none."""
    value = plain_number(given)
    return value if isinstance(value, int) and 1 <= value <= MAX_GRID else 0
