"""Plots of a benchmark of speed: what a box costs, and how much faster than the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from locany.errors import MissingExtraError
from locany.eval.throughput_report import GOALS, is_cost
from locany.files import write_whole

_COLOURS = {
    "plain": "#7f7f7f",
    "fast": "#2ca02c",
    "hybrid": "#1f77b4",
    "slow": "#d62728",
    "verified": "#9467bd",
    "same": "#1f77b4",
    "different": "#ff7f0e",
}


def require_matplotlib() -> None:
    """Make sure that plots can be drawn, before anything is measured.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise MissingExtraError("matplotlib", "data", "drawing the plots of a benchmark") from None
    matplotlib.use("agg")


def draw(result: Mapping[str, Any], path: Path) -> None:
    """Draw one shape's result as PNG: cost per box against boxes and against requests, and the ratios."""
    require_matplotlib()
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(15, 4.8), layout="constrained")
    _cost_by_boxes(axes[0], result)
    _cost_by_requests(axes[1], result)
    _ratios(axes[2], result)
    figure.suptitle(
        f"{result['shape']} ({result['what']})\n{result['device']}, {result['dtype']}, image of "
        f"{result['patches']:,} patches, scripted answers; bars and points: median, lines: least to most",
        fontsize=9,
    )
    write_whole(path, lambda file: figure.savefig(file, format="png", dpi=110))
    pyplot.close(figure)


def _cost_by_boxes(axis: Any, result: Mapping[str, Any]) -> None:
    curves: dict[tuple[str, str], list[tuple[int, Any]]] = {}
    for row in result["lengths"]:
        curves.setdefault((row["who"], row["mode"]), []).append((row["boxes"], row["seconds"]))
    for (who, mode), points in sorted(curves.items(), reverse=True):
        colour = _COLOURS["plain"] if who == "plain" else _COLOURS[mode]
        costs = [(n, n, seconds) for n, seconds in points]
        _curve(axis, costs, "plain baseline, hybrid" if who == "plain" else mode, colour)
    _logarithmic(axis, "boxes in the answer", [n for points in curves.values() for n, _ in points])
    axis.set_title("cost of a box, whole requests", fontsize=10)


def _cost_by_requests(axis: Any, result: Mapping[str, Any]) -> None:
    rows = [row for row in result["concurrency"] if row["mode"] == "hybrid"]
    if not rows:
        axis.set_visible(False)
        return
    for images, words in (("same", "questions about one image"), ("different", "each about its own image")):
        mine = [row for row in rows if row["images"] == images]
        costs = [(row["requests"], 20 * row["requests"], row["seconds"]) for row in mine]
        _curve(axis, costs, words, _COLOURS[images])
    decoding = [(row["requests"], 1, row["decode_s_per_box"]) for row in rows if row["images"] == "same"]
    _curve(axis, decoding, "decoding alone", "#17becf")
    _logarithmic(axis, "requests side by side, 20 boxes each", [row["requests"] for row in rows])
    axis.set_title("cost of a box, requests side by side, hybrid", fontsize=10)


def _ratios(axis: Any, result: Mapping[str, Any]) -> None:
    names = [name for name in result["ratios"] if not is_cost(name)][::-1]
    for at, name in enumerate(names):
        spread = result["ratios"][name]
        colour = "#1f77b4" if name in GOALS else "#aec7e8"
        axis.barh(at, spread["median"], color=colour, height=0.65)
        axis.plot((spread["low"], spread["high"]), (at, at), color="black", linewidth=1.2)
        axis.annotate(
            f" {spread['median']:.1f}", (max(spread["high"], spread["median"]), at), va="center", fontsize=8
        )
        if name in GOALS:
            axis.plot((GOALS[name],) * 2, (at - 0.42, at + 0.42), color="#d62728", linewidth=2)
    axis.axvline(1, color="black", linewidth=0.8, linestyle=":")
    axis.set_yticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize=8)
    most = max(max(result["ratios"][name]["high"], GOALS.get(name, 0)) for name in names)
    axis.set_xlim(0, 1.12 * most)
    axis.set_xlabel("times as fast (red: goal)", fontsize=9)
    axis.set_title("ratios within this run", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)


def _curve(axis: Any, costs: list[tuple[int, int, Mapping[str, float]]], label: str, colour: str) -> None:
    """Points (x, boxes to share the time, time) as milliseconds a box, with their spread."""
    if not costs:
        return
    x = [at for at, _, _ in costs]
    median = [1e3 * seconds["median"] / boxes for _, boxes, seconds in costs]
    below = [1e3 * (seconds["median"] - seconds["low"]) / boxes for _, boxes, seconds in costs]
    above = [1e3 * (seconds["high"] - seconds["median"]) / boxes for _, boxes, seconds in costs]
    axis.errorbar(x, median, (below, above), color=colour, label=label, marker="o", markersize=4, capsize=2)


def _logarithmic(axis: Any, label: str, ticks: list[int]) -> None:
    from matplotlib.ticker import LogLocator

    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks(sorted(set(ticks)), [str(n) for n in sorted(set(ticks))])
    axis.minorticks_off()
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_xlabel(label, fontsize=9)
    axis.set_ylabel("ms per box", fontsize=9)
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=8)
