"""Write the tables of docs/closer.md from a result of benchmarks/small_objects.py.

python benchmarks/small_objects_tables.py result.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from locany.files import write_whole

PAGE = Path(__file__).resolve().parent.parent / "docs" / "closer.md"
START, STOP = "<!-- numbers -->\n", "<!-- end of numbers -->"
HEAD = ("", "F1@0.5", "precision", "recall", "F1@0.75", "IoU", "CPU s", "requests", "patches", "forwards")
UNSHRUNK = 700  # pixels: up to here the bundled model sees an image as it is, and `auto` makes no tiles


def tables(result: Mapping[str, Any]) -> str:
    """All tables, each under a line that says what was asked of which images."""
    parts = []
    for side, rows in result["sides"].items():
        if int(side) <= UNSHRUNK:
            what = f"{side} x {side} pixels: nothing is shrunk, and `auto` makes no tiles"
            rows = [row for row in rows if "tiles" not in row["way"]]
        else:
            what = f"{side} x {side} pixels, emoji of 28 to 96"
        parts.append(_looks(what, rows))
    for side, rows in result["mixed_sizes"].items():
        parts.append(_looks(f"{side} x {side} pixels, emoji of 28 to {int(side) // 2}", rows))
    first = next(iter(result["categories"].values()))[0]["questions"]
    head = ["categories"]
    head += [
        f"{name} {way}".strip()
        for name in ("F1@0.5", "recall", "CPU s")
        for way in ("together", "side by side")
    ]
    rows = [
        [number, *(f"{row[key]:.2f}" for key in ("f1_50", "recall_50") for row in ways)]
        + [f"{row['cpu_seconds'] / row['questions']:.3f}" for row in ways]
        for number, ways in result["categories"].items()
    ]
    parts.append(f"Categories ({first} questions each):\n\n{_table(head, rows)}")
    return "\n".join(parts)


def _looks(what: str, rows: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for row in rows:
        count = row["questions"]
        shares = [f"{row[key]:.2f}" for key in ("f1_50", "precision_50", "recall_50", "f1_75", "mean_iou")]
        costs = [f"{row['cpu_seconds'] / count:.2f}", f"{row['requests'] / count:.1f}"]
        costs += [f"{row['patches'] / count:,.0f}", f"{row['forwards'] / count:.1f}"]
        lines.append([row["way"], *shares, *costs])
    asked = f"({rows[0]['questions']} questions, {rows[0]['targets']} targets)"
    return f"{what} {asked}:\n\n{_table(HEAD, lines)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---" + ":" * bool(name) for name in head], *rows]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(STOP)
    result = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    write_whole(PAGE, f"{before}{START}\n{tables(result)}\n{STOP}{after}".encode())


if __name__ == "__main__":
    main()
