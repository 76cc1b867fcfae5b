"""From a sample to its streams: the order of an answer, and that the answers read back to the targets."""

from __future__ import annotations

import numpy as np
import pytest

from locany.codec import prompt_ids, read_answer
from locany.data.encode import answer_groups, encode_sample, target_bins
from locany.data.sample import Question, Sample, Target
from locany.data.streams import IGNORE
from locany.errors import DataError
from locany.geometry import from_bins
from locany.image import PreprocessConfig
from locany.tasks import Task

SIZE = (1000, 1000)  # so that a pixel is a bin


def groups(task: Task, *targets: Target):
    return answer_groups(Question(task, targets), SIZE, 1000)


# --- order ----------------------------------------------------------------------------------------


def test_boxes_of_a_label_are_sorted_by_x_then_y():
    boxes = [(300, 10, 320, 20), (100, 50, 120, 60), (100, 40, 900, 60), (20, 900, 30, 910)]
    assert groups(Task.ground("cat"), *(Target("cat", box) for box in boxes)) == [
        ("cat", [boxes[3], boxes[2], boxes[1], boxes[0]])
    ]


def test_categories_keep_the_order_of_the_question_and_absent_ones_are_negative():
    found = groups(
        Task.detect(["zebra", "cat", "dog"]),
        *(Target("dog", (1, 2, 3, 4)), Target("zebra", (9, 9, 10, 10)), Target("dog", (0, 2, 3, 4))),
    )
    assert found == [("zebra", [(9, 9, 10, 10)]), ("cat", []), ("dog", [(0, 2, 3, 4), (1, 2, 3, 4)])]


def test_scene_text_is_sorted_by_its_box_and_never_grouped():
    found = groups(
        Task.text(),
        *(Target(t, (x, y, x + 9, y + 9)) for t, x, y in [("b", 50, 9), ("a", 70, 1), ("b", 50, 3)]),
    )
    assert found == [("b", [(50, 3, 59, 12)]), ("b", [(50, 9, 59, 18)]), ("a", [(70, 1, 79, 10)])]


def test_a_point_is_the_targets_own_or_the_centre_of_its_box():
    found = groups(
        Task.point("eye"),
        *(Target("eye", (10, 20, 30, 60)), Target("eye", (0, 0, 9, 9), (5, 7)), Target("eye", point=(3, 4))),
    )
    assert found == [("eye", [(3, 4), (5, 7), (20, 40)])]


@pytest.mark.parametrize(
    "task", [Task.ground("cat"), Task.refer("cat"), Task.point("cat"), Task.find_text("cat"), Task.gui("cat")]
)
def test_nothing_found_is_a_labelled_negative(task):
    assert groups(task) == [("cat", [])]


def test_targets_rounded_outwards_land_on_the_edge_and_others_outside_are_refused():
    assert target_bins(Target("cat", (-1, 20, 1001, 1000.4)), SIZE, 1000, point=False) == (0, 20, 1000, 1000)
    for values in ((-5, 20, 900, 900), (5, 20, 900, 1002), (2000, 1, 2001, 2)):
        with pytest.raises(DataError, match="outside its image of 1000 x 1000 pixels"):
            target_bins(Target("cat", values), SIZE, 1000, point=False)
    assert target_bins(Target("cat", (0, 0, 5, 10)), (10, 10), 100, point=False) == (0, 0, 50, 100)


# --- targets that do not fit ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "target", "message"),
    [
        (Task.detect(["cat", "dog"]), Target("cow", (1, 2, 3, 4)), "target 'cow' answers none .* cat, dog"),
        (
            Task.ground("cat"),
            Target("Cat", (1, 2, 3, 4)),
            "target 'Cat' answers none of the labels asked for: cat",
        ),
        (
            Task.detect("cat"),
            Target("cat", point=(1, 2)),
            "target 'cat' has no box, but the task asks for boxes",
        ),
        (Task.text(), Target("EXIT", point=(1, 2)), "target 'EXIT' has no box"),
        (Task.point("cat"), Target("cat"), "target 'cat' has neither a point nor a box"),
        (Task.gui("cat", point=True), Target("cat"), "target 'cat' has neither a point nor a box"),
    ],
)
def test_a_target_that_does_not_fit_is_named(task, target, message):
    with pytest.raises(DataError, match=message):
        groups(task, target)


def test_encoding_passes_the_error_on(tokenizer):
    sample = Sample(
        np.zeros((28, 28, 3), np.uint8), (Question(Task.ground("cat"), (Target("dog", (1, 2, 3, 4)),)),)
    )
    with pytest.raises(DataError, match="target 'dog'"):
        encode_sample(tokenizer, sample, PreprocessConfig())


