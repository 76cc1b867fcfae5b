"""The ablation study as pictures: accuracy against speed, what was learnt, and throughput against boxes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from locany.eval.ablation_report import SCALING, Case, lines_of, mean_and_spread, read_results, speeds_of
from locany.eval.throughput_plots import require_matplotlib
from locany.files import write_whole

_POINTS = (
    (Case("digits, slow", "digits", "slow"), "#8c564b", "s"),
    (Case("tokens, slow", "tokens", "slow"), "#7f7f7f", "s"),
    (Case("fixed 4", "fixed4", "fast", 0.7), "#e7a13d", "D"),
    (Case("fixed 6", "fixed6", "fast", 0.7), "#ff7f0e", "D"),
    (Case("blocks alone, fast", "block-only", "fast"), "#98df8a", "o"),
    (Case("parallel, fast", "parallel", "fast"), "#2ca02c", "o"),
    (Case("parallel, hybrid", "parallel", "hybrid"), "#1f77b4", "o"),
    (Case("parallel, verified", "parallel", "verified"), "#9467bd", "o"),
    (Case("parallel, slow", "parallel", "slow"), "#d62728", "o"),
)
_WAYS = ("#8c564b", "#7f7f7f", "#ff7f0e", "#9467bd", "#1f77b4", "#2ca02c")  # in the order of `scaling.WAYS`
_ORDERS = {"center": "#17becf", "area": "#1f77b4", "random": "#9467bd"}


def draw(folder: Path, logs: Mapping[str, Sequence[Mapping[str, float]]], path: Path) -> None:
    """Write the picture as PNG.

    Args:
        folder: with the runs.
        logs: by the name of the run's folder, the lines of its log.
        path: of the picture.

    Raises:
        DataError: nothing has been measured there. MissingExtraError: matplotlib is not installed.
    """
    require_matplotlib()
    from io import BytesIO

    from matplotlib import pyplot

    results = read_results(folder)
    scaling = folder / SCALING
    figure, axes = pyplot.subplots(1, 3 if scaling.is_file() else 2, figsize=(15, 5.6))
    _accuracy_and_speed(axes[0], results)
    _learning(axes[1], logs)
    if scaling.is_file():
        _throughput(axes[2], json.loads(scaling.read_text(encoding="utf-8")))
    figure.tight_layout()
    image = BytesIO()
    figure.savefig(image, format="png", dpi=110)
    pyplot.close(figure)
    write_whole(path, image.getvalue())


def _accuracy_and_speed(axis: Any, results: Sequence[Mapping[str, Any]]) -> None:
    for case, colour, marker in _POINTS:
        lines = lines_of(results, case)
        speeds = speeds_of(lines)
        if not speeds:
            continue
        speed, speed_spread = mean_and_spread(speeds)
        f1, f1_spread = mean_and_spread([100 * line["f1@mean"] for line in lines])
        axis.errorbar(
            speed, f1, f1_spread, speed_spread, fmt=marker, color=colour, label=case.title, capsize=2, ms=7
        )
    axis.set(
        xlabel="boxes/s of one core, batch 1",
        ylabel="F1, mean over IoU (%)",
        title="accuracy and speed",
    )
    axis.grid(alpha=0.3)
    _legend(axis)


def _learning(axis: Any, logs: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    colours = {**_ORDERS, **{case.row: colour for case, colour, _ in reversed(_POINTS)}}
    shown = set()
    for name, lines in sorted(logs.items()):
        row = name.rpartition("-")[0]
        steps = [line["step"] for line in lines if "block_acc" in line]
        if not steps:
            continue
        right = [100 * line["block_acc"] for line in lines if "block_acc" in line]
        label = None if row in shown else row
        shown.add(row)
        axis.plot(steps, right, color=colours[row], label=label, alpha=0.8, lw=1.2)
    axis.set(xlabel="step", ylabel="block slots right in training (%)", title="what blocks learn")
    axis.grid(alpha=0.3)
    if shown:
        _legend(axis)


def _throughput(axis: Any, document: Mapping[str, Any]) -> None:
    for line, colour in zip(document["lines"], _WAYS, strict=False):
        axis.plot(document["boxes"], line["boxes_per_s"], marker="o", ms=4, color=colour, label=line["title"])
    axis.set(xlabel="boxes in the answer", ylabel="boxes/s, batch 1", title="throughput and number of boxes")
    axis.set_yscale("log")
    axis.grid(alpha=0.3, which="both")
    _legend(axis)


def _legend(axis: Any) -> None:
    """Below the picture: there is no corner that stays empty."""
    axis.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, frameon=False)
