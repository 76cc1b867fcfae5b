"""Reliability, calibration error, and curves that mend scores."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from locany.errors import CheckpointConfigError, DataError
from locany.eval.calibrate import draw_reliability, fit_calibration
from locany.eval.example import Example, Prediction
from locany.eval.metrics.calibration import (
    Bin,
    brier,
    calibration_error,
    errors_of,
    fit_isotonic,
    fit_platt,
    level_steps,
    reliability,
    score_calibration,
    scored_places,
)
from locany.eval.metrics.profile import Profile
from locany.locator.calibration import Calibration, read_calibration, write_calibration
from tests.unit.scores_fixtures import FAR, A, B, by_id, example, prediction

outcomes = st.lists(
    st.tuples(st.floats(0, 1, allow_subnormal=False), st.booleans()), min_size=1, max_size=40
).map(lambda pairs: tuple(np.array(side) for side in zip(*pairs, strict=True)))


# -- by hand ----------------------------------------------------------------------------------------------


def test_reliability_by_hand() -> None:
    scores, right = [0.1, 0.3, 0.9, 0.7, 1.0], [False, True, True, False, True]
    bins = reliability(scores, right, 2)
    assert bins == [
        Bin(0.0, 0.5, pytest.approx(0.2), 0.5, 2),
        Bin(0.5, 1.0, pytest.approx(2.6 / 3), pytest.approx(2 / 3), 3),
    ]
    assert calibration_error(bins) == pytest.approx((2 * 0.3 + 3 * 0.2) / 5)
    assert brier(scores, right) == pytest.approx((0.01 + 0.49 + 0.01 + 0.49 + 0) / 5)
    halves = reliability([0.1, 0.2, 0.8, 0.9], [0, 1, 1, 1], 2, equal_mass=True)
    assert [one.count for one in halves] == [1, 3] or [one.count for one in halves] == [2, 2]
    assert calibration_error([]) == 0.0
    assert reliability([], []) == []
    (one,) = reliability([0.5] * 7, [True] * 7, equal_mass=True)
    assert one == Bin(0.5, 0.5, 0.5, 1.0, 7)


def test_steps_by_hand() -> None:
    """Levels 0, 1/2 (of right, wrong) and 1; equal scores are one."""
    steps = level_steps([0.1, 0.2, 0.3, 0.4, 0.9], [0, 1, 0, 1, 1])
    assert steps == [
        Bin(0.1, 0.1, 0.1, 0.0, 1),
        Bin(0.2, 0.3, 0.25, 0.5, 2),
        Bin(0.4, 0.9, 0.65, 1.0, 2),
    ]
    assert level_steps([0.5, 0.5, 0.5], [1, 0, 0]) == [Bin(0.5, 0.5, 0.5, pytest.approx(1 / 3), 3)]
    assert level_steps([0.1, 0.9], [1, 0]) == [Bin(0.1, 0.9, 0.5, 0.5, 2)]
    curve = fit_isotonic([0.1, 0.2, 0.3, 0.4, 0.9], [0, 1, 0, 1, 1])
    np.testing.assert_allclose(curve([0.1, 0.25, 0.45, 0.65, 1.0]), [0, 0.5, 0.75, 1, 1], atol=2e-3)


def test_what_counts() -> None:
    truth = [example({"dog": [A]}, crowd={"dog": [B]}), example({"dog": [A]}, id="2")]
    found = by_id(
        prediction({"dog": [FAR, A, (210, 210, 250, 250)]}, {"dog": [0.2, 0.6, 0.9]}),
        prediction({"dog": [A]}, id="2"),
    )
    scored = scored_places(truth, found)
    assert scored.scores.tolist() == [0.2, 0.6]
    assert scored.right.tolist() == [False, True]
    assert scored.groups.tolist() == [0, 0]
    scores = score_calibration(truth, found, Profile.FIXED)
    assert scores["ece"] == pytest.approx((0.2 + 0.4) / 2)
    assert (scores["mean_score"], scores["share_right"]) == pytest.approx((0.4, 0.5))
    assert (scores["num_scored"], scores["num_examples"]) == (2, 2)
    assert "ece" not in score_calibration(truth, {}, Profile.FIXED)


# -- what holds always ------------------------------------------------------------------------------------


@pytest.mark.parametrize("equal_mass", [False, True])
def test_scores_that_mean_what_they_say_have_no_error(equal_mass: bool) -> None:
    levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    scores = np.repeat(levels, 100)
    right = np.concatenate([np.arange(100) < round(100 * level) for level in levels])
    assert calibration_error(reliability(scores, right, 10, equal_mass=equal_mass)) == pytest.approx(
        0, abs=1e-12
    )
    for fit in (fit_isotonic, fit_platt):
        np.testing.assert_allclose(fit(scores, right)(levels), levels, atol=0.01)


@given(outcomes, st.booleans())
def test_bins_hold_everything_once(data: tuple[np.ndarray, np.ndarray], equal_mass: bool) -> None:
    scores, right = data
    bins = reliability(scores, right, equal_mass=equal_mass)
    assert sum(one.count for one in bins) == len(scores)
    assert sum(one.count * one.share_right for one in bins) == pytest.approx(right.sum())
    assert all(one.low <= one.mean_score + 1e-9 and one.mean_score <= one.high + 1e-9 for one in bins)


@given(outcomes)
def test_steps_rise_and_never_fit_worse(data: tuple[np.ndarray, np.ndarray]) -> None:
    scores, right = data
    steps = level_steps(scores, right)
    assert all(a.share_right < b.share_right and a.high < b.low for a, b in pairwise(steps))
    assert sum(step.count for step in steps) == len(scores)
    fitted = np.array([next(s.share_right for s in steps if s.low <= score <= s.high) for score in scores])
    assert brier(fitted, right) <= brier(scores, right) + 1e-12
    assert fitted.mean() == pytest.approx(right.mean()), "pooling keeps the mean"


@given(outcomes, st.sampled_from([fit_isotonic, fit_platt]))
def test_curves_keep_every_ranking(data: tuple[np.ndarray, np.ndarray], fit: type) -> None:
    scores, right = data
    curve = fit(scores, right)
    grid = np.linspace(0, 1, 2001)
    values = curve(grid)
    assert (np.diff(values) > 0).all()
    assert values[0] >= 0
    assert values[-1] <= 1
    order = np.argsort(scores, kind="stable")
    assert (np.diff(curve(scores)[order]) >= 0).all()


def test_a_logistic_curve_is_found_again() -> None:
    scores = np.random.default_rng(3).uniform(0.01, 0.99, 20000)
    logit = np.log(scores / (1 - scores))
    true = 1 / (1 + np.exp(-(0.6 * logit - 1)))
    right = np.random.default_rng(4).random(20000) < true
    assert np.abs(fit_platt(scores, right)(scores) - true).max() < 0.03
    assert np.abs(fit_isotonic(scores, right)(scores) - true).mean() < 0.03


@pytest.mark.parametrize("fit", [fit_isotonic, fit_platt])
def test_scores_that_are_upside_down_become_flat(fit: type) -> None:
    scores = np.linspace(0.01, 0.99, 200)
    np.testing.assert_allclose(fit(scores, scores < 0.5)(scores), 0.5, atol=0.02)


# -- a run ------------------------------------------------------------------------------------------------


def sure_of_itself(num: int = 120) -> tuple[list[Example], dict[str, Prediction]]:
    """Scores s where the share that is right is s * s."""
    rng = np.random.default_rng(7)
    examples, found = [], []
    for number in range(num):
        scores = rng.uniform(0.2, 1, 8)
        right = rng.random(8) < scores**2
        places = [(40 * i, 0, 40 * i + 30, 30) for i in range(8)]
        shifted = [(x0, 500, x1, 530) for x0, _, x1, _ in places]
        boxes = [a if ok else b for a, b, ok in zip(places, shifted, right, strict=True)]
        examples.append(example({"dog": places}, id=str(number)))
        found.append(prediction({"dog": boxes}, {"dog": scores.tolist()}, id=str(number)))
    return examples, by_id(*found)


def test_a_fit_mends_held_back_scores(tmp_path: Path) -> None:
    examples, predictions = sure_of_itself()
    fit = fit_calibration(examples, predictions, fitted_on="a test")
    assert (fit.num_places, fit.num_images) == (960, 120)
    assert fit.before["ece"] > 0.12
    assert fit.after["ece"] < 0.06
    assert fit.after["brier"] < fit.before["brier"]
    assert fit.calibration is not None
    assert fit.calibration.kind == min(("isotonic", "platt"), key=fit.kinds.__getitem__)
    grid = np.linspace(0.25, 0.95, 15)
    np.testing.assert_allclose(fit.calibration(grid), grid**2, atol=0.1)

    calibrated = {
        key: replace(p, scores={name: tuple(fit.calibration(s).tolist()) for name, s in p.scores.items()})
        for key, p in predictions.items()
    }
    mended = score_calibration(examples, calibrated, Profile.FIXED)
    assert mended["ece"] < 0.05
    assert fit_calibration(examples, predictions).kinds == fit.kinds, "the halves are always the same"
    assert fit_calibration(examples, predictions, seed=1).kinds != fit.kinds

    draw_reliability(fit, tmp_path / "curve.png", "a test")
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.size[0] > 500


def test_good_scores_stay_as_they_are() -> None:
    """Boxes right as often as they say: no curve does better than the scores on images it has not seen."""
    places = [(40 * i, 0, 40 * i + 30, 30) for i in range(4)]
    right = [(1, 1, 1, 0), (1, 1, 0, 1), (1, 0, 1, 1), (0, 1, 1, 1)]
    examples, found = [], []
    for number in range(60):
        boxes = [
            box if ok else (box[0], 500, box[2], 530)
            for box, ok in zip(places, right[number % 4], strict=True)
        ]
        examples.append(example({"dog": places}, id=str(number)))
        found.append(prediction({"dog": boxes}, {"dog": [0.75] * 4}, id=str(number)))
    fit = fit_calibration(examples, by_id(*found))
    assert fit.calibration is None
    assert fit.after == fit.before == errors_of(fit.scored.scores, fit.scored.right)


def test_too_little_to_fit() -> None:
    examples, predictions = sure_of_itself(6)
    with pytest.raises(DataError, match=r"at least 100 .* got 48"):
        fit_calibration(examples, predictions)
    examples, predictions = sure_of_itself(20)
    right = {
        key: prediction(one.truth.boxes, {"dog": [0.5] * 8}, id=key) for key, one in _by_id(examples).items()
    }
    with pytest.raises(DataError, match="all 160 places are right"):
        fit_calibration(examples, right)


def _by_id(examples: list[Example]) -> dict[str, Example]:
    return {one.id: one for one in examples}


# -- the file ---------------------------------------------------------------------------------------------


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    curve = fit_isotonic(*sample())
    assert read_calibration(tmp_path) is None
    path = write_calibration(curve, tmp_path)
    assert path.name == "calibration.json"
    assert read_calibration(tmp_path) == curve
    document = json.loads(path.read_text())
    assert list(document) == ["format", "kind", "x", "y", "fitted_on", "iou", "weights"]
    assert document["format"] == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format is 2"),
        ({"x": None}, "float|iterable|NoneType"),
        ({"x": [0, 1]}, "equally many"),
        ({"x": [0.0], "y": [0.0]}, "at least 2"),
        ({"x": [0, 0.5, 0.5, 1], "y": [0, 0.1, 0.2, 0.3]}, "x must rise"),
        ({"x": [0.1, 1], "y": [0, 1]}, "from 0 to 1"),
        ({"x": [0, 1], "y": [1, 0]}, "y must rise"),
        ({"x": [0, 1], "y": [0, 1.5]}, "y must"),
        ({"x": [0, 1], "y": [float("nan"), 1]}, "y must"),
        ({"kind": 3}, "kind is 3"),
        ({"iou": "half"}, "iou is 'half'"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    document = fit_isotonic(*sample()).to_json() | change
    (tmp_path / "calibration.json").write_text(json.dumps(document))
    with pytest.raises(CheckpointConfigError, match=words) as caught:
        read_calibration(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "calibration.json"))


@pytest.mark.parametrize("text", ["", "[1]", "{", "{}"])
def test_what_is_no_calibration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "calibration.json").write_text(text)
    with pytest.raises(CheckpointConfigError, match=r"calibration\.json"):
        read_calibration(tmp_path)


def test_a_curve_is_read_between_its_knots() -> None:
    curve = Calibration((0.0, 0.5, 1.0), (0.0, 0.2, 1.0), "isotonic")
    np.testing.assert_allclose(curve([[0.0, 0.25], [0.75, 1.0]]), [[0.0, 0.1], [0.6, 1.0]])


def sample() -> tuple[np.ndarray, np.ndarray]:
    scores = np.random.default_rng(1).random(100)
    return scores, np.random.default_rng(2).random(100) < scores**2
