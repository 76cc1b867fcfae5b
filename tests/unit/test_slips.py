"""Wrong boxes inside an answer: drawn from other things, seen by both streams, learnt by none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locany.codec import Tokenizer
from locany.data.answers import AnswerConfig, answer_rng, choose_questions
from locany.data.encode import encode_sample
from locany.data.sample import Question, Sample, Target
from locany.data.slips import MOST, add_slips
from locany.data.streams import IGNORE
from locany.errors import DataError
from locany.geometry import iou_matrix
from locany.image import PreprocessConfig
from locany.tasks import Task

SIZE = 1000  # a pixel is a bin
CONFIG = PreprocessConfig()
CHECKPOINT = Path(__file__).resolve().parents[1] / "parity" / "golden" / "tiny-checkpoint"
OBJECTS = tuple(
    Target(name, (x, y, x + 80, y + 90))
    for name, places in {
        "cat": [(10, 10), (500, 20)],
        "dog": [(200, 300), (610, 700), (300, 600)],
        "cup": [(800, 100)],
    }.items()
    for x, y in places
)
WORD = Target("exit", (400, 800, 450, 820), text="exit")


def asking(task: Task, *labels: str) -> Question:
    return Question(task, tuple(target for target in OBJECTS if target.label in labels))


def slipped(question: Question, objects=(*OBJECTS, WORD), rate: float = 1.0, seed: int = 0) -> Question:
    return add_slips(question, objects, rate, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(20))
def test_slips_are_other_things_under_the_label_asked_for(seed: int) -> None:
    found = slipped(asking(Task.detect(["cat", "zebra"]), "cat"), seed=seed)
    assert found.targets == asking(Task.detect(["cat"]), "cat").targets
    things = {target.xyxy: target.label for target in OBJECTS}
    for label in ("cat", "zebra"):
        shown = [things[slip.xyxy] for slip in found.slips if slip.label == label]
        assert 0 < len(shown) <= MOST
        assert "cat" not in shown or label == "zebra"
        assert len(set(shown)) <= 2, "things of one kind follow each other, seldom of two"


def test_words_slip_in_for_words_and_things_for_things() -> None:
    sign = replace(WORD, label="shop", text="shop", xyxy=(10, 900, 60, 930))
    question = Question(Task.find_text("exit"), (WORD,))
    assert [slip.text for slip in slipped(question, (*OBJECTS, WORD, sign)).slips] == ["shop"]


@pytest.mark.parametrize(
    "task", [Task.refer("cat"), Task.gui("cat"), Task.gui("cat", point=True), Task.text()]
)
def test_answers_with_one_place_or_all_text_have_none(task: Task) -> None:
    assert slipped(asking(task, "cat")) == asking(task, "cat")


def test_what_lies_on_a_right_box_is_not_wrong() -> None:
    row = Target("row", (100, 100, 900, 200))
    inside = Target("cell", (300, 110, 380, 190))
    nearly = Target("line", (100, 110, 900, 200))
    question = Question(Task.layout(["row"]), (row,))
    assert slipped(question, (row, inside, nearly)).slips == ()


def test_the_same_name_may_slip_in_for_a_description() -> None:
    red, blue = (Target("cup", (x, 0, x + 50, 50)) for x in (0, 500))
    question = Question(Task.ground("red cup"), (replace(red, label="red cup"),))
    assert [slip.xyxy for slip in slipped(question, (red, blue)).slips] == [blue.xyxy]
    assert slipped(Question(Task.ground("cup")), (red, blue)).slips == (), "absent by mistake, not by name"


def test_a_rate_is_a_share_of_labels() -> None:
    counts = [len(slipped(asking(Task.ground("cat"), "cat"), rate=0.3, seed=s).slips) > 0 for s in range(400)]
    assert 0.24 < np.mean(counts) < 0.36
    with pytest.raises(DataError, match="slip_rate is a share"):
        AnswerConfig(slip_rate=1.5)


def test_without_a_rate_nothing_is_drawn() -> None:
    sample = Sample(np.zeros((SIZE, SIZE, 3), np.uint8), (asking(Task.detect(["cat"]), "cat"),), OBJECTS)
    rngs = answer_rng(0, 1, 2), answer_rng(0, 1, 2)
    plain = choose_questions(sample, AnswerConfig(), rngs[0]).sample
    other = choose_questions(sample, AnswerConfig(slip_rate=0.0), rngs[1]).sample
    assert plain == other
    assert rngs[0].random() == rngs[1].random()


boxes = st.tuples(*[st.integers(0, 900)] * 2, *[st.integers(20, 99)] * 2).map(
    lambda v: (v[0], v[1], v[0] + v[2], v[1] + v[3])
)


@given(st.lists(st.tuples(st.sampled_from(["cat", "dog", "cup"]), boxes), max_size=12), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_no_slip_counts_as_right(drawn, seed) -> None:
    objects = tuple(Target(name, box) for name, box in drawn)
    question = Question(Task.detect(["cat"]), tuple(t for t in objects if t.label == "cat"))
    found = slipped(question, objects, seed=seed)
    if found.slips and found.targets:
        overlaps = iou_matrix([t.xyxy for t in found.slips], [t.xyxy for t in found.targets])
        assert overlaps.max() <= 0.4


# --- in the streams -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_folder(CHECKPOINT)


def learnt(tokenizer: Tokenizer, question: Question) -> tuple[str, str, str]:
    """What an answer holds, and what each stream learns of it."""
    sample = Sample(np.zeros((SIZE, SIZE, 3), np.uint8), (question,), OBJECTS)
    encoded = encode_sample(tokenizer, sample, CONFIG)
    streams = encoded.streams
    text, block = streams.block < 0, streams.block >= 0
    said = tokenizer.decode(streams.token_ids[text]).split("assistant\n")[-1]
    parts = (streams.targets[at & (streams.targets != IGNORE)] for at in (text, block))
    return said, *(tokenizer.decode(part).replace("<null>", "") for part in parts)  # type: ignore[return-value]


def test_both_streams_see_slips_and_learn_the_rest(tokenizer: Tokenizer) -> None:
    question = asking(Task.detect(["cat", "zebra"]), "cat")
    _, plain, _ = learnt(tokenizer, question)
    dog, cup = (next(t for t in OBJECTS if t.label == name) for name in ("dog", "cup"))
    slips = (replace(dog, label="cat"), replace(cup, label="zebra"))
    said, text, blocks = learnt(tokenizer, replace(question, slips=slips))
    shown = {
        name: f"<box>{''.join(f'<{v}>' for v in t.xyxy)}</box>" for name, t in (("dog", dog), ("cup", cup))
    }
    for name, box in shown.items():
        assert box in said, name
        assert box not in text + blocks, name
    assert text == blocks
    assert text.split("<ref>zebra</ref>")[0] == plain.split("<ref>zebra</ref>")[0]
    assert text.endswith("<ref>zebra</ref><|im_end|>"), "behind a slip of an absent name comes the end"


def test_slips_stand_in_the_order_of_the_answer(tokenizer: Tokenizer) -> None:
    dog = next(t for t in OBJECTS if t.label == "dog")  # between the cats
    said, *_ = learnt(
        tokenizer, replace(asking(Task.ground("cat"), "cat"), slips=(replace(dog, label="cat"),))
    )
    assert [said.index(f"<box><{x}>") for x in (10, 200, 500)] == sorted(
        said.index(f"<box><{x}>") for x in (10, 200, 500)
    )


def test_a_slip_in_the_bins_of_a_right_box_is_none(tokenizer: Tokenizer) -> None:
    cat = OBJECTS[0]
    question = asking(Task.ground("cat"), "cat")
    assert learnt(tokenizer, replace(question, slips=(cat,))) == learnt(tokenizer, question)
