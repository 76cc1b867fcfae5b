"""Fit a calibration to a run: which curve, what it brings on images it has not seen, and the plot of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from locany.errors import DataError
from locany.eval.benchmarks import find_benchmark
from locany.eval.example import Example, Prediction
from locany.eval.metrics.calibration import (
    Bin,
    Scored,
    brier,
    errors_of,
    fit_isotonic,
    fit_platt,
    reliability,
    scored_places,
)
from locany.eval.predictions import by_id
from locany.eval.results_folder import CONFIG, ResultsFolder, digest_of, find_results
from locany.eval.run import choose
from locany.eval.throughput_plots import require_matplotlib
from locany.files import write_whole
from locany.locator.calibration import Calibration

MIN_PLACES = 100  # fewer say nothing about a curve
_STREAM, _VERSION = 7601, 1
_FITS: dict[str, Callable[..., Calibration]] = {"isotonic": fit_isotonic, "platt": fit_platt}
_BEFORE, _AFTER = "#d62728", "#1f77b4"
_LEAST_IN_BIN, _MOST_BINS = 25, 15  # of the drawn curves


@dataclass(frozen=True)
class Fit:
    """A fitted calibration and what it is worth.

    Attributes:
        calibration: fitted on all places, of the kind that did best on held-back ones; None where no curve
            is better than the scores as they are.
        before, after: `errors_of` the held-back places, as they are and calibrated.
        kinds: Brier score on held-back places, by kind; "raw" is of the scores as they are.
        num_places: how many places there are.
        num_images: how many images have such places.
        scored: all places.
        held_back: their scores, each calibrated by a curve that has not seen its half.
    """

    calibration: Calibration | None
    before: dict[str, float]
    after: dict[str, float]
    kinds: dict[str, float]
    num_places: int
    num_images: int
    scored: Scored
    held_back: np.ndarray


def fit_calibration(
    examples: Sequence[Example],
    predictions: Mapping[str, Prediction],
    *,
    iou: float = 0.5,
    fitted_on: str = "",
    seed: int = 0,
) -> Fit:
    """Choose and fit a curve from scores to the share that is right.

    The images are cut into two halves. Each half is calibrated by a curve that was fitted on the other
    one, so all numbers are about images that the curve has not seen. The kind with the least Brier score
    there is fitted once more, on everything.

    Args:
        examples: with their truth.
        predictions: by id, with the model's own scores, not calibrated ones.
        iou: least IoU of a box that counts as right; a point has to lie inside.
        fitted_on: what this is, for people.
        seed: of the cut into halves.

    Raises:
        DataError: fewer than 100 scored places, or all are right, or all wrong.
    """
    scored = scored_places(examples, predictions, iou)
    if len(scored) < MIN_PLACES:
        raise DataError(
            f"a calibration needs at least {MIN_PLACES} boxes or points with scores, got {len(scored)} in "
            f"{len(examples)} examples; evaluate on more, or on a benchmark with boxes as truth"
        )
    if scored.right.all() or not scored.right.any():
        raise DataError(
            f"all {len(scored)} places are {'right' if scored.right.all() else 'wrong'}; there is nothing to "
            "calibrate on; evaluate on a benchmark that is neither too easy nor too hard"
        )
    groups = np.unique(scored.groups)
    if len(groups) < 2:
        raise DataError("a calibration needs places on at least 2 images; evaluate on more")
    order = np.random.default_rng((_STREAM, _VERSION, seed)).permutation(groups)
    second = np.isin(scored.groups, order[len(order) // 2 :])

    held_back = {kind: _held_back(fit, scored, second) for kind, fit in _FITS.items()} | {
        "raw": scored.scores
    }
    kinds = {kind: brier(values, scored.right) for kind, values in held_back.items()}
    best = min(kinds, key=lambda kind: (kinds[kind], kind != "raw"))
    calibration = None
    if best != "raw":
        calibration = _FITS[best](scored.scores, scored.right, fitted_on=fitted_on, iou=iou)
    return Fit(
        calibration,
        errors_of(scored.scores, scored.right),
        errors_of(held_back[best], scored.right),
        kinds,
        len(scored),
        len(groups),
        scored,
        held_back[best],
    )


def read_run(folder: Path) -> tuple[dict[str, Any], list[Example], dict[str, Prediction]]:
    """What was asked in a run of `locany eval`, with the truth, and what came back.

    Returns:
        Its config, the examples and the predictions by id.

    Raises:
        DataError: the folder holds no run or several, or its benchmark is not where or what it was.
    """
    if not (folder / CONFIG).exists():
        finished, unfinished = find_results([folder])
        runs = ", ".join(str(path) for path in sorted([*(run.path for run in finished), *unfinished]))
        raise DataError(f"{folder} holds runs, each in a folder of its own; give one of them: {runs}")
    results = ResultsFolder(folder)
    config = results.config()
    try:
        settings, data = config["settings"], config["data"]
        benchmark = find_benchmark(settings["benchmark"])
        contents = benchmark.open(data["folder"], **data["options"])
        examples = choose(contents.examples, data["limit"])
        asked = settings["examples"]
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{folder} does not say which questions were asked ({error!r}); evaluate again"
        ) from None
    if digest_of(examples) != asked:
        raise DataError(
            f"{data['folder']} holds other questions now than those that {folder} answers; evaluate again"
        )
    return config, examples, by_id(results.predictions())


def _held_back(fit: Callable[..., Calibration], scored: Scored, second: np.ndarray) -> np.ndarray:
    result = np.empty(len(scored))
    for part in (second, ~second):
        result[part] = fit(scored.scores[~part], scored.right[~part])(scored.scores[part])
    return result


def draw_reliability(fit: Fit, path: Path, title: str = "") -> None:
    """Draw the reliability curve before and after, on held-back halves, and where the scores lie, as PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib import pyplot

    figure, (upper, lower) = pyplot.subplots(
        2, 1, figsize=(6.4, 8.4), sharex=True, height_ratios=(4, 1), layout="constrained"
    )
    upper.plot([0, 1], [0, 1], color="#888888", linewidth=1, linestyle=(0, (4, 3)), label="as it should be")
    for scores, errors, colour, words in (
        (fit.scored.scores, fit.before, _BEFORE, "before"),
        (fit.held_back, fit.after, _AFTER, "calibrated on the other half"),
    ):
        label = f"{words}: calibration error {errors['ece']:.3f}, Brier {errors['brier']:.3f}"
        # Bins of equally many: with equal widths, points on the curve could stand for a box or two.
        num_bins = int(np.clip(len(scores) // _LEAST_IN_BIN, 2, _MOST_BINS))
        _curve(upper, reliability(scores, fit.scored.right, num_bins, equal_mass=True), colour, label)
        lower.hist(scores, bins=np.linspace(0, 1, 31), histtype="step", color=colour, linewidth=1.4)
    if fit.calibration is not None:
        x, y = fit.calibration.x, fit.calibration.y
        upper.plot(
            x,
            y,
            color="#333333",
            linewidth=1,
            label=f"the {fit.calibration.kind} curve, fitted on everything",
        )
    upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="share that is right")
    upper.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize=8.5, frameon=False)
    lower.set(xlabel="score", ylabel="places")
    for axis in (upper, lower):
        axis.grid(color="#e6e6e6", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        f"{title}\n{fit.num_places:,} boxes and points on {fit.num_images:,} images; bars: 95 %",
        fontsize=10,
    )
    write_whole(path, lambda file: figure.savefig(file, format="png", dpi=120))
    pyplot.close(figure)


def _curve(axis: Any, bins: Sequence[Bin], colour: str, label: str) -> None:
    shares = np.array([one.share_right for one in bins])
    counts = np.array([one.count for one in bins])
    low, high = _wilson(shares, counts)
    axis.errorbar(
        [one.mean_score for one in bins],
        shares,
        yerr=np.stack([np.maximum(shares - low, 0), np.maximum(high - shares, 0)]),
        color=colour,
        linewidth=1.6,
        elinewidth=0.8,
        marker="o",
        markersize=4,
        label=label,
    )


def _wilson(share: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of a share of `count` (Wilson)."""
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count**2)) / (1 + z * z / count)
    return middle - reach, middle + reach
