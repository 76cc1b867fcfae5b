"""The ablation study as tables: the paper's five questions, answered at our scale, and the paper's answers.

Lines are read from the folders of the runs; seeds are shown as mean and spread (half of what lies between the
least and the greatest). Source of the paper's numbers: spec `training` 7.3 and 2.3.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locany.errors import DataError

RESULT = "ablation.json"  # in the folder of a run
SCALING = "scaling.json"  # beside the folders of the runs


@dataclass(frozen=True)
class Case:
    """One line of a table.

    Attributes:
        title: for people.
        row: of the study; mode: of decoding; prefix_score: of blocks of a fixed length.
        paper: boxes/s, recall, precision and F1 (percent, mean over IoU) of the paper's line, if it has one.
    """

    title: str
    row: str
    mode: str
    prefix_score: float | None = None
    paper: tuple[float | None, float | None, float | None, float | None] | None = None


@dataclass(frozen=True)
class Table:
    """One question of the study."""

    key: str
    title: str
    cases: tuple[Case, ...]


TABLES = (
    Table(
        "a",
        "How a coordinate is written",
        (
            Case("digits as text, token by token", "digits", "slow", None, (1.3, 45.7, 52.3, 49.1)),
            Case("coordinate tokens, learnt without neighbours", "tokens-plain", "slow"),
            Case("coordinate tokens, token by token", "tokens", "slow", None, (3.9, 48.2, 52.2, 50.1)),
            Case("parallel boxes, slow", "parallel", "slow", None, (3.9, 49.4, 55.2, 52.1)),
            Case("parallel boxes, fast", "parallel", "fast", None, (16.9, 45.6, 54.6, 49.6)),
            Case("parallel boxes, hybrid", "parallel", "hybrid", None, (13.2, 48.7, 54.8, 51.6)),
            Case("parallel boxes, verified", "parallel", "verified"),
        ),
    ),
    Table(
        "b",
        "What a block is",
        (
            *(
                Case(f"any {size} tokens, kept from {score}", f"fixed{size}", "fast", score, paper)
                for size, paper in ((4, (5.2, 45.4, 48.1, 46.5)), (6, (5.5, 45.1, 47.5, 46.1)))
                for score in (0.9, 0.7, 0.5)
            ),
            Case("any 4 tokens, slow", "fixed4", "slow"),
            Case("any 6 tokens, slow", "fixed6", "slow"),
            Case("a box, fast", "parallel", "fast", None, (16.9, 45.2, 54.6, 49.6)),
            Case("a box, slow", "parallel", "slow", None, (3.9, 49.4, 55.2, 52.1)),
        ),
    ),
    Table(
        "c",
        "What is learnt, and how it is decoded",
        (
            Case("next token alone, slow", "tokens", "slow", None, (3.9, 48.2, 52.2, 50.1)),
            Case("blocks alone, fast", "block-only", "fast", None, (16.7, 45.6, 49.0, 47.2)),
            Case("both, fast", "parallel", "fast", None, (16.9, 45.6, 54.6, 49.6)),
            Case("both, hybrid", "parallel", "hybrid", None, (13.2, 48.7, 54.8, 51.6)),
            Case("both, verified", "parallel", "verified"),
            Case("both, slow", "parallel", "slow", None, (3.9, 49.4, 55.2, 52.1)),
        ),
    ),
    Table(
        "d",
        "The order of the boxes",
        tuple(
            Case(f"{title}, {mode}", row, mode)
            for row, title in (
                ("parallel", "by corner"),
                ("center", "by centre"),
                ("area", "by area"),
                ("random", "by chance"),
            )
            for mode in ("fast", "hybrid", "slow")
        ),
    ),
)


def read_results(folder: Path) -> list[dict[str, Any]]:
    """What the runs in a folder came to.

    Raises:
        DataError: there is none.
    """
    paths = sorted(folder.glob(f"*/{RESULT}"))
    if not paths:
        raise DataError(
            f"{folder} has no measured run of the ablation study; make some with "
            "python scripts/run_ablation.py --out FOLDER"
        )
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def lines_of(results: Iterable[Mapping[str, Any]], case: Case) -> list[Mapping[str, Any]]:
    """The measured lines of a case, one a seed."""
    return [
        line
        for result in results
        if result["row"] == case.row
        for line in result["modes"]
        if line["mode"] == case.mode and line["prefix_score"] == case.prefix_score
    ]


def speeds_of(lines: Iterable[Mapping[str, Any]]) -> list[float]:
    """Boxes per second of processor time, of lines that have it: earlier runs were timed by the clock."""
    return [line["boxes"] / line["cpu_seconds"] for line in lines if "cpu_seconds" in line]


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half of the way from the least to the greatest."""
    return sum(values) / len(values), (max(values) - min(values)) / 2


def markdown(folder: Path) -> str:
    """All tables.

    Raises:
        DataError: nothing has been measured there.
    """
    results = read_results(folder)
    parts = [_table(table, results) for table in TABLES if any(lines_of(results, c) for c in table.cases)]
    if (folder / SCALING).is_file():
        parts.append(_scaling(json.loads((folder / SCALING).read_text(encoding="utf-8"))))
    return "\n".join((*parts, _made_with(results)))


def _table(table: Table, results: Sequence[Mapping[str, Any]]) -> str:
    with_paper = any(case.paper for case in table.cases)
    heads = ["", "recall", "precision", "F1 mean", "F1@0.5", "boxes/s", "steps a box"]
    heads += ["paper: boxes/s", "F1 mean"] if with_paper else []
    rows = []
    for case in table.cases:
        if lines := lines_of(results, case):
            cells = [
                *(_percent([line[name] for line in lines]) for name in ("recall@mean", "precision@mean")),
                *(_percent([line[name] for line in lines]) for name in ("f1@mean", "f1@0.5")),
                _number(speeds_of(lines)),
                _number([line["steps"] / max(1, line["boxes"]) for line in lines], 2),
            ]
            if with_paper:
                paper = case.paper or (None,) * 4
                cells += ["" if value is None else f"{value:.1f}" for value in (paper[0], paper[3])]
            rows.append([case.title, *cells])
    return f"### ({table.key}) {table.title}\n\n{_grid(heads, rows)}"


def _scaling(document: Mapping[str, Any]) -> str:
    heads = ["boxes/s, in an answer of so many", *(str(n) for n in document["boxes"])]
    rows = [[line["title"], *(f"{v:.0f}" for v in line["boxes_per_s"])] for line in document["lines"]]
    return f"### (e) Throughput and the number of boxes\n\n{_grid(heads, rows)}\n{document['what']}\n"


def _percent(values: Sequence[float]) -> str:
    return _number([100 * value for value in values])


def _number(values: Sequence[float], decimals: int = 1) -> str:
    if not values:
        return ""
    mean, spread = mean_and_spread(values)
    return f"{mean:.{decimals}f}" + (f" ± {spread:.{decimals}f}" if len(values) > 1 else "")


def _grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _made_with(results: Sequence[Mapping[str, Any]]) -> str:
    seeds = sorted({result["seed"] for result in results})
    first = results[0]
    asked = first["modes"][0]["questions"]
    return (
        f"{len(results)} runs, seeds {', '.join(map(str, seeds))}, {first['steps']} steps each; measured on "
        f"{first['images']} images, {asked} questions, one after the other; locany {first['version']}, torch "
        f"{first['torch']}. Spread: half of what lies between the seeds.\n"
    )
