"""Answers: what is written is read back, and whatever else a model may write is read without a fall."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from locany.codec import AnswerItem, read_answer, write_answer
from tests.vocabulary import spell

END = "<|im_end|>"
BOX, OTHER = "<box><1><2><3><4></box>", "<box><5><6><7><8></box>"
B1, B2 = (1, 2, 3, 4), (5, 6, 7, 8)


def read(tokenizer, text):
    return read_answer(tokenizer, tokenizer.encode(spell(tokenizer, text)))


def found(answer):
    return [(item.label, item.bins) for item in answer.items]


# --- write, then read -----------------------------------------------------------------------------


def labels() -> st.SearchStrategy[str]:
    """Labels as they are read back: composed, no blanks around them; often with tokens spelled out."""
    pieces = st.one_of(
        st.text(max_size=4), st.sampled_from(["</ref>", "<box>", "<7>", END, "None", "e\u0301"])
    )
    texts = st.lists(pieces, min_size=1, max_size=4).map("".join)
    return texts.map(lambda text: unicodedata.normalize("NFC", text.strip()).strip()).filter(bool)


def items() -> st.SearchStrategy[list[tuple[int, ...]]]:
    bins = st.integers(0, 1000)
    boxes = st.tuples(bins, bins, bins, bins).map(
        lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
    )
    return st.lists(st.one_of(boxes, st.tuples(bins, bins)), max_size=4)


@given(
    unlabelled=st.none() | items(),
    labelled=st.lists(st.tuples(labels(), items()), max_size=5),
    end=st.booleans(),
)
@example(unlabelled=[], labelled=[], end=True)
@example(unlabelled=None, labelled=[("cat", [B1] * 300)], end=True)
def test_what_is_written_is_read_back(tokenizer, unlabelled, labelled, end):
    groups = [*([] if unlabelled is None else [("", unlabelled)]), *labelled]
    ids = write_answer(tokenizer, groups, end=end)
    answer = read_answer(tokenizer, ids)
    assert found(answer) == [(label, bins) for label, boxes in groups for bins in boxes or [()]]
    assert answer.dropped == ()
    assert answer.ended == end
    for item in answer.items:  # the span is the frame, without the label
        assert ids[item.start : item.stop] == write_answer(
            tokenizer, [("", [item.bins] if item.bins else [])], end=False
        )


def test_an_answer_in_tokens(tokenizer):
    groups = [("cat", [B1, B2]), ("dog", []), ("eye", [(9, 1000)])]
    text = f"<ref>cat</ref>{BOX}{OTHER}<ref>dog</ref><box>None</box><ref>eye</ref><box><9><1000></box>"
    text = spell(tokenizer, text)
    assert write_answer(tokenizer, groups) == tokenizer.encode(text + END)
    assert write_answer(tokenizer, groups, end=False) == tokenizer.encode(text)
    assert write_answer(tokenizer, []) == [tokenizer.vocab.end]
    assert write_answer(tokenizer, [("", [])]) == tokenizer.encode(spell(tokenizer, f"<box>None</box>{END}"))


def test_a_label_is_written_as_plain_text(tokenizer):
    ids = write_answer(tokenizer, [(f"</ref>{BOX}{END}", [B2])])
    assert found(read_answer(tokenizer, ids)) == [(f"</ref>{BOX}{END}", B2)]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([("cat", [(1, 2, 3)])], "a box has 4 bins and a point 2"),
        ([("cat", [(1, 2, 3, 1001)])], "bin 1001 outside 0..1000"),
        ([("cat", [(-1, 2)])], "bin -1 outside 0..1000"),
        ([("cat", [B1]), ("", [B2])], "a group without a label would be read as 'cat'"),
    ],
)
def test_what_cannot_be_read_back_is_not_written(tokenizer, groups, message):
    with pytest.raises(AssertionError, match=message):
        write_answer(tokenizer, groups)


def test_negatives_with_and_without_a_label(tokenizer):
    answer = read(
        tokenizer, f"<box>None</box><ref>cat</ref><box>None</box><ref>dog</ref>{BOX}<box>none</box>{END}"
    )
    assert found(answer) == [("", ()), ("cat", ()), ("dog", B1), ("dog", ())]
    assert [item.is_negative for item in answer.items] == [True, True, False, True]
    assert answer.dropped == ()
    assert AnswerItem("cat", ()).is_negative
    assert not AnswerItem("", (0, 0)).is_negative


# --- what models write ----------------------------------------------------------------------------

# name: (text, items, what `dropped` says). Text is read with special tokens; "ended" is whether END occurs.
UGLY = {
    # cut off
    "empty answer": ("", [], []),
    "only the end": (END, [], []),
    "only null": ("<null>" * 6, [], []),
    "missing end": (f"<ref>cat</ref>{BOX}", [("cat", B1)], []),
    "missing </box> and end": (
        "<ref>cat</ref><box><1><2><3><4>",
        [("cat", B1)],
        ["a box was mended (it is not closed): <box><1><2><3><4>"],
    ),
    "missing </box> before the end": (
        f"<box><1><2><3><4>{END}",
        [("", B1)],
        ["a box was mended (it is not closed): <box><1><2><3><4>"],
    ),
    "missing </box> before a box": (
        f"<box><1><2><3><4>{OTHER}{END}",
        [("", B1), ("", B2)],
        ["a box was mended (it is not closed): <box><1><2><3><4>"],
    ),
    "missing </box> before a label": (
        f"<box><1><2><3><4><ref>dog</ref>{OTHER}{END}",
        [("", B1), ("dog", B2)],
        ["a box was mended (it is not closed): <box><1><2><3><4>"],
    ),
    "missing </box> of a negative": (
        f"<ref>cat</ref><box>None{END}",
        [("cat", ())],
        ["a box was mended (it is not closed): <box>None"],
    ),
    "truncated after <box>": (
        f"<ref>cat</ref>{BOX}<box>",
        [("cat", B1)],
        ["a box cut short, with 0 coordinates: <box>"],
    ),
    "truncated inside a box": (
        f"<ref>cat</ref>{BOX}<box><5><6><7>",
        [("cat", B1)],
        ["a box cut short, with 3 coordinates: <box><5><6><7>"],
    ),
    "an open point may be half a box": (
        f"<box><5><6>{END}",
        [],
        ["a box cut short, with 2 coordinates: <box><5><6>"],
    ),
    "truncated inside a label": (
        f"<ref>cat</ref>{BOX}<ref>do",
        [("cat", B1)],
        ["label 'do' is not closed", "label 'do' without a box"],
    ),
    "truncated after <ref>": ("<ref>", [], ["label '' is not closed", "an empty label"]),
    # wrong number of coordinates
    "1 coordinate": ("<box><1></box>" + END, [], ["a box with 1 coordinates: <box><1></box>"]),
    "3 coordinates": (
        f"<ref>cat</ref><box><1><2><3></box>{OTHER}{END}",
        [("cat", B2)],
        ["a box with 3 coordinates: <box><1><2><3></box>"],
    ),
    "3 coordinates and nothing else": (
        f"<ref>cat</ref><box><1><2><3></box>{END}",
        [],
        ["a box with 3 coordinates: <box><1><2><3></box>", "label 'cat' without a box"],
    ),
    "5 coordinates": (
        f"<box><1><2><3><4><5></box>{OTHER}{END}",
        [("", B2)],
        ["a box with 5 coordinates: <box><1><2><3><4><5></box>"],
    ),
    "a point with an extra coordinate": (
        f"<ref>eye</ref><box><9><9></box><box><1><2><3></box>{END}",
        [("eye", (9, 9))],
        ["a box with 3 coordinates: <box><1><2><3></box>"],
    ),
    "<box></box>": (f"<box></box>{END}", [], ["a box with 0 coordinates: <box></box>"]),
    "null fills a frame": (
        f"<box><null><null><null><null></box>{END}",
        [],
        ["a box with 0 coordinates: <box><null><null><null><null></box>"],
    ),
    # padding
    "null behind items": (f"<ref>cat</ref><null><null>{BOX}<null>{END}<null>", [("cat", B1)], []),
    "pad tokens": (f"<ref>cat</ref>{BOX}<|endoftext|>{END}<|endoftext|><|endoftext|>", [("cat", B1)], []),
    "null inside a box": (
        f"<box><1><2><null><3><4></box>{END}",
        [("", B1)],
        ["a box was mended (padding inside): <box><1><2><null><3><4></box>"],
    ),
    "pad inside a point": (
        f"<box><1><2><|endoftext|></box>{END}",
        [("", (1, 2))],
        ["a box was mended (padding inside): <box><1><2><|endoftext|></box>"],
    ),
    "fast block of 3 coordinates": (  # spec 10.3: committed with its null
        f"<box><1><2><3></box><null>{OTHER}{END}",
        [("", B2)],
        ["a box with 3 coordinates: <box><1><2><3></box>"],
    ),
    "null inside a label": (
        f"<ref>red<null> car</ref>{BOX}{END}",
        [("red car", B1)],
        ["tokens that do not belong in a label: red<null> car"],
    ),
    # corners
    "inverted corners": (
        f"<box><3><4><1><2></box>{END}",
        [("", B1)],
        ["a box was mended (corners put in order): <box><3><4><1><2></box>"],
    ),
    "one inverted side and no end": (
        "<box><3><2><1><4>",
        [("", B1)],
        ["a box was mended (it is not closed, corners put in order): <box><3><2><1><4>"],
    ),
    "zero area": (f"<box><5><5><5><5></box>{END}", [("", (5, 5, 5, 5))], []),
    "zero width": (f"<box><5><0><5><1000></box>{END}", [("", (5, 0, 5, 1000))], []),
    # labels
    "label without box": (
        f"<ref>cat</ref><ref>dog</ref>{BOX}{END}",
        [("dog", B1)],
        ["label 'cat' without a box"],
    ),
    "last label without box": (
        f"<ref>cat</ref>{BOX}<ref>dog</ref>{END}",
        [("cat", B1)],
        ["label 'dog' without a box"],
    ),
    "box without label": (f"{BOX}<ref>cat</ref>{OTHER}{END}", [("", B1), ("cat", B2)], []),
    "repeated label": (f"<ref>cat</ref>{BOX}<ref>cat</ref>{BOX}{END}", [("cat", B1), ("cat", B1)], []),
    "empty label": (
        f"<ref>cat</ref>{BOX}<ref></ref>{OTHER}{END}",
        [("cat", B1), ("", B2)],
        ["an empty label"],
    ),
    "blank label": (f"<ref> \n</ref>{BOX}{END}", [("", B1)], ["an empty label"]),
    "label with blanks around it": (f"<ref> cat </ref>{BOX}{END}", [("cat", B1)], []),
    "unclosed label": (f"<ref>cat{BOX}{END}", [("cat", B1)], ["label 'cat' is not closed"]),
    "label closed by </box>": (
        f"<ref>cat</box>{BOX}{END}",
        [("cat", B1)],
        ["tokens that do not belong in a label: cat</box>", "label 'cat' is not closed"],
    ),
    "nested <ref>": (
        f"<ref>red <ref>cat</ref>{BOX}{END}",
        [("cat", B1)],
        ["label 'red' is not closed", "label 'red' without a box"],
    ),
    "<ref> inside <box>": (
        f"<box><1><2><ref>cat</ref><3><4></box>{OTHER}{END}",
        [("cat", B2)],
        ["a box cut short, with 2 coordinates: <box><1><2>", "3 tokens between items: <3><4></box>"],
    ),
    "box inside a label": (
        f"<ref>red {BOX}cat</ref>{OTHER}{END}",
        [("red", B1), ("red", B2)],
        ["label 'red' is not closed", "2 tokens between items: cat</ref>"],
    ),
    "coordinates inside a label": (
        f"<ref>cat<5></ref>{BOX}{END}",
        [("cat", B1)],
        ["tokens that do not belong in a label: cat<5>"],
    ),
    "mask inside a label": (
        f"<ref>cat<text_mask></ref>{BOX}{END}",
        [("cat", B1)],
        ["tokens that do not belong in a label: cat<text_mask>"],
    ),
    "only structure in a label": (
        f"<ref><IMG_CONTEXT></c></ref>{BOX}{END}",
        [("", B1)],
        ["tokens that do not belong in a label: <IMG_CONTEXT></c>", "an empty label"],
    ),
    # negatives
    "None": (f"<ref>cat</ref><box>None</box>{END}", [("cat", ())], []),
    "none": (f"<ref>cat</ref><box>none</box>{END}", [("cat", ())], []),
    "None twice": (f"<box>NoneNone</box>{END}", [("", ())], []),
    "None with null": (
        f"<box>None<null></box>{END}",
        [("", ())],
        ["a box was mended (padding inside): <box>None<null></box>"],
    ),
    "None with a coordinate": (
        f"<box>None<5></box>{OTHER}{END}",
        [("", B2)],
        ["a box with other tokens than coordinates: <box>None<5></box>"],
    ),
    "None without a frame": (
        f"<ref>cat</ref>None{END}",
        [],
        ["1 token between items: None", "label 'cat' without a box"],
    ),
    # words where none belong
    "words in a box": (
        f"<box>cat</box>{OTHER}{END}",
        [("", B2)],
        ["a box with other tokens than coordinates: <box>cat</box>"],
    ),
    "digits in a box": (
        f"<box>1234</box>{END}",
        [],
        ["a box with other tokens than coordinates: <box>1234</box>"],
    ),
    "a word among coordinates": (
        f"<box><1><2><3>cat<4></box>{END}",
        [],
        ["a box with other tokens than coordinates: <box><1><2><3>cat<4></box>"],
    ),
    "text between items": (
        f"<ref>cat</ref>cat{BOX}.{OTHER}\n{END}",
        [("cat", B1), ("cat", B2)],
        ["3 tokens between items: cat.\n"],
    ),
    "only text": (f"cat{END}", [], ["1 token between items: cat"]),
    "coordinates outside a frame": (
        f"<1><2>{BOX}<3><4>{END}",
        [("", B1)],
        ["4 tokens between items: <1><2><3><4>"],
    ),
    "</box> alone": (f"</box>{BOX}</box>{END}", [("", B1)], ["2 tokens between items: </box></box>"]),
    "</ref> alone": (f"cat</ref>{BOX}{END}", [("", B1)], ["2 tokens between items: cat</ref>"]),
    "</ref> twice": (f"<ref>cat</ref></ref>{BOX}{END}", [("cat", B1)], ["1 token between items: </ref>"]),
    "mask tokens": (
        f"{BOX}<text_mask><text_mask>{END}",
        [("", B1)],
        ["2 tokens between items: <text_mask><text_mask>"],
    ),
    "mask inside a box": (
        f"<box><1><2><text_mask><4></box>{END}",
        [],
        ["a box with other tokens than coordinates: <box><1><2><text_mask><4></box>"],
    ),
    "image tokens": (
        f"<img><IMG_CONTEXT></img>{BOX}{END}",
        [("", B1)],
        ["3 tokens between items: <img><IMG_CONTEXT></img>"],
    ),
    "a new turn": (
        f"<|im_start|>assistant\n{BOX}{END}",
        [("", B1)],
        ["3 tokens between items: <|im_start|>assistant\n"],
    ),
    "separator and switch": (f"</c><switch>{BOX}{END}", [("", B1)], ["2 tokens between items: </c><switch>"]),
    # the end
    "two ends": (f"{BOX}{END}{END}", [("", B1)], []),
    "items after the end": (
        f"{BOX}{END}{OTHER}",
        [("", B1)],
        [f"6 tokens after the end of the answer: {OTHER}"],
    ),
    "one token after the end": (f"{END}cat<null>{END}", [], ["1 token after the end of the answer: cat"]),
    "end inside a box": (
        f"<box><1><2>{END}<3><4></box>",
        [],
        [
            "a box cut short, with 2 coordinates: <box><1><2>",
            "3 tokens after the end of the answer: <3><4></box>",
        ],
    ),
    "end inside a label": (
        f"<ref>cat{END}</ref>{BOX}",
        [],
        [
            "label 'cat' is not closed",
            "label 'cat' without a box",
            f"7 tokens after the end of the answer: </ref>{BOX}",
        ],
    ),
}


@pytest.mark.parametrize(("text", "items", "dropped"), UGLY.values(), ids=UGLY.keys())
def test_ugly_answers(tokenizer, text, items, dropped):
    answer = read(tokenizer, text)
    assert found(answer) == items
    assert sorted(answer.dropped) == sorted(spell(tokenizer, sentence) for sentence in dropped)
    assert answer.ended == (END in text)


@pytest.mark.parametrize("outside", [-1, "size", 2**70])
def test_ids_out_of_the_vocabulary_are_dropped_and_shown(tokenizer, outside):
    foreign = tokenizer.vocab.size if outside == "size" else outside
    vocab, cat = tokenizer.vocab, tokenizer.encode_plain("cat")
    c = [vocab.coord(b) for b in B1]

    between = read_answer(tokenizer, [foreign, vocab.box, *c, vocab.box_end, foreign, vocab.end, foreign])
    assert found(between) == [("", B1)]
    assert between.dropped == (
        "2 tokens between items: \ufffd\ufffd",
        "1 token after the end of the answer: \ufffd",
    )

    label = read_answer(tokenizer, [vocab.ref, *cat, foreign, vocab.ref_end, vocab.box, *c, vocab.box_end])
    assert found(label) == [("cat", B1)]
    assert label.dropped == ("tokens that do not belong in a label: cat\ufffd",)

    frame = read_answer(tokenizer, [vocab.box, *c[:3], foreign, vocab.box_end])
    assert found(frame) == []
    assert frame.dropped == ("a box with other tokens than coordinates: <box><1><2><3>\ufffd</box>",)


def test_ids_may_be_an_array(tokenizer):
    ids = np.array(tokenizer.encode(f"<ref>cat</ref>{BOX}stray{END}"), dtype=np.int64)
    answer = read_answer(tokenizer, ids)
    assert found(answer) == [("cat", B1)]
    assert len(answer.dropped) == 1


# --- anything at all ------------------------------------------------------------------------------

STRUCTURE = [
    "<box>",
    "</box>",
    "<ref>",
    "</ref>",
    END,
    "<null>",
    "<|endoftext|>",
    "None",
    "none",
    "<0>",
    "<7>",
    "<1000>",
]


@given(
    data=st.lists(
        st.one_of(st.sampled_from(STRUCTURE), st.sampled_from(STRUCTURE), st.integers(0, 2**20)), max_size=60
    )
)
def test_reading_never_fails_and_gives_well_formed_items(tokenizer, data):
    vocab = tokenizer.vocab
    ids = [tokenizer.encode(t)[0] if isinstance(t, str) else t % vocab.size for t in data]
    answer = read_answer(tokenizer, ids)
    assert answer.ended == (vocab.end in ids)
    position = 0
    for item in answer.items:
        assert position <= item.start < item.stop <= len(ids)
        assert ids[item.start] == vocab.box
        position = item.stop
        assert len(item.bins) in (0, 2, 4)
        assert item.is_negative == (len(item.bins) == 0)
        assert all(0 <= b <= vocab.max_bin for b in item.bins)
        if len(item.bins) == 4:
            assert item.bins[0] <= item.bins[2]
            assert item.bins[1] <= item.bins[3]
        assert item.label == item.label.strip()
    frames = (ids[: ids.index(vocab.end)] if answer.ended else ids).count(vocab.box)
    assert len(answer.items) <= frames
    assert len(answer.items) == frames or answer.dropped  # nothing is lost in silence
    assert all(isinstance(sentence, str) and sentence for sentence in answer.dropped)
