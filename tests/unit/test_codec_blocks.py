"""Blocks: the layouts of spec 6.1, and that nothing of an answer is lost or moved."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locany.codec import write_answer
from locany.codec.blocks import plain_blocks, structured_blocks
from tests.vocabulary import spell

PROMPT = "<|im_start|>assistant\n"


def cut(tokenizer, answer):
    """(ids of prompt and answer, the answer's blocks); the answer may be text or ids."""
    prompt = tokenizer.encode(PROMPT)
    ids = [*prompt, *(tokenizer.encode(spell(tokenizer, answer)) if isinstance(answer, str) else answer)]
    return ids, structured_blocks(ids, len(prompt) - 1, tokenizer.vocab)


def as_text(tokenizer, blocks):
    none = spell(tokenizer, "None")
    texts = [tokenizer.decode(block.targets) for block in blocks]
    return [text.replace("<null>", "_").replace(none, "None") for text in texts]


# Digits are single tokens, so that "1234567" is a label of seven.
@pytest.mark.parametrize(
    ("answer", "layout"),
    [
        ("<ref>1</ref><|im_end|>", ["<ref>1</ref>___", "<|im_end|>_____"]),
        ("<ref>1234</ref><|im_end|>", ["<ref>1234</ref>", "<|im_end|>_____"]),
        ("<ref>12345</ref><|im_end|>", ["<ref>12345", "</ref>_____", "<|im_end|>_____"]),
        ("<ref>1234567</ref><|im_end|>", ["<ref>12345", "67</ref>___", "<|im_end|>_____"]),
        ("<box><1><2><3><4></box><|im_end|>", ["<box><1><2><3><4></box>", "<|im_end|>_____"]),
        ("<box><1><2></box><|im_end|>", ["<box><1><2></box>__", "<|im_end|>_____"]),
        ("<box>None</box><|im_end|>", ["<box>None</box>___", "<|im_end|>_____"]),
        ("<|im_end|>", ["<|im_end|>_____"]),
        (
            "<ref>1</ref><box><1><2><3><4></box><box><5><6><7><8></box><ref>2</ref><box>None</box><|im_end|>",
            [
                *("<ref>1</ref>___", "<box><1><2><3><4></box>", "<box><5><6><7><8></box>"),
                *("<ref>2</ref>___", "<box>None</box>___", "<|im_end|>_____"),
            ],
        ),
    ],
)
def test_layouts(tokenizer, answer, layout):
    assert as_text(tokenizer, cut(tokenizer, answer)[1]) == layout


@pytest.mark.parametrize("num_tokens", range(1, 21))
def test_a_long_label_takes_as_many_blocks_as_its_tokens_need(tokenizer, num_tokens):
    label = "1234567890" * 2
    _, blocks = cut(tokenizer, f"<ref>{label[:num_tokens]}</ref><box>None</box><|im_end|>")
    texts = as_text(tokenizer, blocks)
    of_label = texts.index("<box>None</box>___")
    assert of_label == math.ceil((num_tokens + 2) / 6)
    assert [text.startswith("<ref>") for text in texts[:of_label]] == [True, *[False] * (of_label - 1)]
    assert ["</ref>" in text for text in texts[:of_label]] == [*[False] * (of_label - 1), True]


def groups(max_bin: int = 1000) -> st.SearchStrategy:
    """Groups of an answer, each with a label."""
    bins = st.integers(0, max_bin)
    items = st.lists(st.one_of(st.tuples(bins, bins), st.tuples(bins, bins, bins, bins)), max_size=4)
    return st.lists(st.tuples(st.text(min_size=1, max_size=20), items), max_size=5)


@given(groups=groups())
def test_blocks_say_exactly_the_answer(tokenizer, groups):
    vocab = tokenizer.vocab
    answer = write_answer(tokenizer, groups)
    ids, blocks = cut(tokenizer, answer)
    assert [t for block in blocks for t in block.targets if t != vocab.null] == answer
    anchor = len(ids) - len(answer) - 1
    for block in blocks:
        said = [t for t in block.targets if t != vocab.null]
        assert block.anchor == anchor
        assert block.inputs == (ids[anchor], *[vocab.mask] * (vocab.block_size - 1))
        assert block.targets == (*said, *[vocab.null] * (vocab.block_size - len(said)))
        assert not any(
            t in (vocab.ref_end, vocab.box_end) for t in said[:-1]
        )  # nothing behind a closing token
        assert vocab.end not in said or said == [vocab.end]
        anchor += len(said)


def test_only_this_answer_is_cut(tokenizer):
    """The blocks stop at the end token, whatever follows in the conversation."""
    _, blocks = cut(tokenizer, "<box>None</box><|im_end|>\n<|im_start|>user\nmore<|im_end|>")
    assert as_text(tokenizer, blocks) == ["<box>None</box>___", "<|im_end|>_____"]


def test_an_answer_without_an_end_is_our_mistake(tokenizer):
    with pytest.raises(AssertionError, match="closed by the end token"):
        cut(tokenizer, "<box>None</box>")


@pytest.mark.parametrize("num_targets", [1, 5, 6, 7, 12, 17])
def test_free_text_is_cut_into_full_blocks_at_any_offset(tokenizer, num_targets):
    vocab = tokenizer.vocab
    prompt, text = tokenizer.encode(PROMPT), tokenizer.encode_plain("1234567890" * 2)[: num_targets - 1]
    ids, anchor = [*prompt, *text, vocab.end], len(prompt) - 1
    for offset in range(num_targets % vocab.block_size + 1):
        blocks = plain_blocks(ids, anchor, num_targets, offset, vocab)
        assert len(blocks) == num_targets // vocab.block_size
        said = [t for block in blocks for t in block.targets]
        assert said == ids[anchor + 1 + offset : anchor + 1 + offset + len(said)]
        assert all(block.inputs[0] == ids[block.anchor] for block in blocks)
        assert all(len(block.targets) == vocab.block_size for block in blocks)
