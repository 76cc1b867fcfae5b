"""Text with its place, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locany.eval.metrics.profile import Profile
from locany.eval.metrics.text import TextRule, edit_share, score_text
from locany.tasks import Task
from tests.unit.scores_fixtures import A_HALF, B_NEAR, FAR, A, B, Boxes, by_id, example, prediction

FIXED = Profile.FIXED


def scored(truth: Boxes, found: Boxes, rule: TextRule | None = None, **more: Boxes) -> dict[str, float]:
    asked = example(truth, task=Task.text(), **more)
    return score_text([asked], by_id(prediction(found)), FIXED, rule=rule or TextRule())


def test_a_region_counts_with_its_own_text() -> None:
    """B6 of the spec: Hello is found where World stands."""
    hello, world = (0, 0, 10, 10), (20, 0, 30, 10)
    truth = {"Hello": [hello], "World": [world]}
    scores = scored(truth, {"Hello": [world], "Wor1d": [hello]})
    assert scores["f1@0.5"] == 0.0
    assert scores["detection_f1@0.5"] == 1.0
    published = score_text(
        [example(truth, task=Task.text())],
        by_id(prediction({"Hello": [world], "Wor1d": [hello]})),
        Profile.PUBLISHED,
    )
    assert published["f1@0.5"] == pytest.approx(0.5)


def test_by_hand() -> None:
    """Two of three read and placed, one of them at IoU 0.82; one placed and misread; one too many."""
    truth = {"EXIT": [A], "shop": [B], "12": [(400, 400, 500, 450)]}
    found = {"exit": [A], "shop": [B_NEAR], "13": [(400, 400, 500, 450)], "dog": [FAR]}
    scores = scored(truth, found)
    assert (scores["precision@0.5"], scores["recall@0.5"]) == pytest.approx((2 / 4, 2 / 3))
    assert scores["f1@0.5"] == pytest.approx(4 / 7)
    assert scores["f1@0.95"] == pytest.approx(2 / 7)
    assert scores["f1@mean"] == pytest.approx((7 * 4 + 3 * 2) / 70), "IoU 0.82 passes seven thresholds"
    assert scores["detection_f1@0.5"] == pytest.approx(6 / 7)
    assert scores["1-ned@0.5"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert scores["1-ned_all@0.5"] == pytest.approx(2.5 / 4), "three pairs and one too many"
    assert (scores["num_targets"], scores["num_found"]) == (3, 4)


def test_what_could_not_be_read_is_wrong() -> None:
    answer = replace(prediction({"EXIT": [A]}), num_malformed=2)
    scores = score_text([example({"EXIT": [A]}, task=Task.text())], by_id(answer), Profile.FIXED)
    assert (scores["precision@0.5"], scores["recall@0.5"]) == pytest.approx((1 / 3, 1))
    assert (scores["num_found"], scores["num_malformed"]) == (3, 2)


def test_equal_texts_twice_are_matched_by_place() -> None:
    scores = scored({"no": [A, B]}, {"no": [B, A, A]})
    assert (scores["precision@0.5"], scores["recall@0.5"]) == pytest.approx((2 / 3, 1))


def test_which_texts_are_equal() -> None:
    plain, exact, letters = TextRule(), TextRule(exact=True), TextRule(punctuation=False)
    assert plain("１２  ﬁN\u00a0e") == "12 fin e"
    assert plain("STRASSE") == plain("straße")
    assert plain("don't") != plain("dont")
    assert letters("Don't - 5€!") == "dont 5"
    assert exact("Ａ b") == "Ａ b"
    assert TextRule(exact=True, punctuation=False)("A.b") == "Ab"


def test_dont_care_regions() -> None:
    truth, crowd = {"EXIT": [A]}, {"###": [(180, 180, 320, 320), (0, 0, 110, 110)]}
    with_it = scored(truth, {"EXIT": [A], "blur": [B]}, crowd=crowd)
    assert with_it["f1@0.5"] == 1.0, "EXIT lies in a don't-care region, too, but matches"
    assert with_it["num_found"] == 1
    assert scored(truth, {"EXIT": [A], "blur": [B]})["precision@0.5"] == pytest.approx(0.5)


def test_misread_is_no_dont_care() -> None:
    scores = scored({"EXIT": [A]}, {"EXlT": [A_HALF]}, crowd={"###": [(0, 0, 200, 200)]})
    assert scores["num_found"] == 1
    assert scores["f1@0.5"] == 0.0


def test_nothing_there_and_nothing_found() -> None:
    empty = score_text([example({}, task=Task.text())], by_id(prediction()), FIXED)
    assert (empty["f1@0.5"], empty["1-ned@0.5"], empty["1-ned_all@0.5"]) == (0.0, 0.0, 1.0)
    failed = score_text(
        [example({"a": [A]}, task=Task.text())], by_id(prediction({"a": [A]}, error="x")), FIXED
    )
    assert failed["recall@0.5"] == 0.0


def test_outlines_are_taken_as_boxes() -> None:
    assert scored({"EXIT": [A]}, {"EXIT": [(0, 0, 100, 0, 100, 100, 0, 100)]})["f1@0.95"] == 1.0


def test_edit_share() -> None:
    assert edit_share("kitten", "sitting") == pytest.approx(3 / 7)
    assert edit_share("", "abc") == 1.0
    assert edit_share("abc", "") == 1.0
    assert edit_share("", "") == 0.0


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_edit_share_is_the_textbook_distance(a: str, b: str) -> None:
    table = [[i + j if not (i and j) else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            change = table[i - 1][j - 1] + (a[i - 1] != b[j - 1])
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, change)
    assert edit_share(a, b) == pytest.approx(table[-1][-1] / max(len(a), len(b), 1))
