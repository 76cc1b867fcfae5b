"""The tables of a report as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from locany.eval.report_cells import Table
from locany.eval.throughput_plots import require_matplotlib
from locany.files import write_whole

_INK, _SOFT, _LINE, _BEST = "#1c1f23", "#667079", "#dde2e7", "#0a6b4f"
_POINTS = 9.0  # size of the letters
_LINE_HEIGHT = 0.235  # inches
_GAP, _MARGIN, _BETWEEN = 0.45, 0.35, 0.28  # inches: between tables, at the edges, between columns
_MOST_ROWS = 40  # of one table; the HTML has all
_DPI = 150


def draw_tables(tables: Sequence[Table], title: str, path: Path) -> None:
    """Draw tables below each other.

    Args:
        tables: long ones are left to the page; of many printed rows the first are drawn.
        title: above all.
        path: of a PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1), dpi=_DPI)
    FigureCanvasAgg(figure)
    tables = [table for table in tables if not table.is_long]
    widths = [_column_widths(figure, table) for table in tables]
    width = max(sum(w) + _BETWEEN * (len(w) - 1) for w in widths) + 2 * _MARGIN
    width = max(width, 6.0)
    notes = [_wrapped(table, width) for table in tables]
    heights = [
        (2 + min(len(table.rows), _MOST_ROWS)) * _LINE_HEIGHT + 0.1 + 0.75 * _LINE_HEIGHT * len(lines)
        for table, lines in zip(tables, notes, strict=True)
    ]
    height = sum(heights) + _GAP * len(tables) + 2 * _MARGIN
    figure.set_size_inches(width, height)
    pen = _Pen(figure, width, height)
    pen.text(_MARGIN, _MARGIN, title, size=_POINTS + 3, weight="bold")
    y = _MARGIN + _GAP
    for table, columns, lines, tall in zip(tables, widths, notes, heights, strict=True):
        _draw(pen, table, columns, lines, y)
        y += tall + _GAP
    write_whole(path, lambda file: figure.savefig(file, format="png", dpi=_DPI, facecolor="white"))


class _Pen:
    """Draws in inches from the upper left corner."""

    def __init__(self, figure: Any, width: float, height: float):
        self.figure, self.width, self.height = figure, width, height

    def text(self, x: float, y: float, text: str, *, size: float = _POINTS, **how: Any) -> None:
        """A line of text whose middle is at y."""
        how = {"color": _INK, "va": "center", **how}
        text = text.replace("$", r"\$")  # no formulas
        self.figure.text(x / self.width, 1 - y / self.height, text, fontsize=size, **how)

    def rule(self, y: float, x1: float, *, color: str = _LINE, thick: float = 0.6) -> None:
        """A line from the left margin to x1."""
        from matplotlib.lines import Line2D

        ends = (_MARGIN / self.width, x1 / self.width)
        at = 1 - y / self.height
        self.figure.add_artist(Line2D(ends, (at, at), color=color, linewidth=thick))


def _draw(pen: _Pen, table: Table, columns: Sequence[float], notes: Sequence[str], y: float) -> None:
    x1 = _MARGIN + sum(columns) + _BETWEEN * (len(columns) - 1)
    pen.text(_MARGIN, y, table.title, size=_POINTS + 1, weight="bold")
    y += 1.15 * _LINE_HEIGHT
    _draw_row(pen, table, columns, table.heads, y, {"color": _SOFT})
    pen.rule(y + 0.5 * _LINE_HEIGHT, x1, color=_INK, thick=0.9)
    for at, row in enumerate(table.rows[:_MOST_ROWS]):
        y += _LINE_HEIGHT
        printed = table.num_ours is not None and at >= table.num_ours
        strong = frozenset(column for line, column in table.best if line == at)
        _draw_row(pen, table, columns, row, y, {"color": _SOFT if printed else _INK}, strong)
        last_of_ours = table.num_ours is not None and at + 1 == table.num_ours < len(table.rows)
        pen.rule(y + 0.5 * _LINE_HEIGHT, x1, color=_SOFT if last_of_ours else _LINE)
    y += 0.95 * _LINE_HEIGHT
    for line in notes:
        pen.text(_MARGIN, y, line, size=_POINTS - 2, color=_SOFT)
        y += 0.75 * _LINE_HEIGHT


def _draw_row(
    pen: _Pen,
    table: Table,
    columns: Sequence[float],
    cells: Sequence[str],
    y: float,
    how: dict[str, Any],
    strong: frozenset[int] = frozenset(),
) -> None:
    x = _MARGIN
    for i, (cell, width) in enumerate(zip(cells, columns, strict=True)):
        bold = {"weight": "bold", "color": _BEST} if i in strong else {}
        if i < table.num_names:
            pen.text(x, y, cell, **{**how, **bold})
        else:
            pen.text(x + width, y, cell, ha="right", **{**how, **bold})
        x += width + _BETWEEN


def _column_widths(figure: Any, table: Table) -> list[float]:
    """Inches that the widest cell of each column needs."""
    from matplotlib.font_manager import FontProperties

    renderer, font = figure.canvas.get_renderer(), FontProperties(size=_POINTS, weight="bold")
    rows = (table.heads, *table.rows[:_MOST_ROWS])
    widths = []
    for column in range(len(table.heads)):
        longest = sorted({row[column] for row in rows}, key=len)[-4:]
        sizes = [renderer.get_text_width_height_descent(text, font, False)[0] for text in longest]
        widths.append(max(sizes) / _DPI)
    return widths


def _wrapped(table: Table, width: float) -> list[str]:
    import textwrap

    notes = list(table.notes)
    if len(table.rows) > _MOST_ROWS:
        notes.insert(0, f"the first {_MOST_ROWS} of {len(table.rows)} rows")
    chars = max(60, int(width * 17))
    return [line for note in notes for line in textwrap.wrap(note, chars)]
