"""Average precision, by hand."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

from locany.errors import DataError, MissingExtraError
from locany.eval.metrics.ap import score_ap
from locany.eval.metrics.profile import Profile
from tests.unit.scores_fixtures import A_HALF, B_NEAR, FAR, A, B, by_id, example, prediction

pytest.importorskip("faster_coco_eval")
FIXED = Profile.FIXED


def test_all_right_is_one() -> None:
    examples = [example({"dog": [A, B], "cat": [FAR]}), example({"cat": [A], "dog": []}, id="2")]
    found = by_id(
        prediction({"dog": [B, A], "cat": [FAR]}, {"dog": [0.2, 0.9], "cat": [0.1]}),
        prediction({"cat": [A]}, {"cat": [0.5]}, id="2"),
    )
    scores = score_ap(examples, found, FIXED)
    for key in ("ap@mean", "ap@0.5", "ap@0.75", "ap_large@mean", "ar@mean"):
        assert scores[key] == pytest.approx(1.0)
    assert "ap_small@mean" not in scores, "nothing is small"
    assert (scores["num_examples"], scores["num_names"], scores["num_unscored"]) == (2, 2, 0)


def test_by_hand() -> None:
    """Of A and B: A at 0.9, a false one at 0.8, B at 0.7, IoU 0.82.

    At IoU 0.5 to 0.8 precision is 1 up to recall 0.5 (51 of the 101 points of the grid), then 2/3; above,
    B is not found.
    """
    found = by_id(prediction({"dog": [A, FAR, B_NEAR]}, {"dog": [0.9, 0.8, 0.7]}))
    scores = score_ap([example({"dog": [A, B]})], found, FIXED)
    both, one = (51 + 50 * 2 / 3) / 101, 51 / 101
    assert scores["ap@0.5"] == pytest.approx(both)
    assert scores["ap@0.75"] == pytest.approx(both)
    assert scores["ap@mean"] == pytest.approx((7 * both + 3 * one) / 10)
    assert scores["ar@mean"] == pytest.approx(0.85)


def test_the_order_of_scores_counts() -> None:
    truth = [example({"dog": [A]})]
    sure = score_ap(truth, by_id(prediction({"dog": [A, FAR]}, {"dog": [0.9, 0.1]})), FIXED)
    wrong = score_ap(truth, by_id(prediction({"dog": [A, FAR]}, {"dog": [0.1, 0.9]})), FIXED)
    assert (sure["ap@0.5"], wrong["ap@0.5"]) == pytest.approx((1.0, 0.5))


def test_names_are_averaged_and_strange_names_do_not_count() -> None:
    found = by_id(prediction({"dog": [A], "unicorn": [FAR]}, {"dog": [0.5], "unicorn": [0.9]}))
    assert score_ap([example({"dog": [A], "cat": [B]})], found, FIXED)["ap@0.5"] == pytest.approx(0.5)


def test_a_crowd_is_neither_for_nor_against() -> None:
    truth = [example({"dog": [A]}, crowd={"dog": [B]})]
    found = by_id(prediction({"dog": [(210, 210, 250, 250), A]}, {"dog": [0.9, 0.1]}))
    assert score_ap(truth, found, FIXED)["ap@0.5"] == pytest.approx(1.0)


def test_lvis_forgives_what_was_not_annotated() -> None:
    found = by_id(
        prediction({"dog": [FAR, A], "cat": [FAR]}, {"dog": [0.9, 0.5], "cat": [0.9]}),
        prediction({"cat": [A]}, {"cat": [0.5]}, id="2"),
    )
    second = example({"cat": [A]}, id="2")
    strict = score_ap([example({"dog": [A]}), second], found, FIXED)
    assert strict["ap@0.5"] == pytest.approx(0.5), "one false alarm before each"
    partial = score_ap([example({"dog": [A]}, partial=["dog"]), second], found, FIXED)
    assert partial["ap@0.5"] == pytest.approx(1.0), "dogs are not all annotated, of cats nothing is known"
    absent = score_ap([example({"dog": [A], "cat": []}, partial=["dog"]), second], found, FIXED)
    assert absent["ap@0.5"] == pytest.approx(0.75), "that there is no cat is known"
    assert score_ap([example({"dog": [A]}), second], found, FIXED, federated=True)["ap@0.5"] == pytest.approx(
        0.75
    )


def test_what_is_no_box_is_a_wrong_box_and_no_score_is_sure() -> None:
    truth = [example({"dog": [A]})]
    scores = score_ap(truth, by_id(prediction({"dog": [(1, 2, 3), A]})), FIXED)
    assert scores["ap@0.5"] == pytest.approx(0.5)
    assert scores["num_unscored"] == 2
    infinite = by_id(prediction({"dog": [(0, 0, float("nan"), 5), A]}, {"dog": [0.9, 0.5]}))
    assert score_ap(truth, infinite, FIXED)["ap@0.5"] == pytest.approx(0.5)


def test_nothing_found() -> None:
    truth = [example({"dog": [A_HALF]}), example({"dog": [A]}, id="2")]
    failed = by_id(prediction({"dog": [A]}, {"dog": [1.0]}, id="2", error="no memory"))
    scores = score_ap(truth, failed, FIXED)
    assert scores["ap@mean"] == 0.0
    assert (scores["num_missing"], scores["num_failed"]) == (1, 1)


def test_more_than_a_hundred_targets_can_all_be_found() -> None:
    boxes = [(20 * i, 0, 20 * i + 10, 10) for i in range(150)]
    found = by_id(prediction({"dog": boxes}, {"dog": [0.5] * 150}))
    scores = score_ap([example({"dog": boxes})], found, FIXED)
    assert scores["ap@0.5"] == pytest.approx(1.0)
    assert scores["ap_small@mean"] == pytest.approx(1.0)


def test_without_any_box_there_is_nothing_to_average() -> None:
    with pytest.raises(DataError, match="none of 1 examples"):
        score_ap([example({"dog": []})], {}, FIXED)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *arguments: Any, **more: Any) -> Any:
        if name.startswith("faster_coco_eval"):
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"locany\[eval\]"):
        score_ap([example({"dog": [A]})], {}, FIXED)
