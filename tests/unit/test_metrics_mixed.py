"""A set of many kinds of tasks: each example counts as its task asks."""

from __future__ import annotations

from typing import Any

import pytest

from locany.eval.benchmarks import BENCHMARKS
from locany.eval.example import Example, Prediction, Query, Truth
from locany.eval.measure import measure
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


def test_what_is_found_where_nothing_is_costs_precision() -> None:
    """Three images with a thing, found, and three without, with or without false alarms."""
    there = [
        Example(f"t{i}", b"", f"t{i}.png", (Query(Task.detect("a")),), Truth({"a": (S,)})) for i in range(3)
    ]
    none = [
        Example(f"n{i}", b"", f"n{i}.png", (Query(Task.detect("a")),), Truth({"a": ()})) for i in range(3)
    ]
    right = {e.id: Prediction(e.id, {"a": (S,)}) for e in there}
    silent = {e.id: Prediction(e.id) for e in none}

    def scores(answers: dict[str, Prediction], examples: list[Example]) -> tuple[float, float]:
        found = score_mixed(examples, answers, Profile.FIXED)
        return found["precision@0.5"], found["recall@0.95"]

    both = [*there, *none]
    assert scores(right | silent, both) == (1, 1), "silence is in no mean"
    alarms = {e.id: Prediction(e.id, {"a": (S,) * 100}) for e in none}
    assert scores(right | alarms, both) == (0.5, 1), "and recall is left alone"
    assert scores(right | silent | {"n0": alarms["n0"]}, both) == (0.75, 1)
    failed = {"n0": Prediction("n0", error="EngineError: no")}
    assert scores(right | silent | failed, both) == (0.75, 1), "no answer is no right one"
    assert scores(silent | {"n0": alarms["n0"]}, none) == pytest.approx((2 / 3, 2 / 3)), "there are no others"
    crowd = [Example("c", b"", "c.png", (Query(Task.detect("a")),), Truth({}, crowd={"a": (S,)}))]
    assert scores(right | {"c": Prediction("c", {"a": (S,)})}, [*there, *crowd]) == (1, 1), "excused"


def test_published_asks_for_nothing_that_is_absent() -> None:
    there = Example("t", b"", "t.png", (Query(Task.detect(["a", "b"])),), Truth({"a": (S,), "b": ()}))
    none = Example("n", b"", "n.png", (Query(Task.detect("a")),), Truth({"a": ()}))
    answers = {"t": Prediction("t", {"a": (S,), "b": (T,)}), "n": Prediction("n")}
    found = measure(BENCHMARKS["folder"], [there, none], answers)["profiles"]
    published, fixed = found["published"]["scores"], found["fixed"]["scores"]
    assert (published["f1@0.5"], published["num_examples"], published["num_dropped"]) == (1, 1, 0)
    assert (fixed["precision@0.5"], fixed["recall@0.5"], fixed["num_examples"]) == (0.5, 1, 2)
    nothing = measure(BENCHMARKS["folder"], [none], answers)["profiles"]["published"]["scores"]
    assert (nothing["f1@0.5"], nothing["num_examples"]) == (0, 0)
