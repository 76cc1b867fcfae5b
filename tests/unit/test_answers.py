"""What is asked of a sample this time: order, negatives, limits, and that chance comes from the key alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locany.data.answers import AnswerConfig, BoxOrder, answer_rng, choose_questions
from locany.data.encode import answer_groups, in_order
from locany.data.sample import Question, Sample, Target
from locany.errors import DataError
from locany.tasks import Task, TaskKind

PIXELS = np.zeros((100, 100, 3), np.uint8)
NAMES = tuple(f"name {i}" for i in range(50))


def box_of(number: int) -> tuple[float, float, float, float]:
    return (number % 90, number // 90, number % 90 + 5, number // 90 + 5)


def detect(**counts: int) -> Question:
    targets = tuple(Target(name, box_of(i)) for name, n in counts.items() for i in range(n))
    return Question(Task.detect(list(counts)), targets)


def scene(*questions: Question, objects: tuple[Target, ...] = ()) -> Sample:
    return Sample(PIXELS, questions, objects)


def choose(sample: Sample, config: AnswerConfig, epoch: int = 0, absent: tuple[str, ...] = NAMES):
    return choose_questions(sample, config, answer_rng(1, 2, epoch), absent)


# --- order ----------------------------------------------------------------------------------------

BOXES = [(50, 10, 60, 90), (10, 80, 20, 90), (10, 30, 90, 40), (5, 95, 6, 96)]


def test_four_orders():
    assert in_order(BOXES, BoxOrder.CORNER) == [BOXES[3], BOXES[2], BOXES[1], BOXES[0]]
    assert in_order(BOXES, BoxOrder.CENTER) == [BOXES[2], BOXES[0], BOXES[1], BOXES[3]]
    assert in_order(BOXES, BoxOrder.AREA) == [BOXES[2], BOXES[0], BOXES[1], BOXES[3]]
    shuffled = [tuple(in_order(BOXES, BoxOrder.RANDOM, answer_rng(0, 0, epoch))) for epoch in range(40)]
    assert len(set(shuffled)) > 10
    assert all(sorted(boxes) == sorted(BOXES) for boxes in shuffled)


def test_points_have_an_order_too():
    points = [(9, 9), (1, 2), (0, 5)]
    assert in_order(points, BoxOrder.CENTER) == [(1, 2), (0, 5), (9, 9)]
    assert in_order(points, BoxOrder.AREA) == sorted(points)


@given(st.lists(st.tuples(*[st.integers(0, 20)] * 4)), st.sampled_from(BoxOrder))
def test_an_order_neither_loses_nor_repeats(boxes, order):
    found = in_order(boxes, order, np.random.default_rng(0))
    assert sorted(found) == sorted(set(boxes))


def test_equal_boxes_are_written_once():
    same = Target("cat", (1, 2, 3, 4))
    assert answer_groups(Question(Task.ground("cat"), (same, same)), (1000, 1000), 1000) == [
        ("cat", [(1, 2, 3, 4)])
    ]
    words = (Target("a", (1, 2, 3, 4)), Target("a", (1, 2, 3, 4)), Target("b", (1, 2, 3, 4)))
    assert answer_groups(Question(Task.text(), words), (1000, 1000), 1000) == [
        ("a", [(1, 2, 3, 4)]),
        ("b", [(1, 2, 3, 4)]),
    ]


def test_text_follows_the_order_as_a_whole():
    words = (Target("big", (50, 50, 90, 90)), Target("small", (1, 1, 5, 5)))
    found = answer_groups(Question(Task.text(), words), (1000, 1000), 1000, BoxOrder.AREA)
    assert [label for label, _ in found] == ["big", "small"]


# --- chance comes from the key ----------------------------------------------------------------------

RICH = scene(
    detect(cat=3, dog=2, bird=1),
    Question(Task.ground("red"), (Target("red", box_of(3)),)),
    Question(Task.point("blue"), (Target("blue", box_of(4)),)),
)
RULES = AnswerConfig(
    negative_rate={TaskKind.DETECT: 0.4, TaskKind.GROUND: 0.5}, max_questions=3, max_categories=4
)


def test_the_same_key_gives_the_same_questions_and_another_epoch_others():
    first = choose(RICH, RULES)
    assert first == choose(RICH, RULES)
    asked = {choose(RICH, RULES, epoch).sample.questions for epoch in range(20)}
    assert len(asked) > 10


@given(st.integers(0, 2**32), st.integers(0, 10**9), st.integers(0, 100))
@settings(max_examples=50)
def test_whatever_is_asked_is_true_and_within_the_limits(seed, index, epoch):
    chosen = choose_questions(RICH, RULES, answer_rng(seed, index, epoch), NAMES)
    questions = chosen.sample.questions
    assert 1 <= len(questions) <= 3
    assert len({question.task for question in questions}) == len(questions)
    truth = {q.task.kind: q.targets for q in RICH.questions}
    for question in questions:
        names = question.task.categories or (question.task.phrase,)
        assert len(set(names)) == len(names) <= 4
        expected = [t for t in truth[question.task.kind] if t.label in names]
        assert sorted(map(repr, question.targets)) == sorted(map(repr, expected))


# --- negatives ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.1, 0.225, 0.5, 0.6])
def test_the_share_of_absent_categories_is_the_rate(rate):
    config = AnswerConfig(negative_rate={TaskKind.DETECT: rate})
    asked: Counter[bool] = Counter()
    for epoch in range(1500):
        (question,) = choose(scene(detect(cat=3, dog=2)), config, epoch).sample.questions
        present = {target.label for target in question.targets}
        asked.update(name in present for name in question.task.categories)
    assert asked[False] / asked.total() == pytest.approx(rate, abs=0.03)


def test_the_share_of_absent_phrases_is_the_rate():
    config = AnswerConfig(negative_rate={TaskKind.POINT: 0.25})
    sample = scene(Question(Task.point("cat"), (Target("cat", box_of(1)),)))
    asked = [q for e in range(2000) for q in choose(sample, config, e).sample.questions]
    assert {q.task.kind for q in asked} == {TaskKind.POINT}
    assert sum(not q.targets for q in asked) / len(asked) == pytest.approx(0.25, abs=0.03)


def test_negatives_that_the_sample_brings_count_and_stay():
    sample = scene(Question(Task.detect(["cat", "unicorn"]), (Target("cat", box_of(0)),)))
    for epoch in range(20):
        (question,) = choose(
            sample, AnswerConfig(negative_rate={TaskKind.DETECT: 0.5}), epoch
        ).sample.questions
        assert set(question.task.categories) == {"cat", "unicorn"}


@pytest.mark.parametrize(("brought", "rate"), [(0, 0.3), (0, 0.8), (2, 0.5), (4, 0.3)])
def test_phrases_have_their_share_of_negatives_too(brought, rate):
    asked = [Question(Task.point(name), (Target(name, box_of(0)),)) for name in ("cat", "dog", "owl", "hen")]
    asked += [Question(Task.point(f"absent {i}")) for i in range(brought)]
    config = AnswerConfig(negative_rate={TaskKind.POINT: rate})
    found = [q for e in range(400) for q in choose(scene(*asked), config, e).sample.questions]
    share = np.mean([not question.targets for question in found])
    assert share == pytest.approx(max(rate, brought / len(asked)), abs=0.03)


def test_a_negative_is_never_something_in_the_image():
    seen = (Target("Name 3", box_of(1)), Target("name 4", box_of(2)))
    config = AnswerConfig(negative_rate={TaskKind.DETECT: 0.9})
    for epoch in range(30):
        (question,) = choose(
            scene(detect(cat=1), objects=seen), config, epoch, ("name 3", "name 4", "CAT", "name 5")
        ).sample.questions
        assert set(question.task.categories) <= {"cat", "name 5"}


def test_without_names_nothing_is_added():
    (question,) = choose(
        scene(detect(cat=1)), AnswerConfig(negative_rate={TaskKind.DETECT: 0.9}), 0, ()
    ).sample.questions
    assert question.task.categories == ("cat",)


# --- limits ---------------------------------------------------------------------------------------------


def test_a_category_is_left_out_whole():
    config = AnswerConfig(max_targets=5)
    kept = set()
    for epoch in range(20):
        chosen = choose(scene(detect(cat=4, dog=3, bird=2)), config, epoch)
        (question,) = chosen.sample.questions
        counts = Counter(target.label for target in question.targets)
        assert counts.total() <= 5
        assert all(counts[name] == {"cat": 4, "dog": 3, "bird": 2}[name] for name in question.task.categories)
        kept.add(frozenset(counts))
    assert len(kept) > 1


def test_too_many_targets_of_one_label_are_dropped_with_the_reason():
    many = tuple(Target("cat", box_of(i)) for i in range(9))
    chosen = choose(scene(detect(cat=9), Question(Task.ground("cat"), many)), AnswerConfig(max_targets=8), 0)
    assert chosen.sample.questions == ()
    assert sorted(chosen.dropped) == [
        "detect 'cat': more than 8 targets",
        "ground 'cat': more than 8 targets",
    ]


def test_categories_keep_their_order_where_that_is_asked():
    sample = scene(detect(cat=1, dog=1, bird=1, cow=1))
    config = AnswerConfig(shuffle_categories=False, max_categories=2)
    for epoch in range(10):
        (question,) = choose(sample, config, epoch).sample.questions
        places = [("cat", "dog", "bird", "cow").index(name) for name in question.task.categories]
        assert len(places) == 2
        assert places == sorted(places)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"negative_rate": {TaskKind.DETECT: 1.0}}, "share from 0 to below 1, got 1.0"),
        ({"negative_rate": {TaskKind.TEXT: 0.1}}, "a text task names nothing"),
        ({"max_targets": 0}, "max_targets is at least 1"),
    ],
)
def test_rules_that_cannot_be(fields, message):
    with pytest.raises(DataError, match=message):
        AnswerConfig(**fields)


def test_a_target_that_answers_no_category_is_refused():
    wrong = Question(Task.detect(["cat"]), (Target("dog", box_of(0)),))
    with pytest.raises(DataError, match="'dog' answers none of the categories asked for: cat"):
        choose(scene(wrong), AnswerConfig())
