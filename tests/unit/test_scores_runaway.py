"""Absent names, runaway answers, doubles, tables by name and referring, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from locany.eval.detection import Counts
from locany.eval.example import Truth
from locany.eval.metrics.absent import score_absent
from locany.eval.metrics.boxes import score_boxes
from locany.eval.metrics.by_name import score_first, scores_by_name
from locany.eval.metrics.duplicates import has_large_box, is_repetitive, score_duplicates, share_of_doubles
from locany.eval.metrics.judged import judge
from locany.eval.metrics.profile import Profile
from locany.tasks import Task
from tests.unit.scores_fixtures import A_HALF, B_NEAR, FAR, A, B, by_id, example, prediction

FIXED = Profile.FIXED


# -- absent -----------------------------------------------------------------------------------------------


def test_absent_names() -> None:
    """Five names: one stated, one silent, one with two false alarms, one stated and found, one failed."""
    examples = [
        example({"dog": [A], "cat": [B], "cow": [], "pig": [], "hen": [], "ox": []}),
        example({"cow": []}, id="2"),
    ]
    found = by_id(
        prediction({"dog": [A], "hen": [FAR, A], "ox": [B], "unicorn": [B]}, absent=["cat", "cow", "ox"]),
        prediction(id="2", error="no memory"),
    )
    scores = score_absent(examples, found, FIXED)
    assert scores["num_absent"] == 5
    assert scores["num_present"] == 2
    assert scores["absent_right"] == pytest.approx(2 / 5)
    assert scores["absent_stated"] == pytest.approx(1 / 5)
    assert scores["absent_silent"] == pytest.approx(1 / 5)
    assert scores["false_alarms"] == pytest.approx(3 / 5)
    assert scores["present_denied"] == pytest.approx(1 / 2)


def test_without_absent_names_there_is_no_share() -> None:
    scores = score_absent([example({"dog": [A]}, crowd={"cat": [B]})], by_id(prediction({"dog": [A]})), FIXED)
    assert "absent_right" not in scores
    assert (scores["num_absent"], scores["num_present"]) == (0, 1)


# -- runaway answers --------------------------------------------------------------------------------------


def test_a_repetitive_answer_repeats_and_is_long() -> None:
    truth = example({"car": [A, B, FAR]})
    assert is_repetitive(truth, prediction({"car": [A] * 10}))
    assert not is_repetitive(truth, prediction({"car": [A] * 6})), "six are not more than twice three"
    assert not is_repetitive(truth, prediction({"car": [A] * 5 + [B] + [A] * 5})), "not ten in a row"
    assert is_repetitive(truth, prediction({"car": [(5, i, 50, 60) for i in range(10)]})), (
        "one edge is enough"
    )
    assert not is_repetitive(truth, prediction({"car": [(i, i, 50 + i, 60 + i) for i in range(50)]}))
    many = example({"car": [(i, 0, i + 5, 5) for i in range(5)]})
    assert not is_repetitive(many, prediction({"car": [A] * 10})), "ten are not more than twice five"
    assert is_repetitive(example({}), prediction({"car": [A] * 4, "bus": [A] * 6})), "on from name to name"


def test_a_large_box_is_alone_and_covers_the_image() -> None:
    assert has_large_box(prediction({"car": [(0, 0, 1000, 951)]}))
    assert not has_large_box(prediction({"car": [(0, 0, 1000, 950)]})), "exactly 95 %"
    assert not has_large_box(prediction({"car": [(0, 0, 1000, 1000), A]}))
    assert not has_large_box(prediction({"car": [(0, 0, 2000, 900)]})), "what lies outside does not count"
    assert not has_large_box(prediction({"car": [(0, 0, 1000, 1000)]}, size_wh=None))
    assert not has_large_box(prediction())


def test_doubles_have_an_earlier_one_of_their_name() -> None:
    found = by_id(
        prediction({"dog": [A, B, A, (0, 0, 100, 91), A_HALF], "cat": [A]}),
        prediction({"dog": [A], "cat": [(5, 5)]}, id="2"),
    )
    assert share_of_doubles(found) == pytest.approx(2 / 7)
    assert share_of_doubles({}) == 0.0


def test_scores_before_and_after_removal() -> None:
    examples = [
        example({"car": [A, B]}),
        example({"car": [A]}, id="2"),
        example({"car": [A, B]}, id="3"),
        example({"car": [B]}, id="4"),
    ]
    found = by_id(
        prediction({"car": [A, B]}),
        prediction({"car": [A] * 20}, id="2"),
        prediction({"car": [(0, 0, 999, 999)]}, id="3"),
    )
    scores = score_duplicates(examples, found, FIXED, scorer=score_boxes)
    assert (scores["num_repetitive"], scores["num_large_box"], scores["num_examples"]) == (1, 1, 4)
    assert (scores["repetitive"], scores["large_box"]) == (0.25, 0.25)
    assert scores["doubles"] == pytest.approx(19 / 23)
    # Precision of the images 1, .05, 0, 0 and recall 1, 1, 0, 0.
    assert scores["all/precision@0.5"] == pytest.approx(1.05 / 4)
    assert scores["without_repetitive/precision@0.5"] == pytest.approx(1 / 3)
    assert scores["without_repetitive/recall@0.5"] == pytest.approx(1 / 3)
    assert scores["without_large_box/recall@0.5"] == pytest.approx(2 / 3)
    assert scores["without_large_box/num_examples"] == 3
    assert not any("/" in key for key in score_duplicates(examples, found, FIXED))


# -- right and wrong --------------------------------------------------------------------------------------


def test_judged() -> None:
    truth = example({"dog": [A, B], "cat": [FAR]}, crowd={"dog": [(400, 400, 500, 500)]}, partial=["cat"])
    found = prediction(
        {"dog": [A, A, (410, 410, 450, 450), (50.0, 50.0)], "cat": [A, FAR], "cow": [A]},
        {"dog": [0.9, 0.8, 0.7, 0.6], "cow": [0.5]},
    )
    lines = {line.name: line for line in judge([truth], by_id(found))}
    assert sorted(lines["dog"].right.tolist()) == [False, False, False, True], (
        "one A, whichever; the point, too"
    )
    assert lines["dog"].ignored.tolist() == [False, False, True, False]
    assert lines["cat"].right.tolist() == [False, True]
    assert lines["cat"].ignored.tolist() == [True, False]
    assert lines["cow"].right.tolist() == [False]
    assert lines["cow"].num_targets == 0


def test_the_better_of_two_is_right() -> None:
    truth = example({"dog": [B]})
    (line,) = judge([truth], by_id(prediction({"dog": [B_NEAR, B]})))
    assert line.right.tolist() == [False, True]


def test_points_lie_inside() -> None:
    truth = example({"dog": [A, B]}, task=Task.point("dog"))
    (line,) = judge([truth], by_id(prediction({"dog": [(100, 100), (50, 50), (250, 250), (150, 150)]})))
    assert line.right.sum() == 2
    assert line.right.tolist()[2:] == [True, False]


def test_masks_are_for_points() -> None:
    """20 x 20 pixels, of which the first ten rows and columns are the mask (spec `evaluation` 7.1, m1)."""
    mask = {"counts": "0::00000000000000000X6", "size": [20, 20]}
    asked = example({}, task=Task.point("dog"))
    truth = replace(asked, truth=Truth(masks={"dog": (mask,)}))
    (line,) = judge([truth], by_id(prediction({"dog": [(15, 15), (5, 5), (0, 0, 10, 10), (9.9, 9.9)]})))
    assert line.right.sum() == 1, "one target"
    assert not line.right[[0, 2]].any(), "outside, and a box"
    assert line.num_targets == 1


def test_all_text_is_judged_by_place() -> None:
    truth = example({"EXIT": [A], "shop": [B]}, task=Task.text())
    found = prediction({"EX1T": [A], "shop": [FAR]}, {"EX1T": [0.5], "shop": [0.25]})
    (line,) = judge([truth], by_id(found))
    assert line.right.tolist() == [True, False]
    assert line.scores.tolist() == [0.5, 0.25]
    assert line.num_targets == 2


def test_scores_by_name() -> None:
    examples = [example({"dog": [A], "cat": [B, FAR], "cow": []}), example({"dog": [B]}, id="2")]
    found = by_id(prediction({"dog": [A, FAR], "cat": [B]}), prediction({"dog": [B], "hen": [A]}, id="2"))
    counts = scores_by_name(examples, found)
    expected = {"cat": Counts(1, 1, 2), "dog": Counts(2, 3, 2), "hen": Counts(0, 1, 0)}
    assert list(counts.items()) == list(expected.items())
    assert [c.f1 for c in counts.values()] == pytest.approx([2 / 3, 4 / 5, 0])


def test_first_answers() -> None:
    examples = [example({"the dog": [A]}, id=str(number)) for number in range(5)]
    examples.append(example({"the dog": []}, id="5"))
    found = by_id(
        prediction({"dog": [A_HALF]}, id="0"),
        prediction({"the dog": [A, FAR]}, id="1"),
        prediction({"the dog": [FAR, A]}, id="2"),
        prediction({"the dog": [(50, 50)]}, id="3"),
        prediction(id="5"),
    )
    scores = score_first(examples, found, FIXED)
    assert scores["accuracy@0.5"] == pytest.approx(4 / 6)
    assert scores["only@0.5"] == pytest.approx(3 / 6)
    assert scores["num_missing"] == 1
