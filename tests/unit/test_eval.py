"""Measuring: what counts as right, which questions are asked, and what a scorecard says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locany.data.sample import Question, Sample, Target
from locany.errors import DataError
from locany.eval.detection import Counts, count, count_labels, hits, total
from locany.eval.scorecard import Asked, Line, ask, choose_questions, cost, facts, score, set_of
from locany.results import Detections, Provenance
from locany.tasks import Task, TaskKind

SIZE = (100, 80)
Box = tuple[float, float, float, float]


def detections(*found: tuple[str, Box], points: bool = False, **more: Any) -> Detections:
    num = len(found)
    xyxy = np.asarray([box for _, box in found], float).reshape(-1, 4)
    if points:
        xyxy = np.tile((xyxy[:, :2] + xyxy[:, 2:]) / 2, 2)
    return Detections(
        xyxy=xyxy, labels=[label for label, _ in found], scores=np.ones(num), size_wh=SIZE,
        provenance=[Provenance.PARALLEL] * num, is_point=np.full(num, points), **more,
    )  # fmt: skip


def question(task: Task, *targets: tuple[str, Box]) -> Question:
    return Question(task, tuple(Target(label, box) for label, box in targets))


A: Box = (10, 10, 30, 30)
B: Box = (50, 40, 70, 60)


def test_a_box_is_right_with_the_same_label_and_enough_overlap() -> None:
    asked = question(Task.detect(["cat", "dog"]), ("cat", A), ("dog", B))
    assert count(asked, detections(("cat", A), ("dog", B))).f1 == 1
    swapped = count(asked, detections(("dog", A), ("cat", B)))
    assert (swapped.num_matched, swapped.num_detections, swapped.num_targets) == (0, 2, 2)
    shifted = detections(("cat", (10, 10, 30, 21)))  # IoU 0.55
    assert count(asked, shifted).num_matched == 1
    assert count(asked, shifted, iou=0.6).num_matched == 0
    assert count(asked, detections(("cat", A), ("cat", A))).num_matched == 1, "a target counts once"


def test_all_text_can_be_measured_without_reading_it() -> None:
    asked = question(Task.text(), ("Menu", A), ("Café", B))
    misread = detections(("Menu", A), ("Cafe", B))
    assert count(asked, misread).num_matched == 1
    assert count(asked, misread, labels=False).f1 == 1
    crowded = detections(("x", A), ("y", A), ("z", B))
    assert count(asked, crowded, labels=False).num_matched == 2, "one box one target, across labels"


def test_absent_names_are_answered_with_nothing() -> None:
    asked = question(Task.detect(["cat", "cow"]), ("cat", A))
    assert count(asked, detections(("cat", A))).absent_right == 1
    wrong = count(asked, detections(("cat", A), ("cow", B)))
    assert (wrong.num_absent, wrong.num_absent_right) == (1, 0)
    nothing = count(question(Task.ground("a cow")), detections())
    assert (nothing.f1, nothing.num_absent_right, nothing.accuracy) == (1, 1, 1)
    assert count(question(Task.text()), detections(), labels=False).num_absent == 0, "all text names nothing"


def test_a_hit_is_the_first_place_in_the_box() -> None:
    asked = question(Task.gui("the Save button", point=True), ("the Save button", A))
    inside, outside = ("the Save button", A), ("the Save button", B)
    assert hits(asked, detections(inside, points=True))
    assert not hits(asked, detections(outside, inside, points=True)), "only the first counts"
    assert not hits(asked, detections())
    assert hits(question(Task.gui("the Save button"), inside), detections(("other", A))), (
        "labels do not count"
    )
    assert count(asked, detections(inside, points=True)).f1 == 1


def test_targets_known_by_a_point() -> None:
    asked = Question(Task.point("nose"), (Target("nose", point=(12.0, 13.0)),))
    there = detections(("nose", (12, 13, 12, 13)), points=True)
    assert count(asked, there).num_matched == 1


BOXES = st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 40)] * 2).map(
    lambda v: (float(v[0]), float(v[1]), float(v[0] + v[2]), float(v[1] + v[3]))
)
NAMED = st.lists(st.tuples(st.sampled_from("abc"), BOXES), max_size=6)


@given(NAMED, NAMED)
def test_counts_stay_within_bounds(there: list[tuple[str, Box]], found: list[tuple[str, Box]]) -> None:
    asked, answer = question(Task.detect(["a", "b", "c"]), *there), detections(*found)
    counts, loose = count(asked, answer), count(asked, answer, labels=False)
    assert counts.num_matched <= loose.num_matched <= min(len(there), len(found))
    assert (counts.num_detections, counts.num_targets) == (len(found), len(there))
    assert counts.num_absent_right <= counts.num_absent <= 3
    assert total(count_labels(asked, answer).values()).num_matched == counts.num_matched
    perfect = count(asked, detections(*there))
    assert perfect.f1 == 1
    assert (0 <= counts.f1 <= 1) and (0 <= counts.accuracy <= 1)  # noqa: PT018


def test_counts_add_up() -> None:
    one = count(question(Task.ground("a"), ("a", A)), detections(("a", A), truncated=True))
    two = total([one, one])
    assert (two.num_questions, two.num_hits, two.num_truncated, two.num_matched) == (2, 2, 2, 2)
    assert Counts() + one == one
    assert facts(two)["f1"] == 1
    assert facts(two)["absent_right"] is None


# -- scorecard ----------------------------------------------------------------------------------------------


def sample(number: int, name: str, num_questions: int = 6) -> Sample:
    """An image of its own width, with boxes to detect, to click on, and to read."""
    questions = []
    for i in range(num_questions):
        phrase = f"thing {number} {i}"
        tasks = (Task.ground(phrase), Task.gui(phrase, point=True), Task.find_text(phrase))
        questions.append(question(tasks[i % 3], (phrase, A)))
    questions.append(question(Task.detect([f"absent {number}"])))
    return Sample(np.zeros((80, 100 + number, 3), np.uint8), tuple(questions), provenance={"source": name})


class Perfect:
    """Answers with the truth, and remembers how it was asked."""

    def __init__(self, samples: Iterable[Sample]):
        self.samples = {s.size_wh: s for s in samples}
        self.calls: list[tuple[int, dict[str, Any]]] = []

    def locate_many(self, questions: Iterable[tuple[np.ndarray, Task]], **options: Any) -> list[Detections]:
        answers = []
        for pixels, task in questions:
            of = self.samples[(pixels.shape[1], pixels.shape[0])]
            (asked,) = [q for q in of.questions if q.task == task]
            found = [(t.label, t.xyxy) for t in asked.targets if t.xyxy]
            answers.append(replace(detections(*found, points=task.expects_points), size_wh=of.size_wh))
        self.calls.append((len(answers), options))
        return answers


SAMPLES = [sample(n, ("pages", "signs")[n % 2]) for n in range(8)]
LINES = (
    Line("phrases", ("pages", "signs"), (TaskKind.GROUND,), goal=0.5),
    Line("clicks", ("pages",), (TaskKind.GUI_POINT,), "accuracy"),
    Line("absent", ("signs",), (TaskKind.DETECT,), "absent_right"),
    Line("nothing of the kind", ("signs",), (TaskKind.LAYOUT,)),
)


def names(asked: Iterable[Asked]) -> list[tuple[int, Task]]:
    return [(a.number, a.question.task) for a in asked]


def test_questions_are_chosen_by_family_and_always_the_same() -> None:
    asked = choose_questions(SAMPLES, most=1)
    assert names(asked) == names(choose_questions(iter(SAMPLES), most=1))
    assert len(asked) == 8 * 4, "one of each of the four families about every image"
    assert [a.set for a in asked] == ["pages"] * 16 + ["signs"] * 16
    assert len(choose_questions(SAMPLES, most=100)) == 8 * 7
    few = choose_questions(SAMPLES, most=1, images=2, sets=["signs"])
    assert names(few) == [(n, t) for n, t in names(asked) if n in (1, 3)], (
        "what else is asked changes nothing"
    )
    assert len({i for _, i in ((a.number, a.sample.questions.index(a.question)) for a in asked)}) > 4
    with pytest.raises(DataError, match="no samples of icons; there are: pages, signs"):
        choose_questions(SAMPLES, sets=["icons"])


def test_set_of_a_sample() -> None:
    assert set_of(SAMPLES[0]) == "pages"
    assert set_of(replace(SAMPLES[0], provenance={"renderer": "gui"})) == "gui"
    assert set_of(replace(SAMPLES[0], provenance={})) == "samples"


def test_perfect_answers_get_full_marks() -> None:
    asked = choose_questions(SAMPLES, most=2)
    locator: Any = Perfect(SAMPLES)
    answers = ask(locator, asked[::-1], "slow", max_new_tokens=99)
    assert [options for _, options in locator.calls] == [
        {"mode": "slow", "max_new_tokens": 99, "presence": 0.5}
    ] * 2
    found = score(LINES, answers)
    assert list(found) == ["phrases", "clicks", "absent"], "lines without a question are left out"
    assert found["phrases"].f1 == found["clicks"].accuracy == found["absent"].absent_right == 1
    assert found["phrases"].num_questions == 16
    costs = cost(answers)
    assert costs["pages"]["images"] == 4
    assert costs["pages"]["questions"] == sum(a.set == "pages" for a in asked)
