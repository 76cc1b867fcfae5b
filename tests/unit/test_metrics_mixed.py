"""A set of many kinds of tasks: each example counts as its task asks."""

from __future__ import annotations

from typing import Any

import pytest

from locany.eval.example import Example, Prediction, Query, Truth
from locany.eval.metrics.mixed import score_mixed
from locany.eval.metrics.profile import Profile
from locany.tasks import Task

S, T = (0, 0, 10, 10), (20, 20, 30, 30)

# task, truth, found, F1@0.5 and F1@mean when fixed, F1@0.5 when published
CASES: dict[str, tuple[Task, Any, Any, float, float, float]] = {
    "boxes": (Task.detect(["a", "b"]), {"a": (S,), "b": (T,)}, {"a": (S,), "b": (T,)}, 1, 1, 1),
    "names-swapped": (Task.detect(["a", "b"]), {"a": (S,), "b": (T,)}, {"a": (T,), "b": (S,)}, 0, 0, 1),
    "phrase": (Task.refer("the man"), {"the man": (S,)}, {"man": (S,)}, 1, 1, 1),
    "box-by-half": (Task.ground("x"), {"x": (S,)}, {"x": ((0, 0, 10, 5),)}, 1, 0.1, 1),
    "point": (Task.point("x"), {"x": (S,)}, {"x": ((5, 5),)}, 1, 1, 1),
    "box-for-a-point": (Task.point("x"), {"x": (S,)}, {"x": (S,)}, 0, 0, 0),
    "click": (Task.gui("save", point=True), {"save": (S,)}, {"save": ((5, 15),)}, 0, 0, 0),
    "text": (Task.text(), {"Hello": (S,), "hello": (T,)}, {"HELLO": (S, T)}, 1, 1, 1),
    "text-swapped": (Task.text(), {"Hello": (S,), "World": (T,)}, {"Hello": (T,), "World": (S,)}, 0, 0, 1),
    "absent": (Task.detect("a"), {"a": ()}, {}, 1, 1, 0),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_kind(case: Any) -> None:
    task, truth, found, at_50, mean, published = case
    examples = [Example("0", b"", "0.png", (Query(task),), Truth(truth))]
    answers = {"0": Prediction("0", found)}
    fixed = score_mixed(examples, answers, Profile.FIXED)
    assert (fixed["f1@0.5"], fixed["f1@mean"]) == pytest.approx((at_50, mean))
    expected = pytest.approx(published if task.kind.value != "text" or "World" in truth else 2 / 3)
    assert score_mixed(examples, answers, Profile.PUBLISHED)["f1@0.5"] == expected


def test_all_together() -> None:
    examples, answers = [], {}
    for name, (task, truth, found, *_) in CASES.items():
        examples.append(Example(name, b"", "0.png", (Query(task),), Truth(truth)))
        answers[name] = Prediction(name, found)
    del answers["boxes"]
    fixed, published = (score_mixed(examples, answers, p) for p in (Profile.FIXED, Profile.PUBLISHED))
    # All but the missing one and the absent one, which is in no mean.
    assert fixed["f1@0.5"] == pytest.approx((sum(case[3] for case in CASES.values()) - 2) / (len(CASES) - 1))
    assert (fixed["num_scored"], fixed["num_empty"], fixed["num_missing"]) == (len(CASES), 1, 1)
    assert (published["num_scored"], published["num_dropped"]) == (len(CASES) - 1, 1)
