"""Printed numbers of the papers, with where they were printed and what is odd about them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent.parent / "assets" / "eval" / "published.json"
_AS_PRINTED = ("boxes_per_s",)  # no shares


@dataclass(frozen=True)
class PublishedRow:
    """One method on one benchmark.

    Attributes:
        benchmark: its name here.
        method: the model.
        mode: decode mode, or the scores that count, where the method has several.
        values: by the names of our metrics; shares 0..1, and `boxes_per_s`.
        source: where it was printed, for people.
        remark: what to know before comparing.
    """

    benchmark: str
    method: str
    mode: str
    values: Mapping[str, float]
    source: str
    remark: str = ""


@cache
def all_published() -> tuple[PublishedRow, ...]:
    """Every row, in the order of the sources."""
    document = json.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(
        PublishedRow(
            row["benchmark"],
            row["method"],
            row.get("mode", ""),
            {k: v if k in _AS_PRINTED else round(v / 100, 6) for k, v in row["values"].items()},
            document["sources"][row["source"]],
            row.get("remark", ""),
        )
        for row in document["rows"]
    )


def published_rows(benchmark: str) -> list[PublishedRow]:
    """What was printed about a benchmark."""
    return [row for row in all_published() if row.benchmark == benchmark]
