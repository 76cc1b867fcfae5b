"""Plots of the numbers of a data set on one page."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from locany.errors import MissingExtraError
from locany.labels import PALETTE
from locany.pipeline.stats import Stats

_INK, _FAINT = "#16191d", "#69717c"
_TOP = 16  # labels shown
_MAX_LABEL = 28  # characters
# Tried in this order for every letter; those that are not on the system are passed over.
_FONTS = ("Inter", "Noto Sans", "DejaVu Sans", "Noto Sans CJK JP", "Noto Sans Arabic", "Noto Sans Hebrew",
          "Noto Sans Devanagari", "Noto Sans Thai")  # fmt: skip


def write_plots(stats: Stats, path: Path, title: str = "") -> None:
    """Write a PNG with six plots.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib import font_manager
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "data", "plots") from None
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # what no font can write is a box
    known = {font.name for font in font_manager.fontManager.ttflist}
    style: Any = {
        "font.family": [name for name in _FONTS if name in known],
        "font.size": 10,
        "text.color": _INK,
        "axes.edgecolor": _FAINT,
        "axes.labelcolor": _FAINT,
        "axes.titleweight": "bold",
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": _FAINT,
        "ytick.color": _INK,
    }
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(15, 8.6), dpi=110, layout="constrained")
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=14, fontweight="bold")
        axes = figure.subplots(2, 3)
        _tasks(axes[0, 0], stats)
        _counts(axes[0, 1], stats.targets_per_question, "targets per question", PALETTE[0])
        _counts(axes[0, 2], stats.words_per_question, "words per question", PALETTE[2])
        _images(axes[1, 0], stats)
        _boxes(axes[1, 1], stats)
        _labels(axes[1, 2], stats)
        figure.savefig(path, metadata={"Software": None})


def _tasks(axes: Any, stats: Stats) -> None:
    names = sorted(stats.by_task, key=lambda name: stats.by_task[name]["questions"])
    found = [stats.by_task[name]["questions"] - stats.by_task[name]["negatives"] for name in names]
    absent = [stats.by_task[name]["negatives"] for name in names]
    axes.barh(names, found, color=PALETTE[0], label="with targets")
    axes.barh(names, absent, left=found, color=PALETTE[1], label="negative")
    most = max((task["questions"] for task in stats.by_task.values()), default=1)
    axes.set_xlim(0, 1.5 * most)  # room for the legend
    axes.locator_params(axis="x", integer=True)  # as wherever things are counted: there is no half a question
    axes.set_title(f"{stats.num_questions:,} questions by task")
    axes.legend(frameon=False, loc="lower right", borderaxespad=0.6)


def _counts(axes: Any, values: Sequence[int], title: str, color: str) -> None:
    """Whole numbers, a bar each; those above the 99th percentile in one bar at the end."""
    most = max(5, min(40, int(np.percentile(values, 99)))) if values else 5
    counts = Counter(min(value, most + 1) for value in values)
    axes.bar(range(most + 2), [counts[n] for n in range(most + 2)], color=color, width=0.85)
    apart = max(1, most // 8)
    marks = [*range(0, most + 1 - apart, apart), most + 1]
    axes.set_xticks(marks, [f"> {most}" if mark > most else str(mark) for mark in marks])
    axes.locator_params(axis="y", integer=True)
    axes.set_title(title)


def _images(axes: Any, stats: Stats) -> None:
    sizes = Counter(stats.image_sizes)
    widths, heights = zip(*sizes, strict=True) if sizes else ((), ())
    area = [12 + 90 * (count / max(sizes.values())) ** 0.5 for count in sizes.values()]
    axes.scatter(widths, heights, s=area, color=PALETTE[0], alpha=0.4, linewidths=0)
    axes.set_xlim(0)
    axes.set_ylim(0)
    axes.set_xlabel("width, pixels")
    axes.set_ylabel("height, pixels")
    axes.set_title(f"sizes of {stats.num_samples:,} images")


def _boxes(axes: Any, stats: Stats) -> None:
    boxes = np.asarray(stats.box_sizes, float).reshape(-1, 2)
    sides = np.sqrt(np.maximum(boxes.prod(axis=1), 0.25))
    if len(sides):
        edges = np.geomspace(max(0.5, sides.min()), max(2.0, sides.max()) * 1.01, 40)
        axes.hist(sides, bins=edges, color=PALETTE[3])
        axes.set_xscale("log")
        marks = [mark for mark in (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if edges[0] <= mark <= edges[-1]]
        if len(marks) < 2:  # boxes of about one size: an axis with a single number tells no scale
            marks = sorted({round(edges[0]), round(edges[-1])})
        axes.locator_params(axis="y", integer=True)
        axes.set_xticks(marks, [str(mark) for mark in marks])
        axes.minorticks_off()
    axes.set_xlabel("square root of the area, pixels")
    axes.set_title(f"sizes of {len(boxes):,} boxes")


def _labels(axes: Any, stats: Stats) -> None:
    most = sorted(stats.labels.items(), key=lambda item: (-item[1], item[0]))[:_TOP][::-1]
    texts = [label if len(label) <= _MAX_LABEL else label[: _MAX_LABEL - 1] + "…" for label, _ in most]
    # "$" would begin a formula.
    axes.barh(range(len(most)), [count for _, count in most], color=PALETTE[8])
    axes.locator_params(axis="x", integer=True)
    axes.set_yticks(range(len(most)), [text.replace("$", r"\$") for text in texts])
    axes.set_title(f"commonest of {len(stats.labels):,} labels")
