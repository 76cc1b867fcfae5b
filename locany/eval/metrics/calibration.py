"""Whether scores mean what they say: reliability curve, calibration error, and curves that mend them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from locany.eval.example import Example, Prediction
from locany.eval.metrics.judged import judge
from locany.eval.metrics.profile import Profile, account
from locany.locator.calibration import Calibration

NUM_BINS = 15
_MARGIN = 1e-3  # calibrated scores stay so far from 0 and 1 that even the ends of a curve can rise
_LOGIT_REACH = 12.0  # scores nearer to 0 or 1 than 6e-6 are treated alike
_NUM_KNOTS = 97
_FLAT = 1e-3  # the least slope of a logistic curve


@dataclass(frozen=True)
class Bin:
    """Detections with scores from `low` to `high`: their mean score, the share that is right, how many."""

    low: float
    high: float
    mean_score: float
    share_right: float
    count: int


@dataclass(frozen=True)
class Scored:
    """Every scored place of a run that counts.

    Attributes:
        scores: [N] in 0..1.
        right: [N] bool.
        groups: [N] int, which image each is on: those on one image are not independent.
    """

    scores: np.ndarray
    right: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)


def scored_places(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], iou: float = 0.5
) -> Scored:
    """Scores and whether they were right, see `judge`; what has no score or is ignored is left out."""
    images = {name: number for number, name in enumerate({e.image_name or e.id: None for e in examples})}
    numbers = {example.id: images[example.image_name or example.id] for example in examples}
    scores, right, groups = [np.zeros(0)], [np.zeros(0, bool)], [np.zeros(0, int)]
    for judged in judge(examples, predictions, iou):
        kept = ~judged.ignored & np.isfinite(judged.scores)
        scores.append(judged.scores[kept])
        right.append(judged.right[kept])
        groups.append(np.full(int(kept.sum()), numbers[judged.example]))
    return Scored(np.concatenate(scores), np.concatenate(right), np.concatenate(groups))


def score_calibration(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile
) -> dict[str, Any]:
    """How well scores say how often boxes are right, at IoU 0.5 (points: inside the target).

    Args:
        examples, predictions: as for every scorer.
        profile: has no say here: nothing was published.

    Returns:
        `ece` and `ece_equal_mass` (expected calibration error), `brier`, `mean_score`, `share_right`,
        `num_scored`, and `account`. Without scores only the counts.
    """
    scored = scored_places(examples, predictions)
    counts = {"num_scored": len(scored), **account(examples, predictions, profile)}
    return {**errors_of(scored.scores, scored.right), **counts} if len(scored) else counts


def errors_of(scores: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """The numbers of `score_calibration` for [N] scores and [N] bool, N at least 1."""
    return {
        "ece": calibration_error(reliability(scores, right)),
        "ece_equal_mass": calibration_error(reliability(scores, right, equal_mass=True)),
        "brier": brier(scores, right),
        "mean_score": float(np.mean(scores)),
        "share_right": float(np.mean(right)),
    }


def reliability(
    scores: ArrayLike, right: ArrayLike, num_bins: int = NUM_BINS, *, equal_mass: bool = False
) -> list[Bin]:
    """The reliability curve: detections sorted into bins by their score; empty bins are left out.

    Args:
        scores: [N] in 0..1.
        right: [N] bool.
        num_bins: at most so many.
        equal_mass: bins of equally many detections (equal scores stay together) in place of equal width.
    """
    score, hit = np.asarray(scores, np.float64), np.asarray(right, np.float64)
    edges = np.linspace(0.0, 1.0, num_bins + 1)
    if equal_mass and len(score):
        edges = np.unique(np.quantile(score, edges, method="lower"))
        edges = edges if len(edges) > 1 else np.repeat(edges, 2)
    which = np.clip(np.searchsorted(edges, score, side="right") - 1, 0, len(edges) - 2)
    bins = []
    for index in range(len(edges) - 1):
        inside = which == index
        if inside.any():
            mean, share = float(score[inside].mean()), float(hit[inside].mean())
            bins.append(Bin(float(edges[index]), float(edges[index + 1]), mean, share, int(inside.sum())))
    return bins


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: the mean over detections of |mean score - share right| of their bin."""
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.mean_score - one.share_right) for one in bins) / total if total else 0.0


def brier(scores: ArrayLike, right: ArrayLike) -> float:
    """Mean squared difference of score and outcome (1 right, 0 wrong); N at least 1."""
    return float(np.mean((np.asarray(scores, np.float64) - np.asarray(right, np.float64)) ** 2))