# --- streams --------------------------------------------------------------------------------------

WIDTH, HEIGHT = 90, 61
RNG = np.random.default_rng(7)


def box() -> tuple[float, ...]:
    x, y = np.sort(RNG.uniform(0, WIDTH, 2)), np.sort(RNG.uniform(0, HEIGHT, 2))
    return (float(x[0]), float(y[0]), float(x[1]), float(y[1]))


CATS = tuple(Target("cat", box()) for _ in range(5))
WORDS = tuple(Target(text, box()) for text in ("EXIT", "EXIT", "</ref> <box>", "a rather long line of text"))
QUESTIONS = (
    Question(Task.detect(["dog", "cat", "cow"]), (*CATS, Target("cow", box()))),
    Question(Task.text(), WORDS),
    Question(Task.point("cat"), (*CATS, Target("cat", point=(12.3, 45.6)))),
    Question(Task.refer("the red button"), (Target("the red button", box()),)),
    Question(Task.gui("x")),
    Question(Task.text()),
)
NEGATIVES = (["dog"], [], [], [], ["x"], [""])  # the labels of each question that get a None


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample(np.zeros((HEIGHT, WIDTH, 3), np.uint8), QUESTIONS, objects=CATS)


def expected(question: Question) -> list[tuple[str, tuple[float, ...]]]:
    """(label, pixels) of every target, as the task asks for them."""
    if not question.task.expects_points:
        return [(t.label, t.xyxy) for t in question.targets]
    centres = [
        ((t.xyxy[0] + t.xyxy[2]) / 2, (t.xyxy[1] + t.xyxy[3]) / 2) if t.xyxy else t.point
        for t in question.targets
    ]
    return [(t.label, centre) for t, centre in zip(question.targets, centres, strict=True)]


def test_answers_in_the_streams_read_back_to_the_targets(tokenizer, sample):
    streams = encode_sample(tokenizer, sample, PreprocessConfig()).streams
    null = tokenizer.vocab.null
    for branch, question in enumerate(sample.questions, start=1):
        here = (streams.branch == branch) & (streams.targets != IGNORE)
        text = streams.targets[here & (streams.block < 0)]
        blocks = streams.targets[here & (streams.block >= 0)]
        assert blocks[blocks != null].tolist() == text.tolist()  # both streams teach one answer
        answer = read_answer(tokenizer, text)
        assert answer.ended
        assert answer.dropped == ()

        items = [item for item in answer.items if not item.is_negative]
        left = expected(question)
        assert len(items) == len(left)
        for item in items:
            pixels = from_bins(item.bins, (WIDTH, HEIGHT))
            half = np.tile([WIDTH, HEIGHT], len(pixels) // 2) / 2000 * (1 + 1e-9)
            near = [t for t in left if t[0] == item.label and (np.abs(np.array(t[1]) - pixels) <= half).all()]
            assert near, f"{item} is none of {left}"
            left.remove(near[0])
        negatives = [item.label for item in answer.items if item.is_negative]
        assert negatives == NEGATIVES[branch - 1]


def test_each_branch_is_the_prompt_that_is_asked_at_inference(tokenizer, sample):
    encoded = encode_sample(tokenizer, sample, PreprocessConfig())
    streams = encoded.streams
    ((rows, columns),) = encoded.grids
    shared = streams.token_ids[(streams.branch == 0) & (streams.block < 0)].tolist()
    for branch, question in enumerate(sample.questions, start=1):
        text = (streams.branch == branch) & (streams.block < 0)
        ids, targets = streams.token_ids[text].tolist(), streams.targets[text]
        opening = (
            int(np.flatnonzero(targets != IGNORE)[0]) + 1
        )  # the newline before the answer predicts its start
        assert shared + ids[:opening] == prompt_ids(tokenizer, question.task, [rows * columns // 4])


def test_the_rest_of_an_encoded_sample(tokenizer, sample):
    encoded = encode_sample(tokenizer, sample, PreprocessConfig())
    ((rows, columns),) = encoded.grids
    assert encoded.pixels.shape == (rows * columns, 3, 14, 14)
    assert encoded.truth.labels == ("cat",) * len(CATS)
    assert (
        np.abs(from_bins(encoded.truth.bins, (WIDTH, HEIGHT)) - [t.xyxy for t in CATS]).max() <= WIDTH / 2000
    )
    empty = encode_sample(tokenizer, Sample(sample.image, ()), PreprocessConfig())
    assert empty.truth is None
    assert (empty.streams.targets == IGNORE).all()