def level_steps(scores: ArrayLike, right: ArrayLike) -> list[Bin]:
    """Isotonic regression by pooling adjacent violators: the rising steps nearest to the outcomes.

    Args:
        scores: [N].
        right: [N] outcomes, 0 or 1 or between.

    Returns:
        The steps, ascending; `share_right` is the level, which rises strictly. No other curve that never
        falls has a smaller squared error on these outcomes.
    """
    xs, inverse = np.unique(np.asarray(scores, np.float64), return_inverse=True)
    counts = np.bincount(inverse, minlength=len(xs))
    hits = np.bincount(inverse, weights=np.asarray(right, np.float64), minlength=len(xs))
    steps: list[tuple[float, float, float, float, int]] = []  # first and last score, sums, count
    for x, hit, count in zip(xs.tolist(), hits.tolist(), counts.tolist(), strict=True):
        step = (x, x, x * count, hit, count)
        while steps and steps[-1][3] * step[4] >= step[3] * steps[-1][4]:
            low, _, total, right_before, count_before = steps.pop()
            step = (low, x, total + step[2], right_before + step[3], count_before + step[4])
        steps.append(step)
    return [
        Bin(low, high, min(max(total / count, low), high), hit / count, count)
        for low, high, total, hit, count in steps
    ]


def fit_isotonic(scores: ArrayLike, right: ArrayLike, **facts: Any) -> Calibration:
    """A curve through the middles of the steps of `level_steps`, nearly flat before and after them.

    Straight lines in place of steps do better on places that were not seen, and keep every ranking.

    Args:
        scores, right: [N], N at least 1.
        **facts: `fitted_on` and `iou` of the `Calibration`.
    """
    steps = level_steps(scores, right)
    x = [step.mean_score for step in steps]
    y = [_MARGIN + (1 - 2 * _MARGIN) * step.share_right for step in steps]
    if x[0] > 0:
        x, y = [0.0, *x], [y[0] - _MARGIN / 2, *y]
    if x[-1] < 1:
        x, y = [*x, 1.0], [*y, y[-1] + _MARGIN / 2]
    return Calibration(tuple(x), _rising(y), "isotonic", **facts)


def fit_platt(scores: ArrayLike, right: ArrayLike, **facts: Any) -> Calibration:
    """A logistic curve over the logit of the score, by maximum likelihood on slightly softened outcomes.

    Platt's softening, (hits + 1) / (hits + 2) for 1 and 1 / (misses + 2) for 0, keeps the fit finite. A
    slope that would turn the ranking round is taken as nearly flat.

    Args:
        scores, right: [N], N at least 1.
        **facts: `fitted_on` and `iou` of the `Calibration`.
    """
    hit = np.asarray(right, dtype=bool)
    design = np.stack([_logit(np.asarray(scores, np.float64)), np.ones(len(hit))], axis=1)
    target = np.where(hit, (hit.sum() + 1) / (hit.sum() + 2), 1 / ((~hit).sum() + 2))
    beta = np.array([1.0, 0.0])
    loss = _log_loss(design @ beta, target)
    for _ in range(100):
        share = _sigmoid(design @ beta)
        gradient = design.T @ (share - target)
        curvature = (design * (share * (1 - share))[:, None]).T @ design + 1e-9 * np.eye(2)
        step, size = np.linalg.solve(curvature, gradient), 1.0
        while _log_loss(design @ (beta - size * step), target) > loss and size > 1e-6:
            size /= 2
        beta = beta - size * step
        previous, loss = loss, _log_loss(design @ beta, target)
        if previous - loss < 1e-9 * max(loss, 1.0):
            break
    slope, offset = beta.tolist()
    if slope < _FLAT:
        slope, offset = _FLAT, float(_logit(target.mean()))
    at = np.linspace(-_LOGIT_REACH, _LOGIT_REACH, _NUM_KNOTS)
    x = [0.0, *_sigmoid(at).tolist(), 1.0]
    ends = _sigmoid(slope * np.array([-2.0, 2.0]) * _LOGIT_REACH + offset).tolist()
    y = np.array([ends[0], *_sigmoid(slope * at + offset).tolist(), ends[1]])
    # Squeezed a little, so that the tails, too, rise by more than the precision of a float32.
    y = np.linspace(0.0, _MARGIN, len(y)) + (1 - _MARGIN) * y
    return Calibration(tuple(x), _rising(y.tolist()), "platt", **facts)


def _rising(values: Sequence[float]) -> tuple[float, ...]:
    result: list[float] = []
    for value in values:
        result.append(value if not result else max(value, float(np.nextafter(result[-1], 2.0))))
    assert all(0 <= value <= 1 for value in result), f"a curve stays in 0..1, got {result[0]} to {result[-1]}"
    return tuple(result)


def _logit(scores: np.ndarray) -> np.ndarray:
    reach = _sigmoid(np.array(_LOGIT_REACH))
    inside = np.clip(scores, 1 - reach, reach)
    return np.log(inside) - np.log1p(-inside)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * values))


def _log_loss(logits: np.ndarray, target: np.ndarray) -> float:
    return float((np.logaddexp(0.0, logits) - target * logits).sum())
